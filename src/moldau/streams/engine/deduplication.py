"""The first record of each key: by event time, not by arrival.

A record waits until the watermark has passed its time: an earlier one may yet come (promise 7).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from moldau.streams.batch import Batch
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.state import Table
from moldau.streams.engine.values import ValueFormat
from moldau.streams.program import Deduplicated

_SEEN, _WAITS = "seen", "waits"


class _Waiting(NamedTuple):
    """`order`: its place among the records of its time."""

    time: int
    order: tuple[Any, ...]
    key: Any
    value: Any


class Deduplicating(Step):
    """State is dropped `within` behind the record that was kept."""

    def __init__(self, node: Deduplicated, table: Table, following: Sequence[Operator]) -> None:
        super().__init__(following)
        self._within = node.within
        self._order = node.order
        self._format = ValueFormat(node.type)
        self._table = table
        self._seen: dict[Any, int] = {}  # when the one was that was kept, the oldest first
        self._waiting: dict[tuple[Any, ...], _Waiting] = {}
        self._next: list[tuple[Any, ...]] = []  # a heap of them
        self._changed: dict[tuple[Any, ...], None] = {}
        self._watermark = table.watermark
        self.late = 0
        table.saver = self._save
        for (kind, *rest), saved in table.load():
            if kind == _SEEN:
                self._seen[rest[0]] = saved
            else:
                key, order, value = saved
                self._waiting[tuple(rest)] = _Waiting(
                    rest[0], tuple(order), key, self._format.decode(value)
                )
        self._seen = dict(sorted(self._seen.items(), key=lambda one: one[1]))
        self._next = list(self._waiting)
        heapify(self._next)

    def process(self, batch: Batch) -> None:
        offsets = batch.offsets or range(len(batch))
        columns = zip(batch.keys, batch.values, batch.times, batch.floors, offsets, strict=True)
        for key, value, time, floor, offset in columns:
            if time < floor:
                self.late += 1
            elif key is not None:
                self._wait(key, value, time, (batch.partition, offset))

    def _wait(self, key: Any, value: Any, time: int, source: tuple[int, int]) -> None:
        number = 0  # of the records that a step has made of one
        while (time, *source, number) in self._waiting:
            number += 1
        place = (time, *source, number)
        order = (*source, number)
        by = order if self._order is None else (self._order(value), *order)
        self._waiting[place] = _Waiting(time, by, key, value)
        heappush(self._next, place)
        self._changed[(_WAITS, *place)] = None

    def advance(self, watermark: int) -> None:
        due = []
        while self._next and self._next[0][0] < watermark:
            place = heappop(self._next)
            due.append(self._waiting.pop(place))
            self._forget((_WAITS, *place))
        kept = list(self._kept(sorted(due, key=lambda one: one[:2])))
        while self._seen and (oldest := next(iter(self._seen.items())))[1] < (
            watermark - self._within
        ):
            del self._seen[oldest[0]]
            self._forget((_SEEN, oldest[0]))
        count = len(kept)
        keys, values = [one.key for one in kept], [one.value for one in kept]
        self._pass(Batch(keys, values, [one.time for one in kept], [self._watermark] * count, ()))
        self._watermark = watermark

    def _kept(self, waiting: list[_Waiting]) -> Iterator[_Waiting]:
        for one in waiting:
            before = self._seen.get(one.key)
            if before is None or one.time > before + self._within:
                self._seen.pop(one.key, None)
                self._seen[one.key] = one.time
                self._changed[(_SEEN, one.key)] = None
                yield one

    def _forget(self, place: tuple[Any, ...]) -> None:
        self._changed.pop(place, None)
        self._table.drop([place])

    def _save(self) -> list[tuple[Any, Any]]:
        changed, self._changed = self._changed, {}
        return [(place, self._saved(*place)) for place in changed]

    def _saved(self, kind: str, *place: Any) -> Any:
        if kind == _SEEN:
            return self._seen[place[0]]
        one = self._waiting[place]
        return [one.key, one.order, self._format.encode(one.value)]
