"""Two streams: each left record with one right record, the last before it, the first behind it, or
the nearer of the two."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any, NamedTuple

from moldau.streams.engine.operators import Operator
from moldau.streams.engine.results import Made
from moldau.streams.engine.sides import Paired, StreamJoining, Taken
from moldau.streams.join_nodes import AsOfJoin


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
    backward, the first forward; of two that are equally near, the one before."""

    def __init__(
        self,
        node: AsOfJoin,
        watermark: int,
        following: Sequence[Operator],
        late: Sequence[Operator],
        merged: Made,
    ) -> None:
        super().__init__(watermark, following, late, merged)
        self._keeps_missed = node.how == "left"
        self._tolerance = node.tolerance
        self._looks_back = node.strategy != "forward"
        self._looks_ahead = node.strategy != "backward"
        # A left record sees the right ones of its own time: in `_latest`, or as the next to come.
        self._right_rank = -1 if self._looks_back else 1
        self._latest: dict[Any, tuple[int, Any]] = {}
        self._ages: deque[tuple[int, Any]] = deque()
        self._waiting: dict[Any, list[_Waiting]] = {}
        self._limits: list[tuple[int, int, Any]] = []  # a heap
        self._number = 0

    def _run(self, taken: list[Taken], watermark: int) -> Paired:
        made: Paired = []
        for time, rank, row in taken:
            self._expire(time, made)
            key, value = row[4], row[5]
            if rank:
                self._right_came(key, value, time, made)
            else:
                self._left_came(key, value, time, made)
        self._expire(watermark, made)
        self._forget(watermark)
        return made

    def _right_came(self, key: Any, value: Any, time: int, made: Paired) -> None:
        if key is None:
            return
        for one in self._waiting.pop(key, ()):
            made.append((key, (one.value, value), time))
        if self._looks_back:
            self._latest[key] = (time, value)
            self._ages.append((time, key))

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
                    self._leave(key, one.value, one.before, limit, made)
                    break
            if not waiting:
                self._waiting.pop(key, None)

    def _forget(self, watermark: int) -> None:
        """What is too old for all that can still come."""
        while self._ages and self._ages[0][0] + self._tolerance < watermark:
            _, key = self._ages.popleft()
            latest = self._latest.get(key)
            if latest is not None and latest[0] + self._tolerance < watermark:
                del self._latest[key]
