"""Frames of every wrong size and shape, and clients that behave badly with good ones."""

from __future__ import annotations

import os
import random
import resource
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from struct import pack

import pytest

from moldau import Broker
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.api_versions import ApiVersionsRequest
from moldau.protocol.messages.heartbeat import HeartbeatRequest
from moldau.protocol.messages.metadata import MetadataRequest, MetadataResponse
from moldau.protocol.primitives import uvarint
from tests.attacks.raw import Raw, batch, fetch_request, frame, produce_request
from tests.attacks.witness import Witness, memory_mb

pytestmark = pytest.mark.slow  # each has a broker to attack

LIMIT = 100 * 1024 * 1024  # socket.request.max.bytes
PING = frame(ApiVersionsRequest(), 0)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (pack(">i", 0), "a request of 0 bytes"),
        (pack(">i", 1) + b"\0", "a request of 1 bytes"),
        (pack(">i", 3) + b"\0\0\0", "a request of 3 bytes"),
        (pack(">i", -1), "announces a request of -1 bytes"),
        (pack(">i", -(2**31)), "announces a request of -2147483648 bytes"),
        (pack(">i", 2**31 - 1), "the limit is 104857600 (socket.request.max.bytes)"),
        (pack(">i", LIMIT + 1), "announces a request of 104857601 bytes"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "speaks HTTP"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "speaks TLS"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "announces a request of"),
        (pack(">ihhihb", 11, 3, 9, 1, -1, 0x7F), "a request header is cut short"),
        (pack(">ihhih", 10, 99, 0, 1, -1), "API key 99, which this broker does not serve"),
        (pack(">ihhih", 10, -1, 0, 1, -1), "API key -1"),
        (pack(">ihhih", 10, 32767, 0, 1, -1), "API key 32767"),
        (pack(">ihhih", 10, 3, 99, 1, -1), "version 99 of Metadata"),
        (pack(">ihhih", 10, 3, -1, 1, -1), "version -1 of Metadata"),
        (pack(">ihhih", 10, 0, 2, 1, -1), "version 2 of Produce"),
    ],
)
def test_who_sends_nonsense_loses_the_connection_and_is_named(
    data: bytes, says: str, broker: Broker
) -> None:
    with Witness(broker), Raw(broker.bootstrap_servers) as bad:
        bad.socket.sendall(data)
        assert bad.is_closed_by_peer()
    # The witness has asked something since then, so the line is written.
    assert says in broker.log_text.splitlines()[-1]


def test_a_string_beyond_what_strings_may_be_is_refused(broker: Broker) -> None:
    for length, is_too_long in ((0x7FFF, False), (0x8000, True)):
        with Raw(broker.bootstrap_servers) as client:
            client.send(HeartbeatRequest(group_id="g" * length), 4)
            assert bool(client.socket.recv(1)) != is_too_long


def test_a_client_id_that_says_it_is_longer_than_the_request_harms_nobody(broker: Broker) -> None:
    with Witness(broker), Raw(broker.bootstrap_servers) as odd:
        odd.socket.sendall(pack(">ihhih", 10, 18, 0, 1, 30000))
        assert odd.receive_id() == 1


def test_a_request_may_come_byte_by_byte(broker: Broker) -> None:
    with Witness(broker), Raw(broker.bootstrap_servers) as slow:
        slow.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in PING:
            slow.socket.sendall(bytes([byte]))
        assert slow.receive_id() == 1


def test_half_a_frame_and_then_nothing_harms_nobody(broker: Broker) -> None:
    with Witness(broker), ExitStack() as open_:
        for cut in range(len(PING)):
            half = open_.enter_context(Raw(broker.bootstrap_servers))
            half.socket.sendall(PING[:cut])
        with Raw(broker.bootstrap_servers) as other:
            other.ping()
    # All of them are gone now, in the middle of a frame.
    with Raw(broker.bootstrap_servers) as other:
        other.ping()


def test_an_announced_frame_that_never_comes_costs_nothing(broker: Broker) -> None:
    with Witness(broker, memory_mb=100), ExitStack() as open_:
        for _ in range(200):
            liar = open_.enter_context(Raw(broker.bootstrap_servers))
            liar.socket.sendall(pack(">i", LIMIT) + b"\0\0\0\x09")
        with Raw(broker.bootstrap_servers) as other:
            other.ping()


def test_the_largest_frame_is_taken(broker: Broker) -> None:
    """100 MiB of one topic name that no topic can have, in a request that is otherwise good."""
    with Witness(broker, memory_mb=420), Raw(broker.bootstrap_servers) as big:
        name = b"x" * 32767
        count = (LIMIT - 100) // (len(name) + 2)
        payload = pack(">hhihi", 3, 1, 7, -1, count) + (pack(">h", len(name)) + name) * count
        big.socket.sendall(pack(">i", len(payload)) + payload)
        del payload
        assert big.receive_id() == 7


def test_a_thousand_silent_connections(broker: Broker) -> None:
    raise_limit()
    with Witness(broker, memory_mb=40), ExitStack() as open_:
        for _ in range(1000):
            open_.enter_context(Raw(broker.bootstrap_servers))
        with Raw(broker.bootstrap_servers) as other:
            other.ping()


def test_a_storm_of_connections(broker: Broker) -> None:
    with Witness(broker, memory_mb=40):
        for i in range(1000):
            with Raw(broker.bootstrap_servers) as one:
                if i % 3 == 0:
                    one.socket.sendall(PING[: i % len(PING)])
                elif i % 3 == 1:
                    one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))


def raise_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def test_thousands_of_partitions_are_made_and_others_are_served_meanwhile(
    broker: Broker, raw: Raw
) -> None:
    with Witness(broker, memory_mb=100):
        raw.create("thousands", 3000)
        last = raw.produce("thousands", batch(b"v"), partition=2999)
        while last.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            last = raw.produce("thousands", batch(b"v"), partition=2999)
        assert last.error_code == 0
    raw.delete("thousands")


# --- many requests at once ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def wide(broker: Broker) -> str:
    """A topic that makes a long answer to a short question."""
    with Raw(broker.bootstrap_servers) as admin:
        admin.create("wide", 500)
        return "wide"


def pipelined(broker: Broker, requests: bytes, count: int) -> list[int]:
    """Sends all of it while it reads the answers; their correlation ids."""
    with Raw(broker.bootstrap_servers) as client:
        client.socket.setblocking(False)
        rest = memoryview(requests)
        received = bytearray()
        ids: list[int] = []
        while len(ids) < count:
            can_read, can_write, _ = select.select(
                [client.socket], [client.socket] if rest else [], [], 30
            )
            assert can_read or can_write, "the broker no longer answers"
            if can_write:
                rest = rest[client.socket.send(rest) :]
            if can_read:
                received += client.socket.recv(1 << 20)
            ids += cut_ids(received)
        return ids


def cut_ids(received: bytearray) -> Iterator[int]:
    position = 0
    while len(received) - position >= 4:
        size = int.from_bytes(received[position : position + 4], "big")
        if len(received) - position < size + 4:
            break
        yield int.from_bytes(received[position + 4 : position + 8], "big")
        position += size + 4
    del received[:position]


def test_5000_pipelined_requests(broker: Broker) -> None:
    requests = b"".join(frame(ApiVersionsRequest(), 0, i) for i in range(5000))
    with Witness(broker):
        assert pipelined(broker, requests, 5000) == list(range(5000))


def test_5000_pipelined_requests_of_all_kinds_keep_their_order(broker: Broker, raw: Raw) -> None:
    raw.create("mixed")
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    kinds = [
        lambda i: frame(ApiVersionsRequest(), 0, i),
        lambda i: frame(MetadataRequest(topics=None), 1, i),
        lambda i: frame(produce_request("mixed", batch(b"v"), acks=-1), 9, i),
        lambda i: frame(produce_request("mixed", batch(b"v"), acks=1), 9, i),
        lambda i: frame(fetch_request("mixed", 0, max_bytes=1000), 12, i),
        lambda i: frame(fetch_request("mixed", 1 << 40, max_wait_ms=5, min_bytes=1), 12, i),
    ]
    requests = b"".join(rng.choice(kinds)(i) for i in range(5000))
    with Witness(broker):
        assert pipelined(broker, requests, 5000) == list(range(5000))


def test_short_questions_with_long_answers_do_not_pile_up(broker: Broker, wide: str) -> None:
    """Each answer is some 20 KB; all 8,000 of them at once would be 160 MB."""
    request = frame(MetadataRequest(topics=None), 1)
    with Witness(broker, memory_mb=40), Raw(broker.bootstrap_servers) as client:
        send_what_is_taken(client, request * 8000)


def test_requests_that_want_no_answer_are_read_on(broker: Broker, raw: Raw) -> None:
    raw.create("unanswered")
    raw.socket.sendall(
        b"".join(frame(produce_request("unanswered", batch(b"v"), acks=0), 9) for _ in range(5000))
    )
    raw.ping()
    assert len(raw.values("unanswered")) == 5000


def test_a_client_that_never_reads_costs_little_and_is_served_when_it_does(
    broker: Broker, raw: Raw
) -> None:
    raw.create("large")
    for _ in range(30):
        raw.produce("large", batch(bytes(900_000)))
    with Witness(broker, memory_mb=40), ExitStack() as open_:
        clients = []
        for _ in range(20):
            client = open_.enter_context(Raw(broker.bootstrap_servers, receive_buffer=4096))
            for _ in range(40):
                client.send(fetch_request("large", 0), 12)
            clients.append(client)
        with Raw(broker.bootstrap_servers) as other:
            other.ping()
            assert other.fetch("large").error_code == 0
        for expected in range(1, 4):
            assert clients[0].receive_id() == expected


def send_what_is_taken(client: Raw, requests: bytes) -> int:
    """As far as the broker reads and the network holds; the number of bytes."""
    client.socket.setblocking(False)
    rest = memoryview(requests)
    while rest and select.select([], [client.socket], [], 0.5)[1]:
        rest = rest[client.socket.send(rest) :]
    client.socket.setblocking(True)
    return len(requests) - len(rest)


def test_large_requests_behind_one_that_waits_stay_on_the_network(broker: Broker, raw: Raw) -> None:
    raw.create("slow")
    waiting = frame(fetch_request("slow", 0, max_wait_ms=60_000, min_bytes=1), 12)
    large = frame(produce_request("slow", bytes(2 << 20)), 9)
    with Witness(broker, memory_mb=40), Raw(broker.bootstrap_servers) as client:
        assert send_what_is_taken(client, waiting + 60 * large) < 30 * len(large)


def test_a_long_preface_to_each_produce_is_not_remembered(broker: Broker, raw: Raw) -> None:
    """A producer's repetitions are recognised by the bytes before its records; here those are
    long, and each time others."""
    raw.create("prefaced")
    with Witness(broker, memory_mb=40):
        for i in range(200):
            good = frame(produce_request("prefaced", batch(b"v"), acks=1), 9)[4:]
            head, body = good[:HEADER_OF_RAW], good[HEADER_OF_RAW + 1 :]
            tag = b"\x01\x7f" + uvarint(500_000) + bytes([i]) * 500_000
            payload = head + tag + body
            raw.socket.sendall(pack(">i", len(payload)) + payload)
            raw.receive()
        assert len(raw.values("prefaced")) == 200


HEADER_OF_RAW = 13  # of a request up to its tagged fields, with "raw" as the client id


def test_nothing_is_held_for_a_client_that_goes_away_while_it_is_answered(
    broker: Broker, raw: Raw
) -> None:
    descriptors = f"/proc/{broker.pid}/fd"
    with Witness(broker):
        before = len(os.listdir(descriptors))
        for _ in range(50):
            with Raw(broker.bootstrap_servers) as client:
                client.send(fetch_request("nowhere", 0, max_wait_ms=60_000, min_bytes=1), 12)
                client.send(MetadataRequest(topics=None), 1)
        raw.ask(MetadataRequest(topics=None), MetadataResponse, 1)
    assert len(os.listdir(descriptors)) <= before + 8
    assert memory_mb(broker.pid) < 500
