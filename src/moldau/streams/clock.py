"""Event time: what a source partition has seen, and how far a task is.

The watermark of a source partition is the highest event time seen in it minus the lateness of its
topic: no record that is still in time can lie before it. A task's is the least of its partitions'.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

BEFORE_ALL = -(1 << 62)
AFTER_ALL = 1 << 62


class SourceClock:
    """One source partition. `watermark` never falls."""

    __slots__ = ("highest", "is_idle", "lateness", "watermark")

    def __init__(self, lateness: int) -> None:
        self.lateness = lateness
        self.highest = BEFORE_ALL
        self.watermark = BEFORE_ALL
        self.is_idle = False  # read to its end and quiet: it does not hold the others back

    def pass_over(self, times: Sequence[int]) -> list[int]:
        """Takes the records' times in. For each, the watermark just before it."""
        lateness, floor = self.lateness, self.watermark
        first = max(self.highest, floor + lateness if floor > BEFORE_ALL else BEFORE_ALL)
        highs = list(accumulate(times, max, initial=first))
        self.highest = highs.pop()
        self.is_idle = False
        floors = [high - lateness for high in highs]
        self.raise_to(self.highest - lateness)
        return floors

    def raise_to(self, watermark: int) -> None:
        self.watermark = max(self.watermark, watermark)


class TaskClock:
    """The watermarks of all source partitions that a task hears of, and the least of them."""

    def __init__(self) -> None:
        self._sources: dict[object, SourceClock] = {}
        self.watermark = BEFORE_ALL

    def source(self, name: object, lateness: int) -> SourceClock:
        """The clock of that source partition; it holds the task back from now on."""
        clock = self._sources.get(name)
        if clock is None:
            clock = self._sources[name] = SourceClock(lateness)
        return clock

    def advance(self) -> int | None:
        """The task's watermark when it has risen, else None."""
        active = [one.watermark for one in self._sources.values() if not one.is_idle]
        least = min(active, default=BEFORE_ALL)
        if least <= self.watermark:
            return None
        self.watermark = least
        return least
