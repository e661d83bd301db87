"""Frames in, answers out: order, turns, versions, and what loses its connection."""

from __future__ import annotations

from struct import pack, unpack_from
from types import SimpleNamespace
from typing import Any

import pytest

from moldau.broker.request import TURN, Connection, Request
from moldau.broker.served import Served
from moldau.broker.wire import MAX_INFLIGHT, MAX_WAITING, MAX_WAITING_BYTES, TURN_BYTES, Wire
from moldau.cluster.image import ClusterImage
from moldau.protocol.codec import decode, encode
from moldau.protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from moldau.protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from moldau.protocol.messages.metadata import MetadataResponse, MetadataResponseBroker

PRODUCE, HEARTBEAT, API_VERSIONS = 0, 12, 18


class Parking(Wire):
    """A wire on which Produce and Heartbeat are parked until the test answers them."""

    def __init__(self) -> None:
        super().__init__(lambda _line: None)
        self.parked: list[Request] = []
        # What ApiVersions asks of a node.
        self.image = ClusterImage(features={"metadata.version": 30, "from.the.future": 1})
        self.controller = SimpleNamespace(end_offset=8)

        def park(_node: Any, request: Request) -> None:
            self.parked.append(request)

        for key in (PRODUCE, HEARTBEAT):
            self._apis[key] = Served("Parked", 0, 4, 4, HeartbeatRequest, park)

    def give(self, request: Request) -> None:
        self.respond(request, HeartbeatResponse())

    def sent(self) -> list[int]:
        """Correlation ids of the answers that left."""
        sends, self.drain().sends = self.drain().sends, []
        return [unpack_from(">i", bytes(parts[0]), 4)[0] for _, parts in sends]


def connection() -> Connection:
    return Connection(1, "PLAINTEXT", ("127.0.0.1", 9092), "127.0.0.1", None)


def frame(api_key: int, correlation_id: int, body: bytes | None = None, version: int = 0) -> bytes:
    if body is None:
        body = encode(HeartbeatRequest(group_id="g", member_id="m"), 0)
    return pack(">hhih", api_key, version, correlation_id, 1) + b"c" + body


def test_answers_leave_in_the_order_of_the_requests() -> None:
    wire, peer = Parking(), connection()
    for i in range(3):
        wire.frame(peer, frame(PRODUCE, i))
    first, second, third = wire.parked
    wire.give(third)
    wire.give(second)
    assert wire.sent() == []
    wire.give(first)
    assert wire.sent() == [0, 1, 2]


def test_only_a_produce_may_begin_before_what_came_earlier_is_answered() -> None:
    wire, peer = Parking(), connection()
    wire.frame(peer, frame(PRODUCE, 0))
    wire.frame(peer, frame(PRODUCE, 1))
    wire.frame(peer, frame(HEARTBEAT, 2))
    wire.frame(peer, frame(PRODUCE, 3))
    assert [r.correlation_id for r in wire.parked] == [0, 1]
    wire.give(wire.parked[0])
    wire.give(wire.parked[1])
    assert wire.sent() == [0, 1]
    assert [r.correlation_id for r in wire.parked] == [0, 1, 2], "a Produce waits for a Heartbeat"
    wire.give(wire.parked[2])
    assert wire.sent() == [2]
    assert wire.parked[3].correlation_id == 3


def test_thousands_of_waiting_requests_are_no_deep_recursion() -> None:
    wire, peer = Parking(), connection()
    wire.frame(peer, frame(HEARTBEAT, 0))
    for i in range(1, 5000):
        wire.frame(peer, frame(API_VERSIONS, i, b""))
    wire.give(wire.parked[0])
    sent = wire.sent()
    while wire.next_deadline() is not None:
        wire.tick(0)
        sent += wire.sent()
    assert sent == list(range(5000))


def test_one_connection_asks_for_so_much_in_a_round_and_then_others_have_their_turn() -> None:
    wire, peer, other = Parking(), connection(), connection()
    for i in range(TURN + 10):
        wire.frame(peer, frame(API_VERSIONS, i, b""))
    wire.frame(other, frame(API_VERSIONS, 1000, b""))
    assert wire.sent() == [*range(TURN), 1000]
    assert wire.next_deadline() == wire.now_ms, "the rest waits for no event"
    wire.tick(1)
    assert wire.sent() == list(range(TURN, TURN + 10))
    assert wire.next_deadline() is None


def test_a_long_answer_takes_more_of_a_turn() -> None:
    wire, peer = Parking(), connection()
    for i in range(10):
        wire.frame(peer, frame(HEARTBEAT, i))
    brokers = [MetadataResponseBroker(host="x" * TURN_BYTES) for _ in range(TURN)]
    wire.encode(wire.parked[0], MetadataResponse(brokers=brokers))
    wire.give(wire.parked[0])
    wire.drain()
    assert len(wire.parked) == 1
    wire.tick(1)
    wire.drain()
    assert len(wire.parked) == 2


def test_so_many_produces_may_wait_for_the_disk() -> None:
    wire, peer = Parking(), connection()
    for i in range(2 * MAX_INFLIGHT):
        wire.tick(i)
        wire.frame(peer, frame(PRODUCE, i))
    assert len(wire.parked) == MAX_INFLIGHT
    assert not wire.wants_more(peer)


def test_large_frames_wait_in_small_numbers() -> None:
    wire, peer = Parking(), connection()
    wire.frame(peer, frame(HEARTBEAT, 0))
    wire.frame(peer, frame(HEARTBEAT, 1))
    assert wire.wants_more(peer)
    wire.frame(peer, frame(HEARTBEAT, 2, bytes(MAX_WAITING_BYTES)))
    assert not wire.wants_more(peer)


def test_a_connection_with_much_waiting_is_not_read_on() -> None:
    wire, peer = Parking(), connection()
    for i in range(MAX_WAITING + 1):
        assert wire.wants_more(peer) is (i <= MAX_WAITING)
        wire.frame(peer, frame(HEARTBEAT, i))
    assert not wire.wants_more(peer)


def test_nothing_begins_on_a_connection_that_does_not_take_its_answers() -> None:
    wire, peer = Parking(), connection()
    peer.unsent = True
    wire.frame(peer, frame(HEARTBEAT, 0))
    assert wire.parked == []
    wire.drained(peer)
    wire.drain()
    assert [r.correlation_id for r in wire.parked] == [0]


def test_an_answer_for_a_closed_connection_is_dropped() -> None:
    wire, peer = Parking(), connection()
    wire.opened(peer)
    wire.frame(peer, frame(PRODUCE, 0))
    wire.closed(peer)
    wire.give(wire.parked[0])
    assert wire.sent() == []


@pytest.mark.parametrize("version", [5, 99, 32767, -1])
def test_an_unknown_version_of_api_versions_is_answered_in_version_0(version: int) -> None:
    wire, peer = Parking(), connection()
    wire.frame(peer, frame(API_VERSIONS, 7, b"\1\1\0anything", version))
    ((_, parts),) = wire.drain().sends
    assert unpack_from(">ii", parts[0]) == (len(parts[0]) - 4, 7)
    response = decode(ApiVersionsResponse, 0, bytes(parts[0]), 8)
    assert response.error_code == 35
    assert [(k.api_key, k.min_version, k.max_version) for k in response.api_keys] == [(18, 0, 4)]


def test_api_versions_has_header_version_0_at_flexible_versions_too() -> None:
    wire, peer = Parking(), connection()
    body = b"\0" + encode(
        ApiVersionsRequest(client_software_name="librdkafka", client_software_version="2.1"), 3
    )
    wire.frame(peer, frame(API_VERSIONS, 7, body, 3))
    ((_, parts),) = wire.drain().sends
    response = decode(ApiVersionsResponse, 3, bytes(parts[0]), 8)
    assert response.error_code == 0
    assert {0: 0, 1: 4}.items() <= {k.api_key: k.min_version for k in response.api_keys}.items()
    assert peer.software == ("librdkafka", "2.1")
    assert [(f.name, f.max_version_level) for f in response.finalized_features] == [
        ("metadata.version", 30)
    ]
    assert response.finalized_features_epoch == 7


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"", "too short"),
        (pack(">hhi", 0, 0, 0), "too short"),
        (frame(99, 0), "API key 99"),
        (frame(3, 0, b"", 77), "version 77 of Metadata"),
        (frame(3, 0, pack(">i", 100_000), 1), "lies in topics"),
        (frame(3, 0, b"", 9), "header is cut short"),
    ],
)
def test_who_breaks_the_protocol_loses_the_connection(bad: bytes, says: str) -> None:
    wire, peer = Parking(), connection()
    wire.frame(peer, bad)
    ((closed, why),) = wire.drain().closes
    assert closed is peer
    assert says in why
    wire.frame(peer, frame(HEARTBEAT, 0))
    assert wire.parked == [], "nothing more is served on it"
