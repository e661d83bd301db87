"""Retention: what is deleted by size and by age, and what a client sees of it.

Brokers of their own, because they look for old segments all the time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from moldau.server.embedded import Broker
from tests.apache_kafka import ApacheKafka
from tests.attacks.raw import NOW, batch
from tests.conformance.both import Both, Judge, Pair
from tests.conformance.brokers import CONFIG
from tests.conformance.ignored import Ledger
from tests.conformance.requests import fetch, list_offsets, produce
from tests.transcripts.actions import until

pytestmark = [pytest.mark.apache, pytest.mark.timeout(240)]
EAGER = {
    **CONFIG,
    "log.initial.task.delay.ms": 500,
    "log.retention.check.interval.ms": 500,
    "log.retention.ms": -1,
}
MIB = 1 << 20


class Eager(NamedTuple):
    addresses: Pair
    folders: Pair


@pytest.fixture(scope="module")
def eager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eager]:
    data = tmp_path_factory.mktemp("ours")
    with ApacheKafka(config=EAGER) as kafka, Broker(data=data, config=EAGER) as broker:
        addresses = Pair(kafka.bootstrap_servers, broker.bootstrap_servers)
        yield Eager(addresses, Pair(kafka.data_dirs[0], data))


@pytest.fixture
def both(eager: Eager, request: pytest.FixtureRequest) -> Iterator[Both]:
    judge = Judge(Ledger("test_retention"))
    client = Both(eager.addresses, judge, request.node.name.replace("_", "-"))
    yield client
    client.close()
    assert judge.verdict() == ""


def limit(both: Both, topic: str, name: str, value: str) -> None:
    """Set when everything is written: nothing is deleted in between."""
    configs = [{"name": name, "value": value}]
    resource = {"resource_type": 2, "resource_name": topic, "configs": configs}
    both.ask("IncrementalAlterConfigs", resources=[resource])


def starts_at(both: Both, topic: str, offset: int) -> None:
    """Waits until the log begins there for both."""

    def holds(answer: Any) -> bool:
        return bool(answer.topics[0].partitions[0].offset == offset)

    both.until(list_offsets(topic, -2), holds)


def first_segments(eager: Eager, topic: str) -> set[int]:
    """Where the first file of its log begins, in Apache Kafka's folder and in ours."""
    folders: tuple[Path, Path] = (eager.folders.theirs, eager.folders.ours)
    logs = [(folder / f"{topic}-0").glob("*.log") for folder in folders]
    return {min(int(path.stem) for path in log) for log in logs}


def looked_at(both: Both, topic: str) -> None:
    for timestamp in (-1, -2, -3, -4, NOW, NOW + 1000):
        both.ask(list_offsets(topic, timestamp))
    for offset in (0, 1, 3, 4, 5):
        both.ask(fetch(topic, offset, partition_max_bytes=200), 12)
    both.ask(produce(topic, batch(b"after")), 12)


def test_by_size(both: Both) -> None:
    topic = both.topic(1, segment_bytes=str(MIB))
    for second in range(6):
        both.ask(produce(topic, batch(bytes(900_000), timestamp=NOW + 1000 * second)), 12)
    limit(both, topic, "retention.bytes", str(2 * MIB))
    starts_at(both, topic, 3)
    looked_at(both, topic)


def test_by_age(both: Both) -> None:
    """The newest segment goes as well: the log is empty, and goes on where it was."""
    topic = both.topic(1, segment_bytes=str(MIB))
    for _ in range(3):
        both.ask(produce(topic, batch(bytes(900_000), b"end")), 12)
    limit(both, topic, "retention.ms", "60000")
    starts_at(both, topic, 6)
    for timestamp in (-1, -2, -3, NOW):
        both.ask(list_offsets(topic, timestamp))
    for offset in (0, 5, 6):
        both.ask(fetch(topic, offset), 12)
    now = int(time.time() * 1000)
    both.ask(produce(topic, batch(b"young", timestamp=now)), 12)
    both.ask(fetch(topic, 6), 12)
    both.ask(list_offsets(topic, -2))


def test_records_that_were_deleted_let_their_segments_go(both: Both, eager: Eager) -> None:
    topic = both.topic(1, segment_bytes=str(MIB))
    for _ in range(4):
        both.ask(produce(topic, batch(bytes(900_000))), 12)
    part = {"partition_index": 0, "offset": 2}
    both.ask("DeleteRecords", topics=[{"name": topic, "partitions": [part]}])
    # No answer tells that the segments are gone as well.
    until("the segments to go", lambda: first_segments(eager, topic) == {2})
    looked_at(both, topic)
