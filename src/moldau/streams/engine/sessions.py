"""Aggregates by key and session.

Whether a record is late must not depend on which sessions happen to be open, so it goes by the
record alone: late is what lies before its own source partition's watermark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.engine.late import CountsLate
from moldau.streams.engine.operators import Operator
from moldau.streams.engine.results import Results, States, in_order
from moldau.streams.engine.state import Table
from moldau.streams.program import Aggregated
from moldau.streams.windows import Session


class _Open:
    """A session under way: its first and last time, and the states of its aggregates."""

    __slots__ = ("first", "last", "states")

    def __init__(self, first: int, last: int, states: list[Any]) -> None:
        self.first = first
        self.last = last
        self.states = states


class SessionAggregates(CountsLate):
    def __init__(
        self, node: Aggregated, type_: Any, table: Table, following: Sequence[Operator]
    ) -> None:
        super().__init__(following)
        assert isinstance(node.window, Session)
        self._gap = node.window.gap
        self._states = States(node.aggregates, type_)
        self._results = Results(node.label, node.aggregates)
        self._table = table
        self._open: dict[Any, list[_Open]] = {}
        self._changed: dict[tuple[int, Any], _Open] = {}
        self._watermark = table.watermark
        table.saver = self._save
        for (first, key), (last, *states) in table.load():
            self._open.setdefault(key, []).append(_Open(first, last, states))

    def process(self, batch: Batch) -> None:
        offsets = batch.offsets or range(len(batch))
        columns = zip(batch.keys, batch.values, batch.times, batch.floors, offsets, strict=True)
        late = set()
        for number, (key, value, time, floor, offset) in enumerate(columns):
            if time < floor:
                late.add(number)
            elif key is not None:
                place = (time, batch.partition, offset)
                self._add(key, time, self._states.taken(value, place))
        self._too_late(batch, late)

    def _add(self, key: Any, time: int, taken: list[Any]) -> None:
        """Into the sessions that it touches, which become one by it."""
        sessions = self._open.setdefault(key, [])
        gap = self._gap
        touched = [one for one in sessions if one.first - gap < time < one.last + gap]
        if touched:
            one, *others = touched
        else:
            one, others = _Open(time, time, self._states.new()), []
            sessions.append(one)
        first = min(time, *(each.first for each in touched)) if touched else time
        for other in others:
            one.last = max(one.last, other.last)
            self._states.merge(one.states, other.states)
            sessions.remove(other)
            self._forget(other.first, key)
        if first != one.first:
            self._forget(one.first, key)
        one.first, one.last = first, max(one.last, time)
        self._states.add(one.states, taken)
        self._changed[first, key] = one

    def _forget(self, first: int, key: Any) -> None:
        self._changed.pop((first, key), None)
        self._table.drop([(first, key)])

    def advance(self, watermark: int) -> None:
        over = [
            (one.last + self._gap, key, one)
            for key, sessions in self._open.items()
            for one in sessions
            if one.last + self._gap <= watermark
        ]
        rank = {key: number for number, key in enumerate(in_order({key for _, key, _ in over}))}
        for end, key, one in sorted(over, key=lambda each: (each[0], rank[each[1]])):
            self._close(end, key, one)
        self._watermark = watermark

    def _close(self, end: int, key: Any, one: _Open) -> None:
        sessions = self._open[key]
        sessions.remove(one)
        if not sessions:
            del self._open[key]
        self._forget(one.first, key)
        row = self._results.row(key, (one.first, end), one.states)
        self._pass(Batch([key], [row], [end - 1], [self._watermark], ()))

    def _save(self) -> list[tuple[Any, Any]]:
        changed, self._changed = self._changed, {}
        return [(name, [one.last, *one.states]) for name, one in changed.items()]
