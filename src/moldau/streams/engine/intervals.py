"""Two streams: what belongs to a key and lies within an interval of each other."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain, takewhile
from operator import attrgetter
from typing import Any

from moldau.streams.engine.line import Line
from moldau.streams.engine.operators import Operator
from moldau.streams.engine.results import Made
from moldau.streams.engine.sides import Paired, StreamJoining, Taken
from moldau.streams.engine.spilled import Spilled
from moldau.streams.engine.state import State
from moldau.streams.engine.values import ColumnsFormat
from moldau.streams.join_nodes import IntervalJoin, Side


class _Kept:
    """A record that may find another until `limit`."""

    __slots__ = ("found", "key", "limit", "value")

    def __init__(self, key: Any, value: Any, limit: int, found: bool = False) -> None:
        self.key = key
        self.value = value
        self.limit = limit
        self.found = found


class _Side:
    """The records of one side that are within reach, by key and in all, the oldest first. One that
    has no key meets nobody: it is in `line` alone."""

    def __init__(self, node: Side, reach: int, keeps_missed: bool, state: State) -> None:
        self.reach = reach
        self.keeps_missed = keeps_missed
        self._row = ColumnsFormat(node.type, list[int], list[bool])
        self._chunk = ColumnsFormat(node.type, list[int])
        self.by_key = Spilled(state, f"{node.name}-kept", self._of_row, self._row_in)
        self.line = Line(
            state, f"{node.name}-line", attrgetter("limit"), self._of_chunk, self._chunk_in
        )
        self._without_key = 0

    def keep(self, key: Any, value: Any, time: int) -> _Kept:
        kept = _Kept(key, value, time + self.reach)
        self.line.back.append(kept)
        if key is None:
            self._without_key += 1
            return kept
        of_key = self.by_key.get(key)
        if of_key is None:
            of_key = self.by_key[key] = deque()
        of_key.append(kept)
        return kept

    def pop(self) -> _Kept:
        kept: _Kept = self.line.front.popleft()
        if kept.key is None:
            self._without_key -= 1
            return kept
        of_key = self.by_key[kept.key]
        kept = of_key.popleft()
        if not of_key:
            del self.by_key[kept.key]
        return kept

    # --- memory -----------------------------------------------------------------------------

    def bring(self, keys: Iterable[Any], watermark: int) -> None:
        """Into memory: the records of these keys, and of those that have any that is over then."""
        self.line.bring(watermark)
        over = takewhile(lambda kept: kept.limit < watermark, self.line.front)
        self.by_key.fetch(chain(keys, (kept.key for kept in over)))

    @property
    def is_whole(self) -> bool:
        return self.by_key.is_whole and self.line.is_whole

    def count(self) -> None:
        self.by_key.total = len(self.line) - self._without_key

    @property
    def used(self) -> int:
        """Most records in `line` are those by key."""
        return max(self.by_key.used, self.line.used)

    @property
    def young(self) -> int:
        return max(self.by_key.young, self.line.young)

    def shrink(self) -> None:
        self.by_key.shrink()
        self.line.shrink()

    def _of_row(self, row: Iterable[_Kept]) -> bytes:
        values, limits, found = _columns(row, "value", "limit", "found")
        return self._row.encode((), values, limits, found)

    def _row_in(self, key: Any, data: bytes) -> deque[_Kept]:
        _, *columns = self._row.decode(data)
        return deque(_Kept(key, *one) for one in zip(*columns, strict=True))

    def _of_chunk(self, entries: Iterable[_Kept]) -> bytes:
        """The value is in the row, where there is one."""
        keys, values, limits = _columns(entries, "key", "value", "limit")
        alone = [
            None if key is not None else value for key, value in zip(keys, values, strict=True)
        ]
        return self._chunk.encode(keys, alone, limits)

    def _chunk_in(self, data: bytes) -> list[_Kept]:
        return [_Kept(*one) for one in zip(*self._chunk.decode(data), strict=True)]


def _columns(kept: Iterable[_Kept], *names: str) -> list[list[Any]]:
    return [list(one) for one in zip(*map(attrgetter(*names), kept), strict=True)]


class IntervalJoining(StreamJoining):
    """A pair leaves with the time of its later record. A record that found nobody leaves when it
    cannot any more, with that time: at its own, windows behind may be closed already.

    Rows are worked through in the order of event time, so a pair is found by its later record: all
    that the other side still keeps of the key is within the interval."""

    def __init__(
        self,
        node: IntervalJoin,
        state: State,
        following: Sequence[Operator],
        late: Sequence[Operator],
        merged: Made,
    ) -> None:
        left, right = node.parents
        assert isinstance(left, Side)
        assert isinstance(right, Side)
        self._left = _Side(left, node.after, node.how != "inner", state)
        self._right = _Side(right, node.before, node.how == "outer", state)
        super().__init__(state, following, late, merged, (self._left, self._right))
        state.paces.append(self)

    def stop(self, watermark: int) -> int:
        return min(one.line.stop(self._now, watermark) for one in (self._left, self._right))

    @property
    def waits(self) -> bool:
        return bool(self._again) or any(
            one.keeps_missed and len(one.line) for one in (self._left, self._right)
        )

    def _run(self, taken: list[Taken], watermark: int) -> Paired:
        made: Paired = []
        self._bring(taken, watermark)
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
        self._left.count()
        self._right.count()
        return made

    def _bring(self, taken: list[Taken], watermark: int) -> None:
        """All that may meet."""
        if not (self._left.is_whole and self._right.is_whole):
            keys = [row[4] for _, _, row in taken]
            self._left.bring(keys, watermark)
            self._right.bring(keys, watermark)

    def _expire(self, before: int, made: Paired) -> None:
        """What cannot find anybody from that time on; of both sides, in the order of its end."""
        lefts, rights = self._left.line.front, self._right.line.front
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
