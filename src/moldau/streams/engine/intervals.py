"""Two streams: what belongs to a key and lies within an interval of each other."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from moldau.streams.engine.operators import Operator
from moldau.streams.engine.results import Made
from moldau.streams.engine.sides import Paired, StreamJoining, Taken
from moldau.streams.join_nodes import IntervalJoin


class _Kept:
    """A record that may find another until `limit`."""

    __slots__ = ("found", "key", "limit", "value")

    def __init__(self, key: Any, value: Any, limit: int) -> None:
        self.key = key
        self.value = value
        self.limit = limit
        self.found = False


class _Side:
    """The records of one side that are within reach, by key and in all, the oldest first."""

    def __init__(self, reach: int, keeps_missed: bool) -> None:
        self.reach = reach
        self.keeps_missed = keeps_missed
        self.by_key: dict[Any, deque[_Kept]] = {}
        self.queue: deque[_Kept] = deque()

    def keep(self, key: Any, value: Any, time: int) -> _Kept:
        kept = _Kept(key, value, time + self.reach)
        self.queue.append(kept)
        of_key = self.by_key.get(key)
        if of_key is None:
            of_key = self.by_key[key] = deque()
        of_key.append(kept)
        return kept

    def pop(self) -> _Kept:
        kept = self.queue.popleft()
        of_key = self.by_key[kept.key]
        of_key.popleft()
        if not of_key:
            del self.by_key[kept.key]
        return kept


class IntervalJoining(StreamJoining):
    """A pair leaves with the time of its later record. A record that found nobody leaves when it
    cannot any more, with that time: at its own, windows behind may be closed already.

    Rows are worked through in the order of event time, so a pair is found by its later record: all
    that the other side still keeps of the key is within the interval."""

    def __init__(
        self,
        node: IntervalJoin,
        watermark: int,
        following: Sequence[Operator],
        late: Sequence[Operator],
        merged: Made,
    ) -> None:
        super().__init__(watermark, following, late, merged)
        self._left = _Side(node.after, node.how != "inner")
        self._right = _Side(node.before, node.how == "outer")

    def _run(self, taken: list[Taken], watermark: int) -> Paired:
        made: Paired = []
        for time, rank, row in taken:
            self._expire(time, made)
            key, value = row[4], row[5]
            mine, others = (self._right, self._left) if rank else (self._left, self._right)
            kept = mine.keep(key, value, time)
            partners = others.by_key.get(key)
            if key is None or not partners:
                continue
            kept.found = True
            for other in partners:
                other.found = True
                pair = (other.value, value) if rank else (value, other.value)
                made.append((key, pair, time))
        self._expire(watermark, made)
        return made

    def _expire(self, before: int, made: Paired) -> None:
        """What cannot find anybody from that time on; of both sides, in the order of its end."""
        lefts, rights = self._left.queue, self._right.queue
        while True:
            left = lefts[0].limit if lefts else before
            right = rights[0].limit if rights else before
            if min(left, right) >= before:
                return
            side = self._left if left <= right else self._right
            gone = side.pop()
            if side.keeps_missed and not gone.found:
                pair = (gone.value, None) if side is self._left else (None, gone.value)
                made.append((gone.key, pair, gone.limit))
