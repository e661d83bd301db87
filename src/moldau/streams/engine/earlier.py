"""What was released before a restart and is still within reach: read again a part at a time, in the
order of event time, for it may be more than fits into memory."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from heapq import heappop, heappush, nsmallest
from typing import Any

AT_ONCE = 16  # chunks


class Earlier:
    """Rows of chunks, from `first` on and before `end`."""

    def __init__(self, read: Callable[[int], list[Any]], first: int, end: int) -> None:
        self._read = read
        self._bounds = (first, end)
        self._chunks: list[tuple[int, int]] = []  # a heap: when what is wanted of one begins
        self._rows: list[Any] = []

    def __bool__(self) -> bool:
        return bool(self._chunks or self._rows)

    def add(self, chunk: int, rows: list[Any]) -> None:
        if within := self._within(rows):
            heappush(self._chunks, (within[0][0], chunk))

    def _within(self, rows: list[Any]) -> list[Any]:
        first, end = self._bounds
        return rows[bisect_left(rows, (first,)) : bisect_left(rows, (end,))]

    def stop(self) -> int:
        """How far time may go at once."""
        if len(self._chunks) <= AT_ONCE:
            return self._bounds[1]
        stop = max(nsmallest(AT_ONCE + 1, self._chunks)[-1][0], self._chunks[0][0] + 1)
        return min(stop, self._bounds[1])

    def release(self, before: int) -> list[Any]:
        while self._chunks and self._chunks[0][0] < before:
            self._rows += self._within(self._read(heappop(self._chunks)[1]))
        self._rows.sort()
        place = bisect_left(self._rows, (before,))
        released, self._rows = self._rows[:place], self._rows[place:]
        return released
