"""Records that wait until the task's watermark has passed them, and then come in the order of event
time, whatever order they arrived in.

A late record counts from the watermark of its own source partition just before it (`since`): that
does not depend on what else has arrived, and no watermark of the task is beyond it yet.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import count, repeat
from operator import lt
from typing import Any, NamedTuple

from moldau.streams.batch import EMPTY, Batch
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.state import Table
from moldau.streams.engine.values import ColumnsFormat

CHUNK = 1000
_NUMBERS = list[int]


class Row(NamedTuple):
    """A record; rows are ordered by the first four: `number` is that of its arrival."""

    since: int
    partition: int
    offset: int
    number: int
    key: Any
    value: Any
    time: int
    floor: int


def since_of(row: Any) -> int:
    since: int = row[0]
    return since


def batch_of(rows: Sequence[Any]) -> Batch:
    if not rows:
        return EMPTY
    _, _, _, _, keys, values, times, floors = zip(*rows, strict=True)
    return Batch(keys, values, times, floors, ())


class Held:
    """Goes to the changelog in chunks of what came between two checkpoints and is still needed:
    what waits, and what was released less than `reach` ms of event time ago."""

    def __init__(self, table: Table, type_: Any, watermark: int, reach: int = 0) -> None:
        """`watermark`: of the task, as it was restored."""
        self._table = table
        self._reach = reach
        self._watermark = watermark
        self._format = ColumnsFormat(type_, *[_NUMBERS] * 6)
        self._waiting: list[Any] = []
        self._fresh: list[Any] = []  # in no chunk yet
        self._ends: list[tuple[int, int]] = []  # a heap: when a chunk is not needed any more
        self._next_chunk = 0
        restored = sorted(self._restored())
        place = bisect_left(restored, (watermark,))
        self._waiting = restored[place:]
        # Released before, and still within reach: whoever needs them takes them once.
        self.released_before = [one for one in restored[:place] if one[0] + reach >= watermark]
        self._numbers = count(max((one[3] for one in restored), default=-1) + 1)
        table.saver = self.save

    def _restored(self) -> Iterator[Row]:
        for number, data in self._table.load():
            keys, values, *columns = self._format.decode(data)
            since, partitions, offsets, numbers, times, floors = columns
            self._next_chunk = max(self._next_chunk, number + 1)
            self._ends.append((max(since) + self._reach, number))
            yield from map(Row, since, partitions, offsets, numbers, keys, values, times, floors)
        heapify(self._ends)

    def add(self, batch: Batch) -> None:
        times, floors = batch.times, batch.floors
        since = list(map(max, times, floors)) if any(map(lt, times, floors)) else times
        rows = list(
            zip(
                since,
                repeat(batch.partition),
                batch.offsets or repeat(0),
                self._numbers,
                batch.keys,
                batch.values,
                times,
                floors,
                strict=False,
            )
        )
        self._waiting += rows
        self._fresh += rows

    def release(self, watermark: int) -> Sequence[Any]:
        """The rows before it, in order."""
        self._watermark = watermark
        while self._ends and self._ends[0][0] < watermark:
            self._table.drop([heappop(self._ends)[1]])
        rows = self._waiting
        if not rows:
            return rows
        rows.sort()
        place = bisect_left(rows, (watermark,))
        self._waiting = rows[place:]
        return rows[:place]

    def save(self) -> list[tuple[Any, Any]]:
        first = self._watermark - self._reach
        rows = [one for one in self._fresh if one[0] >= first]
        self._fresh = []
        return [self._chunk(rows[at : at + CHUNK]) for at in range(0, len(rows), CHUNK)]

    def _chunk(self, rows: list[Any]) -> tuple[int, bytes]:
        since, partitions, offsets, numbers, keys, values, times, floors = map(
            list, zip(*rows, strict=True)
        )
        number = self._next_chunk
        self._next_chunk += 1
        heappush(self._ends, (max(since) + self._reach, number))
        data = self._format.encode(keys, values, since, partitions, offsets, numbers, times, floors)
        return number, data


class Ordering(Step):
    """Before a repartition: what is numbered there must come in an order that does not depend on
    how the inputs were interleaved, or what is repeated after a crash is not recognised."""

    def __init__(
        self, table: Table, type_: Any, watermark: int, following: Sequence[Operator]
    ) -> None:
        super().__init__(following)
        self._held = Held(table, type_, watermark)

    def process(self, batch: Batch) -> None:
        self._held.add(batch)

    def advance(self, watermark: int) -> None:
        self._pass(batch_of(self._held.release(watermark)))
