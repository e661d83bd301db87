"""Are the results right? What is wrong with them is said, and fails nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from confluent_kafka import Consumer, TopicPartition

from bench.streams import sales

if TYPE_CHECKING:
    from bench.streams.engines import Job

_CENT = Decimal("0.01")
_QUIET_S = 0.5
_NO_MORE_S = 10.0


class Results:
    """The records of the output topic, as they come. `committed`: only those."""

    def __init__(self, job: Job, *, committed: bool = False) -> None:
        level = "read_committed" if committed else "read_uncommitted"
        self._consumer = Consumer(
            {
                "bootstrap.servers": job.address,
                "group.id": f"{job.group}-watcher",
                "enable.auto.commit": False,
                "isolation.level": level,
            }
        )
        places = [TopicPartition(job.output, number, 0) for number in range(job.partitions)]
        self._consumer.assign(places)

    def more(self, timeout_s: float = 0.0) -> Iterator[dict[str, Any]]:
        """Some of what has come meanwhile, as JSON."""
        for message in self._consumer.consume(10_000, timeout_s):
            value = message.value()
            if message.error() is None and value is not None:
                yield msgspec.json.decode(value)

    def close(self) -> None:
        self._consumer.close()


def verdict(job: Job, to_close_s: float) -> str:
    """What is wrong, in one line; "" when nothing is."""
    results = Results(job, committed=True)
    try:
        return _windows(job, results, to_close_s) if job.work == "sum" else _each(job, results)
    finally:
        results.close()


def _each(job: Job, results: Results) -> str:
    """Of work that makes one record of each."""
    count = total = 0
    until = time.monotonic() + _NO_MORE_S
    while count < job.records and time.monotonic() < until:
        for one in results.more(_QUIET_S):
            count += 1
            total += one["cents"]
            until = time.monotonic() + _NO_MORE_S
    expected = sales.total_cents(job.records, with_factor=job.work == "join")
    if (count, total) == (job.records, expected):
        return ""
    return f"{count:,} results for {job.records:,} records, cents {total - expected:+,}"


def _windows(job: Job, results: Results, to_close_s: float) -> str:
    expected = sales.windows(job.records)
    found: dict[sales.Key, tuple[int, int]] = {}
    repeated = 0
    until = time.monotonic() + to_close_s
    is_over = False
    while not is_over:
        for one in results.more(_QUIET_S):
            key = (_ms(one["window_start"]), one["category"])
            repeated += key in found
            found[key] = (_cents(one["revenue"]), one["orders"])
        is_over = expected.keys() <= found.keys() or time.monotonic() >= until
    said = Counter(_about(key, found, expected, job.records) for key in expected)
    said["no window at all"] = len(found.keys() - expected.keys())
    said["told again"] = repeated
    shown = [f"{count} {word}" for word, count in said.items() if word and count]
    return f"of {len(expected)} windows {', '.join(shown)}" if shown else ""


def _about(
    key: sales.Key,
    found: dict[sales.Key, tuple[int, int]],
    expected: dict[sales.Key, tuple[int, int]],
    count: int,
) -> str:
    if key in found:
        return "" if found[key] == expected[key] else "wrong"
    return "missing" if sales.closes_by_itself(key[0], count) else "never closed"


def _ms(start: Any) -> int:
    """Of ms since 1970, or of ISO 8601."""
    if isinstance(start, str):
        return round(datetime.fromisoformat(start).timestamp() * 1000)
    return int(start)


def _cents(revenue: Any) -> int:
    return int(Decimal(str(revenue)).quantize(_CENT).scaleb(2))
