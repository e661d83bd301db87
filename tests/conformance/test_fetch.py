"""Fetch: what is read, how much of it, what is waited for, and sessions (KIP-227)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.attacks.raw import batch
from tests.conformance.both import Both, Pair
from tests.conformance.requests import UNKNOWN_ID, fetch, produce

pytestmark = pytest.mark.apache


def filled(both: Both, *sizes: int, partitions: int = 1, **configs: str) -> str:
    """A topic with a batch of two records of each of these sizes in partition 0."""
    topic = both.topic(partitions, **configs)
    for size in sizes:
        both.ask(produce(topic, batch(bytes(size), b"end")), 12)
    return topic


def test_every_version(both: Both) -> None:
    topic = filled(both, 10, 20)
    topic_id = both.topic_id(topic)
    for version in range(4, 13):
        both.ask(fetch(topic), version)
    for version in range(13, 19):
        partition = {"partition": 0, "fetch_offset": 2, "partition_max_bytes": 1 << 20}
        wanted = [{"topic_id": topic_id, "partitions": [partition]}]
        both.ask("Fetch", version, topics=wanted)


def test_offsets(both: Both) -> None:
    topic = filled(both, 10, 20, 30)
    for offset in (-2, -1, 0, 1, 3, 5, 6, 7, 2**62):
        both.ask(fetch(topic, offset), 12)


def test_limits(both: Both) -> None:
    topic = filled(both, 100, 1000, 10)
    for limit in (0, 1, 170, 200, 400, 5000):
        both.ask(fetch(topic, max_bytes=limit), 12, f"max_bytes {limit}")
        both.ask(fetch(topic, partition_max_bytes=limit), 12, f"partition_max_bytes {limit}")
    both.ask(fetch(topic, min_bytes=1 << 30, max_wait_ms=50), 12)
    both.ask(fetch(topic, min_bytes=-5, max_wait_ms=-5), 12)


def test_negative_limits(both: Both) -> None:
    topic = filled(both, 100)
    for limit in (-1, -(2**31)):
        both.ask(fetch(topic, max_bytes=limit), 12)
        both.ask(fetch(topic, partition_max_bytes=limit), 12)


def test_several_partitions_share_the_limit(both: Both) -> None:
    topic = both.topic(3)
    for partition in range(3):
        both.ask(produce(topic, batch(bytes(300)), partition), 12)
    parts = [{"partition": i, "partition_max_bytes": 1000} for i in (0, 1, 2, 7)]
    for limit in (1, 500, 800, 10_000):
        both.ask("Fetch", 12, max_bytes=limit, topics=[{"topic": topic, "partitions": parts}])
    both.ask("Fetch", 12, topics=[{"topic": topic, "partitions": parts[::-1]}])
    both.ask("Fetch", 12, topics=[])


def test_what_is_unknown(both: Both) -> None:
    topic = filled(both, 10)
    both.ask(fetch("nope"), 12)
    both.ask(fetch("a b"), 12)
    both.ask(fetch(topic, partition=5), 12)
    both.ask(fetch(topic, partition=-1), 12)
    for topic_id in (UNKNOWN_ID, bytes(16)):
        parts = [{"partition": 0}]
        both.ask("Fetch", 13, topics=[{"topic_id": topic_id, "partitions": parts}])
    unknown_part = {"topic_id": both.topic_id(topic), "partitions": [{"partition": 5}]}
    unknown_id = {"topic_id": UNKNOWN_ID, "partitions": [{"partition": 0}]}
    both.ask("Fetch", 13, topics=[unknown_part, unknown_id])


def test_leader_epochs(both: Both) -> None:
    topic = filled(both, 10)
    for epoch in (-1, 0, 1, 5, -2):
        both.ask(fetch(topic, current_leader_epoch=epoch), 12, f"epoch {epoch}")
    for epoch in (-1, 0, 1, 5):
        for offset in (1, 9):
            for level in (0, 1):
                asked = fetch(topic, offset, last_fetched_epoch=epoch, isolation_level=level)
                both.ask(asked, 12, f"last epoch {epoch}, offset {offset}, level {level}")
    both.ask(fetch("nope", current_leader_epoch=9), 12)
    both.ask(fetch(topic, 99, current_leader_epoch=9), 12)


def test_isolation(both: Both) -> None:
    topic = filled(both, 10)
    for level in (0, 1):
        both.ask(fetch(topic, isolation_level=level), 12)


def test_waiting(both: Both) -> None:
    topic = filled(both, 10)
    reader = both.connect()
    waiting = reader.send(fetch(topic, 2, max_wait_ms=10_000), 12)
    assert waiting.is_parked().agreed
    both.ask(produce(topic, batch(b"news")), 12)
    waiting.answer()
    reader.ask(fetch(topic, 4, max_wait_ms=100), 12)


class Session:
    """Fetches of one session."""

    def __init__(self, both: Both, version: int = 12) -> None:
        self.both = both
        self.version = version
        self.id: Pair | int = 0
        self.epoch = 0

    def ask(self, *topics: dict[str, Any], **fields: Any) -> Pair:
        wanted = {"session_id": self.id, "session_epoch": self.epoch, "topics": list(topics)}
        answer = self.both.ask("Fetch", self.version, **{**wanted, **fields})
        if self.epoch == 0:
            self.id = answer.session_id
        self.epoch += 1
        return answer


def of(topic: str, *offsets: int, **fields: int) -> dict[str, Any]:
    parts = [
        {"partition": i, "fetch_offset": offset, **fields}
        for i, offset in enumerate(offsets)
        if offset >= 0
    ]
    return {"topic": topic, "partitions": parts}


def test_a_session(both: Both) -> None:
    topic = filled(both, 10, partitions=2)
    session = Session(both)
    session.ask(of(topic, 0, 0))
    session.ask()
    session.ask(of(topic, 2))
    session.ask()
    both.ask(produce(topic, batch(b"news"), 1), 12)
    session.ask()
    session.ask(of(topic, 2, 1))
    session.ask(forgotten_topics_data=[{"topic": topic, "partitions": [1]}])
    both.ask(produce(topic, batch(b"more"), 1), 12)
    session.ask()
    session.ask(of(topic, 99))
    session.ask()
    session.ask(of("nope", 0))
    session.ask()


def test_what_got_records_in_a_session_goes_behind_the_others(both: Both) -> None:
    first, second = filled(both, 10, partitions=3), filled(both, 10, partitions=3)
    for version in (7, 12):
        session = Session(both, version)
        session.ask(of("nope", 0), of(first, 0, 9), of(second, 9, 9, 9))
        session.ask()
        session.ask(of(first, 9), of(second, 0))
        session.ask(of(second, 9))
        session.ask(of(first, 0))
        session.ask(of(first, 9, 9, 9))
        session.ask()


def test_a_partition_twice(both: Both) -> None:
    topic = filled(both, 10, partitions=2)
    for epoch in (-1, 0):
        twice = [of(topic, 0, 0), of(topic, 9), of(topic, 0, 1)]
        for wanted in (twice, twice[1:], twice[::-1], [of(topic, 9), *twice]):
            both.ask("Fetch", 12, session_epoch=epoch, topics=wanted)


def test_sessions_that_are_not(both: Both) -> None:
    topic = filled(both, 10)
    for version in (7, 12):
        for session_id, epoch in ((12345, 1), (12345, 0), (12345, -1), (0, 1), (0, 5), (0, -2)):
            both.ask(
                "Fetch",
                version,
                session_id=session_id,
                session_epoch=epoch,
                topics=[of(topic, 0)],
                note=f"session {session_id}, epoch {epoch}",
            )
    session = Session(both)
    session.ask(of(topic, 2))
    session.epoch = 7
    session.ask()
    session.epoch = 1
    session.ask()
    for epoch in (1, 2, 3):
        both.ask("Fetch", 13, session_id=session.id, session_epoch=epoch, topics=[])
    session.ask(session_epoch=-1)
    session.ask()


def test_a_new_session_forgets_nothing(both: Both) -> None:
    topic = filled(both, 10, partitions=2)
    session = Session(both)
    session.ask(of(topic, 0, 0), forgotten_topics_data=[{"topic": topic, "partitions": [0, 1]}])
    session.ask(of(topic, 2))


def test_a_session_without_partitions_ends(both: Both) -> None:
    topic = filled(both, 10)
    for first in ([of(topic, 0)], []):
        session = Session(both)
        session.ask(*first)
        session.ask(forgotten_topics_data=[{"topic": topic, "partitions": [0]}])
        session.ask()
        session.ask(of(topic, 0))


def test_a_session_sees_records_deleted(both: Both) -> None:
    topic = filled(both, 10, 10)
    session = Session(both)
    session.ask(of(topic, 4))
    partition = {"partition_index": 0, "offset": 3}
    both.ask("DeleteRecords", topics=[{"name": topic, "partitions": [partition]}])
    session.ask()
    session.ask(of(topic, 0))
    session.ask()
