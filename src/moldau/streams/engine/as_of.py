"""Two streams: each left record with one right record, the last before it, the first behind it, or
the nearer of the two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import takewhile
from operator import itemgetter
from typing import Any, NamedTuple

from moldau.streams.engine.coding import decode, encode
from moldau.streams.engine.keys import typed
from moldau.streams.engine.line import Line
from moldau.streams.engine.operators import Operator
from moldau.streams.engine.results import Made
from moldau.streams.engine.sides import Paired, StreamJoining, Taken
from moldau.streams.engine.spilled import Spilled
from moldau.streams.engine.state import State
from moldau.streams.engine.values import ColumnsFormat
from moldau.streams.join_nodes import AsOfJoin

MOST_DUE = 16_000  # left records that leave at once, about


class _Waiting(NamedTuple):
    """A left record that a right one may yet suit, until `limit`; `before`: what it has else."""

    limit: int
    number: int
    key: Any
    value: Any
    before: Any


class AsOfJoining(StreamJoining):
    """A row leaves when its right record is known: with the time of the later of both, or with
    that at which it is known that there is none. Of right records of one time the last counts
    backward, the first forward; of two that are equally near, the one before.

    What waits, and the latest of each key, is in memory as far as there is room; when the wait of
    each is over is always there."""

    def __init__(
        self,
        node: AsOfJoin,
        state: State,
        following: Sequence[Operator],
        late: Sequence[Operator],
        merged: Made,
    ) -> None:
        self._keeps_missed = node.how == "left"
        self._tolerance = node.tolerance
        self._looks_back = node.strategy != "forward"
        self._looks_ahead = node.strategy != "backward"
        # A left record sees the right ones of its own time: in `_latest`, or as the next to come.
        self._right_rank = -1 if self._looks_back else 1
        formats = _Formats(*(side.type for side in node.parents))
        # By key: (its time, value).
        self._latest = Spilled(state, f"{node.name}-latest", formats.latest, formats.latest_in)
        self._ages = Line(state, f"{node.name}-ages", itemgetter(0), encode, _ages_in)
        self._waiting = Spilled(state, f"{node.name}-waiting", formats.waiting, formats.waiting_in)
        self._limits: list[tuple[int, int, Any]] = []  # a heap
        self._number = 0
        kept = (self._latest, self._ages, self._waiting)
        super().__init__(state, following, late, merged, kept)
        state.paces.append(self)

    def stop(self, watermark: int) -> int:
        if len(self._limits) > MOST_DUE:
            watermark = min(watermark, self._now + self._tolerance // 64 + 1)
        far = self._tolerance
        return self._ages.stop(self._now - far, watermark - far) + far

    @property
    def waits(self) -> bool:
        return bool(self._again or self._limits)

    def _run(self, taken: list[Taken], watermark: int) -> Paired:
        made: Paired = []
        self._bring([row[4] for _, _, row in taken], watermark)
        there = len(self._latest)
        for time, rank, row in taken:
            self._expire(time, made)
            key, value = row[4], row[5]
            if rank:
                self._right_came(key, value, time, made)
            else:
                self._left_came(key, value, time, made)
        self._expire(watermark, made)
        self._forget(watermark)
        self._latest.total += 2 * (len(self._latest) - there)
        return made

    def _bring(self, keys: list[Any], watermark: int) -> None:
        """Into memory: what these keys may meet, and what is over then."""
        self._ages.bring(watermark - self._tolerance)
        if not self._waiting.is_whole:
            self._waiting.fetch((*keys, *_before(self._limits, watermark)))
        if not self._latest.is_whole:
            old = takewhile(lambda one: self._is_old(one[0], watermark), self._ages.front)
            self._latest.fetch((*keys, *(key for _, key in old)))

    def _is_old(self, time: int, watermark: int) -> bool:
        """For all that can still come."""
        return time + self._tolerance < watermark

    def _right_came(self, key: Any, value: Any, time: int, made: Paired) -> None:
        if key is None:
            return
        waiting = self._waiting.pop(key, ())
        self._waiting.total -= len(waiting)
        for one in waiting:
            made.append((key, (one.value, value), time))
        if self._looks_back:
            self._latest[key] = (time, value)
            self._ages.back.append((time, key))

    def _left_came(self, key: Any, value: Any, time: int, made: Paired) -> None:
        at, before = self._latest.get(key, (None, None))
        away = self._tolerance + 1 if at is None else time - at
        if away > self._tolerance:
            before = None
        if not self._looks_ahead or away == 0 or key is None:
            self._leave(key, value, before, time, made)
            return
        limit = time + min(self._tolerance, away - 1)
        one = _Waiting(limit, self._number, key, value, before)
        self._number += 1
        self._waiting.setdefault(key, []).append(one)
        self._waiting.total += 1
        heappush(self._limits, (limit, one.number, key))

    def _leave(self, key: Any, value: Any, right: Any, time: int, made: Paired) -> None:
        if right is not None or self._keeps_missed:
            made.append((key, (value, right), time))

    def _expire(self, before: int, made: Paired) -> None:
        while self._limits and self._limits[0][0] < before:
            limit, number, key = heappop(self._limits)
            waiting = self._waiting.get(key, [])
            for place, one in enumerate(waiting):
                if one.number == number:
                    del waiting[place]
                    self._waiting.total -= 1
                    self._leave(key, one.value, one.before, limit, made)
                    break
            if not waiting:
                self._waiting.pop(key, None)

    def _forget(self, watermark: int) -> None:
        ages = self._ages.front
        while ages and self._is_old(ages[0][0], watermark):
            _, key = ages.popleft()
            latest = self._latest.get(key)
            if latest is not None and self._is_old(latest[0], watermark):
                del self._latest[key]


def _ages_in(data: bytes) -> list[tuple[int, Any]]:
    return [(time, typed(key)) for time, key in decode(data)]


class _Formats:
    """Of what is spilled."""

    def __init__(self, left: Any, right: Any) -> None:
        self._lefts = ColumnsFormat(left, list[int], list[int], bytes)
        self._rights = ColumnsFormat(right, list[int])

    def latest(self, row: tuple[int, Any]) -> bytes:
        time, value = row
        return self._rights.encode((), [value], [time])

    def latest_in(self, _key: Any, data: bytes) -> tuple[int, Any]:
        _, values, times = self._rights.decode(data)
        return times[0], values[0]

    def waiting(self, row: Sequence[_Waiting]) -> bytes:
        limits, numbers, _, values, before = map(list, zip(*row, strict=True))
        return self._lefts.encode((), values, limits, numbers, self._rights.encode((), before, ()))

    def waiting_in(self, key: Any, data: bytes) -> list[_Waiting]:
        _, values, limits, numbers, rights = self._lefts.decode(data)
        _, before, _ = self._rights.decode(rights)
        columns = zip(limits, numbers, values, before, strict=True)
        return [_Waiting(limit, number, key, *both) for limit, number, *both in columns]


def _before(heap: Sequence[tuple[int, int, Any]], limit: int) -> Iterator[Any]:
    """The keys of those that come before it."""
    places = [0]
    while places:
        place = places.pop()
        if place < len(heap) and heap[place][0] < limit:
            yield heap[place][2]
            places += (2 * place + 1, 2 * place + 2)
