"""Aggregates by key and session.

Whether a record is late must not depend on which sessions happen to be open, so it goes by the
record alone: late is what lies before its own source partition's watermark.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

from moldau.streams.aggregates import in_order
from moldau.streams.batch import Batch
from moldau.streams.engine.aggregating import Aggregating, Parts
from moldau.streams.engine.cached import Cached
from moldau.streams.engine.late import CountsLate
from moldau.streams.engine.results import States
from moldau.streams.windows import Session


class _Open:
    """A session under way: its first and last time, and the states of its aggregates."""

    __slots__ = ("first", "last", "states")

    def __init__(self, first: int, last: int, states: list[Any]) -> None:
        self.first = first
        self.last = last
        self.states = states


class SessionAggregates(Aggregating, CountsLate):
    """A row of the table holds the open sessions of a key. In memory is when a key is to be looked
    at again: when its first session would be over, if nothing more came."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        node, table = parts.node, parts.table
        assert isinstance(node.window, Session)
        self._gap = node.window.gap
        self._states = States(node.aggregates, parts.type)
        self._open = Cached(table, _plain, self._restored)
        self._numbers = count()  # of keys, which may not be ordered
        self._ends = [
            (self._end(_sessions(row)), next(self._numbers), key) for key, row in table.load()
        ]
        heapify(self._ends)

    def _restored(self, saved: list[Any]) -> list[_Open]:
        sessions = _sessions(saved)
        for one in sessions:
            one.states = self._states.restored(one.states)
        return sessions

    def _end(self, sessions: list[_Open]) -> int:
        return min(one.last for one in sessions) + self._gap

    def process(self, batch: Batch) -> None:
        offsets = batch.offsets or range(len(batch))
        late = set()
        self._open.fetch(batch.keys)

        def add(number: int) -> None:
            key, time = batch.keys[number], batch.times[number]
            if time < batch.floors[number]:
                late.add(number)
            elif key is not None:
                place = (time, batch.partition, offsets[number])
                self._add(key, time, self._states.taken(batch.values[number], place))

        self._guard.each(add, batch)
        self._too_late(batch, late)

    def _add(self, key: Any, time: int, taken: list[Any]) -> None:
        """Into the sessions that it touches, which become one by it. Nothing changes where a
        function of the user's fails."""
        gap = self._gap
        sessions = self._open[key] or []
        touched = [one for one in sessions if one.first - gap < time < one.last + gap]
        states = self._states.sum([one.states for one in touched])
        self._states.add(states, taken)
        first = min([time, *(one.first for one in touched)])
        made = _Open(first, max([time, *(one.last for one in touched)]), states)
        if not touched:
            heappush(self._ends, (time + gap, next(self._numbers), key))
        self._open.put(key, [one for one in sessions if one not in touched] + [made])

    def advance(self, watermark: int) -> None:
        over = [
            (one.last + self._gap, key, one)
            for key, sessions in self._due(watermark)
            for one in sessions
            if one.last + self._gap <= watermark
        ]
        rank = {key: number for number, key in enumerate(in_order({key for _, key, _ in over}))}
        for end, key, one in sorted(over, key=lambda each: (each[0], rank[each[1]])):
            self._close(end, key, one)
        self._watermark = watermark

    def _due(self, watermark: int) -> Iterator[tuple[Any, list[_Open]]]:
        """Those that have a session that may be over."""
        due: dict[Any, None] = {}
        while self._ends and self._ends[0][0] <= watermark:
            due[heappop(self._ends)[2]] = None
        self._open.fetch(due)
        for key in due:
            sessions = self._open[key] or []
            later = [one for one in sessions if one.last + self._gap > watermark]
            if later:
                heappush(self._ends, (self._end(later), next(self._numbers), key))
            yield key, sessions

    def _close(self, end: int, key: Any, one: _Open) -> None:
        sessions = self._open[key]
        sessions.remove(one)
        self._open.put(key, sessions or None)
        parts = (key, (one.first, end), one.states)
        self._pass(self._results.batch(Batch([key], [parts], [end - 1], [self._watermark], ())))


def _plain(sessions: list[_Open]) -> list[Any]:
    return [[one.first, one.last, *one.states] for one in sessions]


def _sessions(saved: list[Any]) -> list[_Open]:
    return [_Open(first, last, states) for first, last, *states in saved]
