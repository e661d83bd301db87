"""A client that sends Produce requests of one record over sockets: `python -m bench.requests JOB`.

JOB is JSON: {"do": "rate" | "latency", "address", "pid" (of the broker), "topic", "partitions",
"acks", "connections", "depth", "seconds", "warm_seconds", "most"}. Prints one JSON line.

Cheap enough to keep a broker busy from one core: the request of a connection is encoded once and
only its correlation id is patched, answers are counted by their (equal) size, and one epoll waits
for all. Every answer's correlation id and error code is looked at.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import sys
import time
from struct import Struct
from typing import Any

from bench.process import cpu_seconds
from moldau.protocol.codec import decode_from, encode
from moldau.protocol.messages.header import RequestHeader, ResponseHeader
from moldau.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from moldau.protocol.records import Record, build

PRODUCE_VERSION = 10  # what librdkafka speaks, and every broker here serves
VALUE_SIZE = 100
GIVE_UP_S = 20.0
_LENGTH = Struct(">i")
_ID_IN_REQUEST = 8  # length, API key, version, then the correlation id
_ID = Struct(">i")
_RECEIVE = 1 << 16


class WrongAnswer(Exception):
    """The broker refused a request, or answered one that was not sent."""


def request_bytes(topic: str, partition: int, acks: int) -> bytes:
    """One framed Produce request with one record of VALUE_SIZE bytes, correlation id 0."""
    batch = build([Record(0, int(time.time() * 1000), None, bytes(VALUE_SIZE))])
    data = TopicProduceData(name=topic, partition_data=[])
    data.partition_data.append(PartitionProduceData(index=partition, records=batch))
    header = RequestHeader(
        request_api_key=0, request_api_version=PRODUCE_VERSION, correlation_id=0, client_id="bench"
    )
    body = ProduceRequest(acks=acks, timeout_ms=30_000, topic_data=[data])
    payload = encode(header, 1) + b"\x00" + encode(body, PRODUCE_VERSION)
    return _LENGTH.pack(len(payload)) + payload


class Link:
    """One connection with at most `depth` requests under way."""

    def __init__(self, job: dict[str, Any], partition: int) -> None:
        host, _, port = job["address"].rpartition(":")
        self.socket = socket.create_connection((host, int(port)), GIVE_UP_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = request_bytes(job["topic"], partition, job["acks"])
        self._request_size = len(request)
        self._requests = bytearray(request * job["depth"])
        self._view = memoryview(self._requests)
        self._sent = self._answered = 0
        self._tail = b""
        self._learn_answer()

    def _learn_answer(self) -> None:
        """Asks until the partition has a leader, and notes where the answer has what."""
        until = time.monotonic() + GIVE_UP_S
        while True:
            self.send(1)
            frame = self._one_answer()
            self._sent = self._answered = 0
            _, position = decode_from(ResponseHeader, 1, frame, 4)
            response, _ = decode_from(ProduceResponse, PRODUCE_VERSION, frame, position)
            error = response.responses[0].partition_responses[0].error_code
            if not error:
                break
            if time.monotonic() > until:
                raise WrongAnswer(f"the broker answers Produce with error {error}")
            time.sleep(0.05)
        name = response.responses[0].name.encode()
        # Behind the name: one byte for the count of partitions, four for the index.
        self._answer = Struct(f">ii{frame.index(name) + len(name) + 5 - 8}xh")
        self._answer_size = len(frame)

    def _one_answer(self) -> bytes:
        frame = b""
        while len(frame) < 4 or len(frame) < 4 + _LENGTH.unpack_from(frame)[0]:
            chunk = self.socket.recv(_RECEIVE)
            if not chunk:
                raise WrongAnswer("the broker closed the connection")
            frame += chunk
        return frame

    def send(self, count: int) -> None:
        position = _ID_IN_REQUEST
        for _ in range(count):
            _ID.pack_into(self._requests, position, self._sent)
            self._sent += 1
            position += self._request_size
        self.socket.sendall(self._view[: count * self._request_size])

    def receive(self) -> int:
        """The number of answers that have come."""
        data = self.socket.recv(_RECEIVE)
        if not data:
            raise WrongAnswer("the broker closed the connection")
        if self._tail:
            data = self._tail + data
        size, count = self._answer_size, len(data) // self._answer_size
        for position in range(0, count * size, size):
            length, answered, error = self._answer.unpack_from(data, position)
            if length != size - 4 or answered != self._answered or error:
                raise WrongAnswer(
                    f"expected answer {self._answered} of {size - 4} bytes without error, "
                    f"got {answered} of {length} bytes with error {error}"
                )
            self._answered += 1
        self._tail = data[count * size :]
        return count


def rate(job: dict[str, Any]) -> dict[str, float]:
    """Requests answered per second, and the CPU time of both sides per request (µs)."""
    links = [Link(job, i % job["partitions"]) for i in range(job["connections"])]
    epoll = select.epoll()
    by_number = {link.socket.fileno(): link for link in links}
    for number, link in by_number.items():
        epoll.register(number, select.EPOLLIN)
        link.send(job["depth"])
    _pump(epoll, by_number, job["warm_seconds"])
    broker, client, start = cpu_seconds(job["pid"]), time.process_time(), time.perf_counter()
    count = _pump(epoll, by_number, job["seconds"])
    seconds = time.perf_counter() - start
    return {
        "per_second": count / seconds,
        "broker_us": (cpu_seconds(job["pid"]) - broker) / count * 1e6,
        "client_us": (time.process_time() - client) / count * 1e6,
    }


def _pump(epoll: select.epoll, links: dict[int, Link], seconds: float) -> int:
    """Answers what comes with as many new requests, for so long. The number of answers."""
    clock, count = time.perf_counter, 0
    until = clock() + seconds
    while clock() < until:
        events = epoll.poll(GIVE_UP_S)
        if not events:
            raise WrongAnswer(f"no answer in {GIVE_UP_S:.0f} s")
        for number, _ in events:
            link = links[number]
            answers = link.receive()
            if answers:
                link.send(answers)
                count += answers
    return count


def latency(job: dict[str, Any]) -> dict[str, float]:
    """One record at a time: the time from before the send to behind the receive, in ms."""
    link = Link(job, 0)
    _one_by_one(link, job["warm_seconds"], job["most"])
    times = sorted(_one_by_one(link, job["seconds"], job["most"]))
    parts = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
    return {name: times[int(len(times) * part)] * 1e3 for name, part in parts.items()}


def _one_by_one(link: Link, seconds: float, most: int) -> list[float]:
    clock = time.perf_counter
    times: list[float] = []
    until = clock() + seconds
    while len(times) < most and (start := clock()) < until:
        link.send(1)
        while not link.receive():
            pass
        times.append(clock() - start)
    return times


def main(text: str) -> None:
    job = json.loads(text)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a thousand connections
    print(json.dumps({"rate": rate, "latency": latency}[job["do"]](job)))


if __name__ == "__main__":
    main(sys.argv[1])
