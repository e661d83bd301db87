"""Quotas of users, client ids and addresses: set, validated, described, and what they do."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from moldau.protocol.records import Record, build
from tests.apache_kafka import settle
from tests.conformance.both import Both, Pair
from tests.conformance.requests import fetch, produce

pytestmark = pytest.mark.apache

EXACT, DEFAULT, ANY = range(3)
Names = Mapping[str, str | None]
Limits = Mapping[str, float | None]
# Two defaults for all clients and addresses would limit the stories beside this one too.
HIGH = 1e12
QUOTA = 1000  # bytes per second
AROUND_MS = 1000  # a thousand bytes of headers and of small requests


def entry(names: Names, limits: Limits) -> dict[str, Any]:
    """None takes a limit away."""
    return {
        "entity": [{"entity_type": kind, "entity_name": name} for kind, name in names.items()],
        "ops": [
            {"key": key, "value": value or 0.0, "remove": value is None}
            for key, value in limits.items()
        ],
    }


def limit(both: Both, *entries: tuple[Names, Limits], version: int = 1) -> Pair:
    return both.ask("AlterClientQuotas", version, entries=[entry(*one) for one in entries])


def validate(both: Both, *entries: tuple[Names, Limits], version: int = 1) -> None:
    wanted = [entry(*one) for one in entries]
    both.ask("AlterClientQuotas", version, entries=wanted, validate_only=True)


def describe(
    both: Both, *components: tuple[str, int, str | None], strict: bool = False, version: int = 1
) -> None:
    asked = [
        {"entity_type": kind, "match_type": how, "match": name} for kind, how, name in components
    ]
    both.ask("DescribeClientQuotas", version, components=asked, strict=strict)


# --- validated -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limits",
    [
        {"producer_byte_rate": 0.0},
        {"producer_byte_rate": -1},
        {"producer_byte_rate": 1.5},
        {"producer_byte_rate": 1e19},
        {"producer_byte_rate": float("inf")},
        {"producer_byte_rate": float("nan")},
        {"request_percentage": 1.5},
        {"request_percentage": float("inf")},
        {"controller_mutation_rate": 0.1},
        {"connection_creation_rate": 5},
        {"bogus": 5},
        {"bogus": None},
        {"producer_byte_rate": 5, "bogus": 5},
        {},
    ],
    ids=str,
)
def test_values(both: Both, limits: Limits) -> None:
    validate(both, ({"user": "a"}, limits))


@pytest.mark.parametrize(
    "limits",
    [
        {"connection_creation_rate": 5},
        {"connection_creation_rate": 5e9},
        {"connection_creation_rate": 1.5},
        {"producer_byte_rate": 5},
        {},
    ],
    ids=str,
)
def test_values_of_addresses(both: Both, limits: Limits) -> None:
    for name in ("127.0.0.7", "::1", "localhost", None, "no such host", ""):
        validate(both, ({"ip": name}, limits))


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"user": ""},
        {"client-id": ""},
        {"user": "a", "client-id": ""},
        {"bogus": "a"},
        {"bogus": "a", "user": "b"},
        {"ip": "127.0.0.7", "user": "a"},
        {"ip": None, "client-id": None},
    ],
    ids=str,
)
def test_entities(both: Both, names: Names) -> None:
    for version in (0, 1):
        validate(both, (names, {"producer_byte_rate": 5}), version=version)


def test_entity_twice(both: Both) -> None:
    validate(
        both,
        ({"user": "a"}, {"producer_byte_rate": 5}),
        ({"user": "a"}, {"consumer_byte_rate": 5}),
        ({"user": "a", "client-id": None}, {"consumer_byte_rate": 5}),
        ({"client-id": None, "user": "a"}, {"consumer_byte_rate": 5}),
    )
    twice = entry({"user": "a"}, {"producer_byte_rate": 5})
    twice["ops"] *= 2
    both.ask("AlterClientQuotas", entries=[twice], validate_only=True)
    both.ask("AlterClientQuotas", entries=[])


# --- described -----------------------------------------------------------------------------------


@pytest.fixture
def limited(both: Both) -> Iterator[Both]:
    """Quotas of every kind, as long as a story lasts."""
    of_clients: list[Names] = [
        {"user": "a"},
        {"user": None},
        {"client-id": "c"},
        {"client-id": None},
        {"user": "a", "client-id": "c"},
        {"user": "a", "client-id": None},
        {"user": None, "client-id": "c"},
        {"user": None, "client-id": None},
    ]
    of_addresses: list[Names] = [{"ip": "127.0.0.7"}, {"ip": None}]
    limit(both, *((names, {"producer_byte_rate": HIGH}) for names in of_clients))
    limit(both, *((names, {"connection_creation_rate": 1e9}) for names in of_addresses))
    yield both
    limit(both, *((names, {"producer_byte_rate": None}) for names in of_clients))
    limit(both, *((names, {"connection_creation_rate": None}) for names in of_addresses))
    describe(both)


def test_describe(limited: Both) -> None:
    asked: list[list[tuple[str, int, str | None]]] = [
        [],
        [("user", EXACT, "a")],
        [("user", EXACT, "nobody")],
        [("user", DEFAULT, None)],
        [("user", ANY, None)],
        [("user", ANY, None), ("client-id", ANY, None)],
        [("client-id", EXACT, "c"), ("user", DEFAULT, None)],
        [("ip", ANY, None)],
        [("ip", EXACT, "127.0.0.7")],
        [("ip", DEFAULT, None)],
    ]
    for components in asked:
        for strict in (False, True):
            for version in (0, 1):
                describe(limited, *components, strict=strict, version=version)


@pytest.mark.parametrize(
    "components",
    [
        [("", ANY, None)],
        [("bogus", ANY, None)],
        [("user", EXACT, None)],
        [("user", DEFAULT, "a")],
        [("user", ANY, "a")],
        [("user", 3, None)],
        [("user", -1, None)],
        [("user", ANY, None), ("user", EXACT, "a")],
        [("ip", ANY, None), ("user", EXACT, "a")],
        [("bogus", 9, "a"), ("", EXACT, None)],
    ],
    ids=str,
)
def test_describe_in_wrong_ways(both: Both, components: list[tuple[str, int, str | None]]) -> None:
    for version in (0, 1):
        describe(both, *components, version=version)


def test_change_and_see(both: Both) -> None:
    names = {"user": both.unused_name()}
    for limits in (
        {"producer_byte_rate": HIGH, "request_percentage": 1e6},
        {"producer_byte_rate": 2 * HIGH},
        {"producer_byte_rate": None, "consumer_byte_rate": HIGH},
        {"request_percentage": None, "consumer_byte_rate": None},
    ):
        limit(both, (names, limits))
        describe(both, ("user", EXACT, names["user"]))


# --- what they do --------------------------------------------------------------------------------


def client_with(both: Both, **limits: float) -> Both:
    """A client of its own, over whom both have these quotas in force."""
    name = both.unused_name()
    limit(both, ({"client-id": name}, limits))
    describe(both, ("client-id", EXACT, name))
    settle(both.addresses.theirs)
    return both.connect(name)


def of(size: int) -> bytes:
    return build([Record(0, 1_700_000_000_000, None, b"x" * size)])


def assert_held_back(throttled: Pair, counted: int) -> None:
    """For as long as `counted` bytes take at that quota, less the time in which they may have come:
    ten samples of a second, which count as full from the beginning, and what there is of two more.
    No clock says where in these the two were asked, and each counts some more bytes, for headers
    and for the small requests before. How they measure is compared in `test_rates_apache.py`."""
    wanted_ms = counted * 1000 // QUOTA
    for one in (throttled.theirs, throttled.ours):
        assert wanted_ms - 12_000 <= one <= wanted_ms + AROUND_MS - 10_000, throttled


def test_producer_over_quota(both: Both) -> None:
    topic = both.topic()
    client = client_with(both, producer_byte_rate=QUOTA)
    for acks in (1, -1):
        client.ask(produce(topic, of(100), acks=acks), 12)
    answer = client.ask(produce(topic, of(12_000), acks=1), 12)
    assert answer.map(bool).agreed
    assert_held_back(answer.throttle_time_ms, 12_000)
    waiting = client.send("Metadata", 12, topics=[{"name": topic}])
    assert waiting.is_parked().agreed  # it is not read from
    both.ask("Metadata", 12, topics=[{"name": topic}])  # nobody else waits
    waiting.take()


def test_producer_without_answers_over_quota(both: Both) -> None:
    topic = both.topic()
    client = client_with(both, producer_byte_rate=QUOTA)
    asked = produce(topic, of(12_000), acks=0)
    for side in ("theirs", "ours"):
        client._connection(side).send(asked, 12, client.client)
    waiting = client.send("Metadata", 12, topics=[{"name": topic}])
    assert waiting.is_parked().agreed
    waiting.take()


def test_consumer_over_quota(both: Both) -> None:
    topic = both.topic()
    for _ in range(2):
        both.ask(produce(topic, of(9_000), acks=1), 12)
    asked = fetch(topic, max_wait_ms=0, max_bytes=9_100, partition_max_bytes=1 << 20)
    is_stale = True
    while is_stale:
        client = client_with(both, consumer_byte_rate=QUOTA)
        begun = time.monotonic()
        client.ask(asked, 12)
        over = client.quietly(asked, 12)
        is_stale = time.monotonic() - begun > 10  # then the first of them no longer counts
    assert over.responses.map(bool).agreed is False
    assert_held_back(over.throttle_time_ms, 18_000)


def test_mutations_over_quota(both: Both) -> None:
    client = client_with(both, controller_mutation_rate=1)

    def create(partitions: int, version: int) -> Pair:
        wanted = {"name": both.unused_name(), "num_partitions": partitions}
        return client.ask("CreateTopics", version, topics=[wanted | {"replication_factor": 1}])

    create(30, 7)  # eleven are allowed at once, and one more each second
    refused = create(1, 7)
    assert refused.topics[0].error_code.agreed == 89
    client.close()
    create(2, 5)
    client.close()


def test_time_over_quota(both: Both) -> None:
    """So little that the first request is too much. How long it took is each one's own."""
    client = client_with(both, request_percentage=0.0001)
    for _ in range(2):
        client.ask("Metadata", 12, topics=[])
