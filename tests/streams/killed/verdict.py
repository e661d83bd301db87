"""Reads all topics, committed records only, and computes every result anew.

Results of a key come once for each batch, so not every count has one; but each has its count, and
must be what the first so many records of the key give. Windows must be there, once and right.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from tests.streams.killed.program import WINDOW_MS, Number

SILENCE_S = 60
SHOWN = 10
Values = dict[int, list[bytes]]


def read(servers: str, topic: str) -> Values:
    """Partition -> its committed values in order. Fails when a transaction stays open in it."""
    ends = open_ends(servers, topic)
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "verdict",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
        }
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
    values: Values = {partition: [] for partition in ends}
    left = {partition for partition, end in ends.items() if end}
    heard = time.monotonic()
    while left:
        assert time.monotonic() - heard < SILENCE_S, f"{topic}: open in {sorted(left)}"
        for message in consumer.consume(5000, 0.2):
            partition, error = message.partition(), message.error()
            if error is None:
                values[partition].append(message.value())
                heard = time.monotonic()
            elif error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if (message.offset() or 0) + (error is None) >= ends[partition]:
                left.discard(partition)
    consumer.close()
    return values


def open_ends(
    servers: str, topic: str, level: IsolationLevel = IsolationLevel.READ_UNCOMMITTED
) -> dict[int, int]:
    """Partition -> where it ends, what is in open transactions too, or READ_COMMITTED: without.
    Empty where there is no such topic."""
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    until = time.monotonic() + SILENCE_S
    while True:
        try:
            return _ends(admin, topic, level)
        except KafkaException:  # leaders come and go
            if time.monotonic() > until:
                raise
        time.sleep(0.1)


def _ends(admin: AdminClient, topic: str, level: IsolationLevel) -> dict[int, int]:
    known = admin.list_topics(timeout=60).topics
    if topic not in known:
        return {}
    places = [TopicPartition(topic, partition) for partition in known[topic].partitions]
    asked = admin.list_offsets({one: OffsetSpec.latest() for one in places}, isolation_level=level)
    return {one.partition: int(told.result(60).offset) for one, told in asked.items()}


def wait_until(done: Callable[[], bool], what: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, f"no sign of {what} in {seconds} s"
        time.sleep(0.02)


@dataclass
class Verdict:
    """`wrong` empty: all is as it must be. `repeated`: results that are there again, equal."""

    records: int = 0
    results: int = 0
    repeated: int = 0
    wrong: list[str] = field(default_factory=list)

    def says(self, sentence: str) -> None:
        if len(self.wrong) < SHOWN:
            self.wrong.append(sentence)


def verdict(servers: str) -> Verdict:
    """Of the program `numbers`, after it has read to the end. Raises AssertionError when a
    transaction stays open."""
    found = Verdict()
    data = read(servers, "data")
    sent = {p: [msgspec.json.decode(one, type=Number) for one in data[p]] for p in data}
    found.records = sum(map(len, sent.values()))
    _echo(found, data, read(servers, "echo"))
    by_key: dict[Hashable, list[Number]] = defaultdict(list)
    by_window: dict[Hashable, list[Number]] = defaultdict(list)
    for partition in sorted(sent):
        for one in sent[partition]:
            by_key[one.key].append(one)
            by_window[one.group, one.time // WINDOW_MS].append(one)
    for topic in ("keyed", "moved"):
        _running(found, topic, by_key, read(servers, topic))
    _windows(found, by_window, read(servers, "windows"))
    return found


def _echo(found: Verdict, data: Values, echo: Values) -> None:
    """The same records in the same order; one that was there before is a repetition."""
    for partition, values in data.items():
        places = {value: place for place, value in enumerate(values)}
        expected = 0
        for value in echo[partition]:
            place = places.get(value, len(values))
            found.results += 1
            if place > expected:
                found.says(f"echo {partition}: {value!r} instead of {expected} of {len(values)}")
                break
            found.repeated += place < expected
            expected = max(expected, place + 1)
        if expected < len(values):
            found.says(f"echo {partition}: ends after {expected} of {len(values)}")


def _running(
    found: Verdict, topic: str, by_key: dict[Hashable, list[Number]], values: Values
) -> None:
    results: dict[Hashable, list[dict[str, Any]]] = defaultdict(list)
    for value in _all(values):
        one = msgspec.json.decode(value)
        results[one["key"]].append(one)
    for key in by_key.keys() | results.keys():
        prefixes = list(_prefixes(by_key.get(key, [])))
        last = 0
        for one in results[key]:
            found.results += 1
            count = one["count"]
            if not 0 < count <= len(prefixes) or {"key": key, **prefixes[count - 1]} != one:
                found.says(f"{topic}: {one} of {len(prefixes)} records")
            found.repeated += count <= last
            last = max(last, count)
        if last != len(prefixes):
            found.says(f"{topic}: {key} ends with {last} of {len(prefixes)} records")


def _windows(found: Verdict, by_window: dict[Hashable, list[Number]], values: Values) -> None:
    seen: dict[Hashable, bytes] = {}
    for value in _all(values):
        found.results += 1
        one = msgspec.json.decode(value)
        start = msgspec.convert(one["window_start"], type=datetime).timestamp() * 1000
        window = (one["group"], int(start) // WINDOW_MS)
        found.repeated += window in seen
        if seen.setdefault(window, value) != value:
            found.says(f"windows: {value!r} after {seen[window]!r}")
        *_, expected = _prefixes(by_window.get(window, [])) or [{}]
        if {name: one[name] for name in expected} != expected or not expected:
            found.says(f"windows: {one} instead of {expected}")
    for missing in by_window.keys() - seen.keys():
        found.says(f"windows: nothing of {missing}")


def _prefixes(numbers: list[Number]) -> list[dict[str, Any]]:
    """What the first one, two, three of them add up to."""
    made = []
    least, most, total = 10**9, -1, 0
    for count, one in enumerate(numbers, 1):
        least, most, total = min(least, one.value), max(most, one.value), total + one.value
        made.append(
            {
                "least": least,
                "most": most,
                "total": total,
                "average": total / count,
                "count": count,
            }
        )
    return made


def _all(values: Values) -> Iterable[bytes]:
    for partition in sorted(values):
        yield from values[partition]
