"""The first record of each key: by event time, not by arrival.

A record waits until the watermark has passed its time: an earlier one may yet come (promise 7).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from moldau.streams.batch import Batch
from moldau.streams.engine.cached import Cached
from moldau.streams.engine.guard import Guard
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.state import Table
from moldau.streams.engine.values import ValueFormat
from moldau.streams.program import Deduplicated

SPANS = 64  # of `within`: what was seen in one is forgotten together
PIECE = 64  # keys, from which on a piece is not written again to add to it


class _Waiting(NamedTuple):
    """`order`: its place among the records of its time."""

    time: int
    order: tuple[Any, ...]
    key: Any
    value: Any


class Deduplicating(Step):
    """State is dropped `within` behind the record that was kept, or a little later."""

    def __init__(
        self,
        node: Deduplicated,
        seen: Table,
        waiting: Table,
        forgetting: Table,
        following: Sequence[Operator],
        guard: Guard,
    ) -> None:
        super().__init__(following)
        self._guard = guard
        self._within = node.within
        self._order = node.order
        self._format = ValueFormat(node.type)
        self._table = waiting
        self._seen = Cached(seen)  # when the one was that was kept
        self._forgetting = Forgetting(forgetting, max(1, node.within // SPANS))
        self._waiting: dict[tuple[Any, ...], _Waiting] = {}
        self._changed: dict[tuple[Any, ...], None] = {}
        self._watermark = waiting.watermark
        waiting.saver = self._save
        for place, (key, order, value) in waiting.load():
            kept = _Waiting(place[0], tuple(order), key, self._format.decode(value))
            self._waiting[place] = kept
        self._next = list(self._waiting)
        heapify(self._next)

    def process(self, batch: Batch) -> None:
        offsets = batch.offsets or range(len(batch))

        def wait(number: int) -> None:
            time = batch.times[number]
            if time < batch.floors[number]:
                self.count.late += 1
            elif batch.keys[number] is not None:
                place = (batch.partition, offsets[number])
                self._wait(batch.keys[number], batch.values[number], time, place)

        self._guard.each(wait, batch)

    def _wait(self, key: Any, value: Any, time: int, source: tuple[int, int]) -> None:
        number = 0  # of the records that a step has made of one
        while (time, *source, number) in self._waiting:
            number += 1
        place = (time, *source, number)
        order = (*source, number)
        by = order if self._order is None else (self._order(value), *order)
        self._waiting[place] = _Waiting(time, by, key, value)
        heappush(self._next, place)
        self._changed[place] = None

    def advance(self, watermark: int) -> None:
        due = []
        while self._next and self._next[0][0] < watermark:
            place = heappop(self._next)
            due.append(self._waiting.pop(place))
            self._changed.pop(place, None)
            self._table.drop([place])
        self._seen.fetch(one.key for one in due)
        kept = list(self._kept(_in_order(due)))
        for time, key in self._forgetting.before(watermark - self._within):
            if self._seen[key] == time:
                self._seen.put(key, None)
        count = len(kept)
        keys, values = [one.key for one in kept], [one.value for one in kept]
        self._pass(Batch(keys, values, [one.time for one in kept], [self._watermark] * count, ()))
        self._watermark = watermark

    def _kept(self, waiting: list[_Waiting]) -> Iterator[_Waiting]:
        for one in waiting:
            before = self._seen[one.key]
            if before is None or one.time > before + self._within:
                self._seen.put(one.key, one.time)
                self._forgetting.add(one.time, one.key)
                yield one

    def _save(self) -> list[tuple[Any, Any]]:
        changed, self._changed = self._changed, {}
        there = self._waiting
        encode = self._format.encode
        return [
            (place, [there[place].key, there[place].order, encode(there[place].value)])
            for place in changed
        ]


class Forgetting:
    """Which keys are to be forgotten, by time: in pieces of those of a span. In memory are only the
    names of the pieces, and what may be added to the last of a span."""

    def __init__(self, table: Table, span: int) -> None:
        self._table = table
        self._span = span
        self._new: dict[int, list[tuple[int, Any]]] = {}  # by their span
        self._tails: dict[int, tuple[int, list[tuple[int, Any]]]] = {}
        self._pieces: list[tuple[int, int]] = sorted(table.stored_keys())  # a heap
        self._next = max((number for _, number in self._pieces), default=-1) + 1
        table.saver = self._save

    def add(self, time: int, key: Any) -> None:
        self._new.setdefault(time // self._span, []).append((time, key))

    def before(self, limit: int) -> Iterator[tuple[int, Any]]:
        """Those of the spans that are over then. They are gone with that."""
        while self._pieces and (self._pieces[0][0] + 1) * self._span <= limit:
            name = self._pieces[0]
            number, tail = self._tails.get(name[0], (None, None))
            piece: Any = tail if number == name[1] else self._table.get(name)
            if piece is None:  # not committed yet: there is time
                return
            if piece is tail:
                del self._tails[name[0]]
            heappop(self._pieces)
            self._table.drop([name])
            yield from piece

    def _save(self) -> list[tuple[Any, Any]]:
        new, self._new = self._new, {}
        return [self._longer(span, piece) for span, piece in new.items()]

    def _longer(self, span: int, piece: list[tuple[int, Any]]) -> tuple[Any, Any]:
        number, tail = self._tails.pop(span, (self._next, []))
        if number == self._next:
            self._next += 1
            heappush(self._pieces, (span, number))
        tail += piece
        if len(tail) < PIECE:
            self._tails[span] = (number, tail)
        return (span, number), tail


def _in_order(due: list[_Waiting]) -> list[_Waiting]:
    try:
        return sorted(due, key=lambda one: one[:2])
    except TypeError:  # what `by` reads is not of one type
        return sorted(due, key=lambda one: (one.time, repr(one.order[0]), one.order[1:]))
