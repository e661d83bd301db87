"""Records as they are read from a topic, and what a record was before anything was made of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal, NamedTuple

from moldau.streams.engine.outputs import Header


class Records(NamedTuple):
    """Records of one partition of a topic, as columns. Timestamps in ms since 1970. `headers` may
    be longer than needed, or empty: there are none."""

    offsets: Sequence[int]
    timestamps: Sequence[int]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    headers: Sequence[list[Header] | None] = ()

    def part(self, first: int, last: int) -> Records:
        """Those at these places, the last not."""
        at = slice(first, last)
        return Records(
            self.offsets[at],
            self.timestamps[at],
            self.keys[at],
            self.values[at],
            self.headers[at],
        )

    def where(self, chosen: Sequence[int]) -> Records:
        """Those at these places."""
        return Records(
            [self.offsets[one] for one in chosen],
            [self.timestamps[one] for one in chosen],
            [self.keys[one] for one in chosen],
            [self.values[one] for one in chosen],
            [self.headers[one] for one in chosen] if self.headers else (),
        )


Form = Literal["record", "value", "parts", "text", "output"]
"""What the value of a dead letter is: the source's; what a step has made; what a step makes its
results of; something to be read by people alone; or what the broker refused to take."""


class Original(NamedTuple):
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[Header]
    # Of a dead letter that came back.
    redrives: int = 0
    part: int | None = None
    form: Form = "record"
    left_out: str | None = None  # how much its value was, where a letter had to go without it


class Reading:
    """What a task is reading: part of a partition of a topic."""

    def __init__(self, topic: str, partition: int, records: Records) -> None:
        self.topic = topic
        self.partition = partition
        self._records = records

    def original(self, offset: int) -> Original:
        records = self._records
        at = bisect_left(records.offsets, offset)
        return Original(
            self.topic,
            self.partition,
            offset,
            records.timestamps[at],
            records.keys[at],
            records.values[at],
            list((records.headers and records.headers[at]) or ()),
        )
