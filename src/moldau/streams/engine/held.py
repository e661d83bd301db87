"""Records that wait until the task's watermark has passed them, and then come in the order of event
time, whatever order they arrived in.

A late record counts from the watermark of its own source partition just before it (`since`): that
does not depend on what else has arrived, and no watermark of the task is beyond it yet.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from heapq import heappop, heappush, nsmallest
from itertools import chain, count, repeat
from operator import lt
from typing import Any, NamedTuple

from moldau.streams.batch import EMPTY, Batch
from moldau.streams.engine.earlier import Earlier
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.row_size import RowSize
from moldau.streams.engine.state import Table
from moldau.streams.engine.values import ColumnsFormat

CHUNK = 1000  # rows
CHUNKS = 16  # that are read again at once
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

    @property
    def order(self) -> tuple[int, ...]:
        """In which changes of a table count, as its history has it."""
        return self.time, self.partition, self.offset, self.number


def since_of(row: Any) -> int:
    since: int = row[0]
    return since


def waiting_of(step: str) -> str:
    """The table in which what waits before a step is kept."""
    return f"{step}-waiting"


def rows_format(type_: Any) -> ColumnsFormat:
    return ColumnsFormat(type_, *[_NUMBERS] * 6)


def rows_of(format_: ColumnsFormat, data: bytes) -> list[Row]:
    """Of a chunk, in order."""
    keys, values, *columns = format_.decode(data)
    since, partitions, offsets, numbers, times, floors = columns
    return sorted(map(Row, since, partitions, offsets, numbers, keys, values, times, floors))


def batch_of(rows: Sequence[Any]) -> Batch:
    if not rows:
        return EMPTY
    _, _, _, _, keys, values, times, floors = zip(*rows, strict=True)
    return Batch(keys, values, times, floors, ())


class Held:
    """Goes to the changelog in chunks of what came between two checkpoints and is still needed:
    what waits, and what was released less than `reach` ms of event time ago. A chunk is of
    neighbours in event time; when memory is short it is read again when its time comes."""

    def __init__(self, table: Table, type_: Any, watermark: int, reach: int = 0) -> None:
        """`watermark`: of the task, as it was restored."""
        self._table = table
        self._reach = reach
        self._watermark = watermark
        self._format = rows_format(type_)
        self._size = RowSize()
        self._waiting: list[Any] = []  # in memory
        self._fresh: list[Any] = []  # in no chunk yet
        self._near: dict[int, list[Any]] = {}  # chunks with rows that wait, in memory: all rows
        self._ends: list[tuple[int, int]] = []  # a heap: when a chunk is not needed any more
        self._lasts: list[tuple[int, int]] = []  # a heap: from when on nothing of it waits
        self._away: list[tuple[int, int]] = []  # a heap: when what is not in memory begins
        self._shorter: dict[int, list[Any]] = {}  # chunks of which rows are in others now
        self._next_chunk = 0
        # Released before, and still within reach: whoever needs them takes them once.
        self.released_before = Earlier(self._read, watermark - reach, watermark)
        self._numbers = count(self._restore() + 1)
        table.saver, table.cache, table.pace = self.save, self, self

    def _restore(self) -> int:
        """The highest number of a row."""
        most = -1
        for chunk, data in self._table.load():
            rows = rows_of(self._format, data)
            most = max(most, *(row[3] for row in rows))
            self._next_chunk = max(self._next_chunk, chunk + 1)
            self._note(chunk, rows)
            if rows[0][0] >= self._watermark:
                heappush(self._away, (rows[0][0], chunk))
                continue
            self.released_before.add(chunk, rows)
            if rows[-1][0] >= self._watermark:
                self._take(chunk, rows)
        return most

    def _read(self, chunk: int) -> list[Any]:
        return rows_of(self._format, self._table.get(chunk))

    def _note(self, chunk: int, rows: list[Any]) -> None:
        last = rows[-1][0]
        heappush(self._ends, (last + self._reach, chunk))
        heappush(self._lasts, (last, chunk))

    def _take(self, chunk: int, rows: list[Any]) -> None:
        """Into memory."""
        self._near[chunk] = rows
        self._waiting += rows[bisect_left(rows, (self._watermark,)) :]

    def add(self, batch: Batch) -> None:
        times, floors = batch.times, batch.floors
        since = list(map(max, times, floors)) if any(map(lt, times, floors)) else times
        rows = list(
            zip(
                since,
                repeat(batch.source),
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

    @property
    def has_some(self) -> bool:
        """That wait."""
        return bool(self._waiting or self._away)

    def release(self, watermark: int) -> Sequence[Any]:
        """The rows before it, in order."""
        while self._away and self._away[0][0] < watermark:
            chunk = heappop(self._away)[1]
            self._take(chunk, self._read(chunk))
        self._watermark = watermark
        while self._ends and self._ends[0][0] < watermark:
            chunk = heappop(self._ends)[1]
            self._shorter.pop(chunk, None)
            self._table.drop([chunk])
        while self._lasts and self._lasts[0][0] < watermark:
            self._near.pop(heappop(self._lasts)[1], None)
        rows = self._waiting
        if not rows:
            return rows
        rows.sort()
        place = bisect_left(rows, (watermark,))
        self._waiting = rows[place:]
        return rows[:place]

    def stop(self, watermark: int) -> int:
        """How far time may go at once on its way there, so that not too much is read."""
        if len(self._away) <= CHUNKS:
            return watermark
        stop = nsmallest(CHUNKS, self._away)[-1][0]
        return min(watermark, max(stop, self._watermark + 1))

    # --- checkpoints ------------------------------------------------------------------------

    def save(self) -> list[tuple[Any, Any]]:
        first = self._watermark - self._reach
        rows = sorted(one for one in self._fresh if one[0] >= first)
        shorter, self._fresh, self._shorter = self._shorter, [], {}
        saved = [(chunk, self._data(some)) for chunk, some in shorter.items()]
        for at in range(0, len(rows), CHUNK):
            some = rows[at : at + CHUNK]
            saved.append((self._next_chunk, self._data(some)))
            self._note(self._next_chunk, some)
            if some[-1][0] >= self._watermark:
                self._near[self._next_chunk] = some
            self._next_chunk += 1
        return saved

    def _data(self, rows: list[Any]) -> bytes:
        since, partitions, offsets, numbers, keys, values, times, floors = map(
            list, zip(*rows, strict=True)
        )
        return self._format.encode(keys, values, since, partitions, offsets, numbers, times, floors)

    # --- memory -----------------------------------------------------------------------------

    @property
    def used(self) -> int:
        """Also of what was released, as long as its chunk is there."""
        parts = [*self._near.values(), self._fresh]
        return self._size.of(sum(map(len, parts)), chain.from_iterable(parts))

    @property
    def young(self) -> int:
        return self.used

    def shrink(self) -> None:
        """Chunks go, to be read again. One of which a part was released would have to be read again
        for each part: what waits of it gets into new ones."""
        watermark = self._watermark
        for chunk, rows in self._near.items():
            place = bisect_left(rows, (watermark,))
            if place == 0:
                heappush(self._away, (rows[0][0], chunk))
                continue
            self._fresh += rows[place:]
            left = rows[bisect_left(rows, (watermark - self._reach,)) : place]
            if left:
                self._shorter[chunk] = left
                heappush(self._ends, (left[-1][0] + self._reach, chunk))
            else:
                self._table.drop([chunk])
        self._near = {}
        self._waiting = [one for one in self._fresh if one[0] >= watermark]


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

    @property
    def waits(self) -> bool:
        return self._held.has_some
