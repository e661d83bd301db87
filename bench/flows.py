"""Clients of several at once, over confluent-kafka: `python -m bench.flows JOB`.

JOB is JSON: {"do": "end_to_end" | "group" | "behind", "address", ...}. Prints one JSON line.
"""

from __future__ import annotations

import json
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from bench.process import cpu_seconds

GIVE_UP_S = 120.0
_STAMP = struct.Struct(">q")
PADDING = bytes(92)  # values of 100 bytes


def end_to_end(job: dict[str, Any]) -> dict[str, float]:
    """Milliseconds from before produce() until the value is in the consumer's hands, at a rate:
    records go out when they are due, so that a stall is not hidden by sending less."""
    consumer = Consumer(
        {"bootstrap.servers": job["address"], "group.id": "bench", "enable.auto.commit": False}
    )
    producer = Producer({"bootstrap.servers": job["address"], "linger.ms": 0, "acks": job["acks"]})
    producer.produce(job["topic"], _STAMP.pack(0) + PADDING)
    producer.flush(GIVE_UP_S)
    consumer.assign([TopicPartition(job["topic"], 0, 0)])
    if consumer.poll(GIVE_UP_S) is None:
        raise KafkaException("the first record did not come")
    count = int(job["rate"] * job["seconds"])
    sender = threading.Thread(target=_send_at_rate, args=(producer, job, count), daemon=True)
    sender.start()
    waits: list[int] = []
    while len(waits) < count:
        messages = consumer.consume(1000, 0.05)
        now = time.perf_counter_ns()
        for message in messages:
            value = message.value()
            assert value is not None
            waits.append(now - _STAMP.unpack_from(value)[0])
        if not messages and not sender.is_alive() and not producer.flush(1):
            raise KafkaException(f"{len(waits)} of {count} records came")
    consumer.close()
    waits = sorted(waits[count // 10 :])  # the first tenth warms up
    parts = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
    return {name: waits[int(len(waits) * part)] / 1e6 for name, part in parts.items()}


def _send_at_rate(producer: Producer, job: dict[str, Any], count: int) -> None:
    begin, rate, topic = time.perf_counter_ns(), job["rate"], job["topic"]
    for number in range(count):
        due = begin + int(number * 1e9 / rate)
        while (now := time.perf_counter_ns()) < due:
            producer.poll(0)
            time.sleep(min((due - now) / 1e9, 0.0005))
        producer.produce(topic, _STAMP.pack(time.perf_counter_ns()) + PADDING)
    producer.flush(GIVE_UP_S)


def group(job: dict[str, Any]) -> dict[str, float]:
    """Seconds until all members of a new group have a partition each, and until those that are
    left have all of them when one has gone."""
    settings = {
        "bootstrap.servers": job["address"],
        "group.id": job["group"],
        "enable.auto.commit": False,
        "session.timeout.ms": 45_000,
    }
    members = [Consumer(settings) for _ in range(job["members"])]
    begin = time.perf_counter()
    for member in members:
        member.subscribe([job["topic"]])
    _until(members, lambda counts: min(counts) >= 1 and sum(counts) == job["partitions"])
    joined = time.perf_counter()
    members.pop().close()
    left = time.perf_counter()
    _until(members, lambda counts: sum(counts) == job["partitions"])
    settled = time.perf_counter()
    for member in members:
        threading.Thread(target=member.close, daemon=True).start()
    return {"joined": joined - begin, "settled": settled - left}


def _until(members: list[Consumer], enough: Callable[[list[int]], bool]) -> None:
    until = time.monotonic() + GIVE_UP_S
    while time.monotonic() < until:
        for member in members:
            member.poll(0)
        if enough([len(member.assignment()) for member in members]):
            return
        time.sleep(0.005)
    raise KafkaException(f"the group was not settled after {GIVE_UP_S:.0f} s")


def behind(job: dict[str, Any]) -> dict[str, float]:
    """Consumers that each read a topic of their own from its start, all at once."""
    broker, begin = cpu_seconds(job["pid"]), time.perf_counter()
    problems: list[BaseException] = []
    threads = [
        threading.Thread(target=_read_all, args=(job, topic, problems)) for topic in job["topics"]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    used = cpu_seconds(job["pid"]) - broker
    return {"seconds": time.perf_counter() - begin, "broker_cpu": used}


def _read_all(job: dict[str, Any], topic: str, problems: list[BaseException]) -> None:
    try:
        consumer = Consumer(
            {
                "bootstrap.servers": job["address"],
                "group.id": f"bench-{topic}",
                "enable.auto.commit": False,
            }
        )
        consumer.assign([TopicPartition(topic, 0, 0)])
        seen = 0
        while seen < job["count"]:
            messages = consumer.consume(min(10_000, job["count"] - seen), GIVE_UP_S)
            if not messages:
                raise KafkaException(f"{seen} of {job['count']} records of {topic} came")
            seen += len(messages)
        consumer.close()
    except BaseException as problem:
        problems.append(problem)


def main(text: str) -> None:
    job = json.loads(text)
    print(json.dumps({"end_to_end": end_to_end, "group": group, "behind": behind}[job["do"]](job)))


if __name__ == "__main__":
    main(sys.argv[1])
