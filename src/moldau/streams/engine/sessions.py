"""Aggregates by key and session.

Whether a record is late must not depend on which sessions happen to be open, so it goes by the
record alone: late is what lies before its own source partition's watermark.

A session grows and takes in others, so one that was told of before it closed may be none any more:
then it is taken back, as in Kafka Streams. Which were told of is in the state, and none is told of
before that is committed: what is done again after a crash may make other sessions on its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from itertools import chain, count
from typing import Any, NamedTuple

from moldau.streams.batch import Batch
from moldau.streams.engine.aggregating import Parts, Windowing
from moldau.streams.engine.cached import Cached
from moldau.streams.engine.operators import Sending
from moldau.streams.engine.results import States
from moldau.streams.engine.window_names import Place, in_order
from moldau.streams.windows import Session


class _Open:
    """A session under way: its first and last time, and the states of its aggregates. `told`: what
    of it was told of, and not taken back."""

    __slots__ = ("first", "last", "states", "told")

    def __init__(self, first: int, last: int, states: list[Any], told: Iterable[_Told]) -> None:
        self.first = first
        self.last = last
        self.states = states
        self.told = frozenset(told)


class SessionAggregates(Windowing):
    """A row of the table holds the open sessions of a key. In memory is when a key is to be looked
    at again: when its first session would be over, if nothing more came. A place is a time within
    a session."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        node, table = parts.node, parts.table
        assert isinstance(node.window, Session)
        self._gap = node.window.gap
        self._states = States(node.aggregates, parts.type)
        self._count = len(node.aggregates)
        self._open = Cached(table, _plain, self._sessions)
        self._saved, table.saver = table.saver, self._save
        self._table, self._state = table, parts.state
        # To be told of behind the next checkpoint.
        self._untold: dict[Sending, dict[Place, None]] = {}
        self._promised: list[_Promised] = []
        self._promised_before: list[Place] = []  # it may have ended before it was told of
        self._numbers = count()  # of keys, which may not be ordered
        self._ends: list[tuple[int, int, Any]] = []  # a heap
        self._load()

    def _load(self) -> None:
        for key, row in self._table.load():
            sessions = self._sessions(row)
            self._ends.append((self._end(sessions), next(self._numbers), key))
            self._promised_before += [(one.first, key) for one in sessions if one.told]
        heapify(self._ends)

    def _sessions(self, saved: list[Any]) -> list[_Open]:
        made = []
        for first, last, *states in saved:
            told = map(_Told._make, states[self._count] if len(states) > self._count else ())
            made.append(_Open(first, last, self._states.restored(states[: self._count]), told))
        return made

    def _end(self, sessions: list[_Open]) -> int:
        return min(one.last for one in sessions) + self._gap

    def process(self, batch: Batch) -> None:
        offsets = batch.ordinals
        late = set()
        changed: list[Place] = []
        self._open.fetch(batch.keys)

        def add(number: int) -> None:
            key, time = batch.keys[number], batch.times[number]
            if time < batch.floors[number]:
                late.add(number)
            elif key is not None:
                place = (time, batch.source, offsets[number])
                made = self._add(key, time, self._states.taken(batch.values[number], place))
                changed.append((made.first, key))

        self._guard.each(add, batch)
        self._too_late(batch, late)
        if self._updates.are_wanted:
            self._updates.changed(changed)

    def _add(self, key: Any, time: int, taken: list[Any]) -> _Open:
        """Into the sessions that it touches, which become one by it. Nothing changes where a
        function of the user's fails."""
        gap = self._gap
        sessions = self._open[key] or []
        touched = [one for one in sessions if one.first - gap < time < one.last + gap]
        states = self._states.sum([one.states for one in touched])
        self._states.add(states, taken)
        first = min([time, *(one.first for one in touched)])
        last = max([time, *(one.last for one in touched)])
        made = _Open(first, last, states, chain.from_iterable(one.told for one in touched))
        if not touched:
            heappush(self._ends, (time + gap, next(self._numbers), key))
        self._open.put(key, [one for one in sessions if one not in touched] + [made])
        return made

    @property
    def waits(self) -> bool:
        return bool(self._ends)

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
        if self._updates.are_wanted:
            self._tell(watermark)

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
        for to in self._updates.told:
            self._take_back(to, key, one, (one.first, end))
        self._pass(self._row(key, one))

    def _row(self, key: Any, one: _Open) -> Batch:
        end = one.last + self._gap
        parts = (key, (one.first, end), one.states)
        return self._results.batch(Batch([key], [parts], [end - 1], [self._watermark], ()))

    # --- updates ----------------------------------------------------------------------------

    def tell(self, to: Sending, every: int) -> None:
        super().tell(to, every)
        self._updates.changed(self._promised_before)
        if self._keep_promises not in self._state.on_commit:
            self._state.on_commit.append(self._keep_promises)

    def _tell(self, watermark: int | None = None) -> None:
        """Not yet."""
        for to, places in self._updates.due(watermark):
            self._untold.setdefault(to, {}).update(dict.fromkeys(places))

    def _save(self) -> list[tuple[Any, Any]]:
        self._tell()
        due, self._untold = self._untold, {}
        for to, places in due.items():
            self._open.fetch(key for _, key in places)
            there = {
                id(one): (key, one)
                for time, key in places
                for one in self._open[key] or ()
                if one.first <= time <= one.last
            }
            for key, one in there.values():
                self._promise(to, key, one)
        return self._saved()

    def _promise(self, to: Sending, key: Any, one: _Open) -> None:
        row = self._row(key, one)
        if len(row):
            told = _Told(to.topic, one.first, one.last + self._gap)
            one.told |= {told}
            self._open.changed[key] = None
            self._promised.append(_Promised(to, key, told, row))

    def _keep_promises(self) -> None:
        """Of sessions that are not closed meanwhile."""
        promised, self._promised = self._promised, []
        self._open.fetch(one.key for one in promised)
        for to, key, told, row in promised:
            for one in self._open[key] or ():
                if told in one.told:
                    self._take_back(to, key, one, (told.first, told.end))
                    to.process(row)

    def _take_back(self, to: Sending, key: Any, one: _Open, now: tuple[int, int]) -> None:
        """What was told of it and is a part now of what is told next."""
        first, end = now
        parts = sorted(
            told
            for told in one.told
            if told.topic == to.topic and told[1:] != now
            if first <= told.first and told.end <= end
        )
        if parts:
            to.take_back(key, [told[1:] for told in parts], self._watermark)
            one.told -= set(parts)
            self._open.changed[key] = None


class _Told(NamedTuple):
    """A session as it was told of to a topic."""

    topic: str
    first: int
    end: int


class _Promised(NamedTuple):
    to: Sending
    key: Any
    told: _Told
    row: Batch


def _plain(sessions: list[_Open]) -> list[Any]:
    return [
        [one.first, one.last, *one.states, *([sorted(map(list, one.told))] if one.told else [])]
        for one in sessions
    ]
