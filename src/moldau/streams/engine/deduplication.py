"""The first record of each key: by event time, not by arrival.

A record waits until the watermark has passed its time: an earlier one may yet come (promise 7).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import groupby
from operator import le, lt
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.engine.cached import Cached
from moldau.streams.engine.guard import Guard
from moldau.streams.engine.held import Held, since_of
from moldau.streams.engine.keys import typed
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.state import Table
from moldau.streams.engine.values import ValueFormat
from moldau.streams.program import Deduplicated

SPANS = 64  # of `within`: what was seen in one is forgotten together
PIECE = 64  # keys, from which on a piece is not written again to add to it


class Deduplicating(Step):
    """State is dropped `within` behind the record that was kept, or a little later."""

    def __init__(
        self,
        node: Deduplicated,
        seen: Table,
        waiting: Held,
        forgetting: Table,
        following: Sequence[Operator],
        guard: Guard,
    ) -> None:
        super().__init__(following)
        self._guard = guard
        self._within = node.within
        self._order = node.order
        self._held = waiting
        self._seen = Cached(seen)  # when the one was that was kept
        self._forgetting = Forgetting(forgetting, max(1, node.within // SPANS))
        self._watermark = seen.watermark

    def process(self, batch: Batch) -> None:
        if any(map(lt, batch.times, batch.floors)):
            in_time = list(map(le, batch.floors, batch.times))
            self.count.late += in_time.count(False)
            batch = batch.where(in_time)
        if None in batch.keys:
            batch = batch.where([key is not None for key in batch.keys])
        if self._order is not None:
            batch, _ = self._guard.map(self._order, batch)  # a record that fails fails here
        self._held.add(batch)

    @property
    def waits(self) -> bool:
        return self._held.has_some

    def advance(self, watermark: int) -> None:
        due = self._in_order(self._held.release(watermark))
        self._seen.fetch(row[4] for row in due)
        kept = list(self._kept(due))
        for time, key in self._forgetting.before(watermark - self._within):
            if self._seen[key] == time:
                self._seen.put(key, None)
        keys, values, times = [[row[n] for row in kept] for n in (4, 5, 6)]
        self._pass(Batch(keys, values, times, [self._watermark] * len(kept), ()))
        self._watermark = watermark

    def _in_order(self, rows: Sequence[Any]) -> Sequence[Any]:
        """By time; of one time by what the user says, then by place, which they come by."""
        order = self._order
        if order is None:
            return rows
        made: list[Any] = []
        for _, some in groupby(rows, key=since_of):  # else it would matter what comes with them
            of_one_time = list(some)
            try:
                made += sorted(of_one_time, key=lambda row: order(row[5]))
            except TypeError:  # what `by` reads is not of one type
                made += sorted(of_one_time, key=lambda row: repr(order(row[5])))
        return made

    def _kept(self, rows: Sequence[Any]) -> Iterator[Any]:
        for row in rows:
            time, key = row[0], row[4]
            before = self._seen[key]
            if before is None or time > before + self._within:
                self._seen.put(key, time)
                self._forgetting.add(time, key)
                yield row


def waiting_before(table: Table, type_: Any) -> Iterator[Batch]:
    """What an earlier release wrote of records that wait, each under its place: (time, partition,
    offset, number of those made of it). It is not there any more with the next checkpoint."""
    decode = ValueFormat(type_).decode
    for (time, partition, offset, number), (key, _, value) in sorted(table.load(), key=_place):
        table.drop([(time, partition, offset, number)])
        yield Batch([typed(key)], [decode(value)], [time], [time], [offset], partition)


def _place(row: tuple[Any, Any]) -> Any:
    return row[0]


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
            for time, key in piece:
                yield time, typed(key)

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
