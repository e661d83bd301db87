"""Event time: what a source partition has seen, and how far a task is.

The watermark of a source partition is the highest event time seen in it minus the lateness of its
topic: no record that is still in time can lie before it. A task's is the least of its partitions'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

BEFORE_ALL = -(1 << 62)
AFTER_ALL = 1 << 62


class SourceClock:
    """One source partition. `watermark` never falls."""

    __slots__ = ("_idle_at", "highest", "is_aside", "lateness", "watermark")

    def __init__(self, lateness: int, is_aside: bool) -> None:
        self.lateness = lateness
        self.highest = BEFORE_ALL
        self.watermark = BEFORE_ALL
        self._idle_at: int | None = None  # its watermark then; None: it is not
        self.is_aside = is_aside  # it holds nobody back, and only its end counts

    @property
    def is_idle(self) -> bool:
        """Read to its end and quiet: it does not hold the others back."""
        return self._idle_at is not None

    @is_idle.setter
    def is_idle(self, is_idle: bool) -> None:
        if is_idle != self.is_idle:
            self._idle_at = self.watermark if is_idle else None

    @property
    def goes_on(self) -> bool:
        """Idle, and silent for so long that its time goes on with the wall clock."""
        return self._idle_at is not None and self.watermark > self._idle_at

    def pass_over(self, times: Sequence[int]) -> Floors:
        """Takes the records' times in. For each, the watermark just before it."""
        lateness, floor = self.lateness, self.watermark
        first = max(self.highest, floor + lateness if floor > BEFORE_ALL else BEFORE_ALL)
        self.highest = max(first, max(times, default=first))
        self.is_idle = False
        self.raise_to(self.highest - lateness)
        return Floors(times, first, lateness, self.highest - lateness)

    def raise_to(self, watermark: int) -> None:
        self.watermark = max(self.watermark, watermark)


class Floors(Sequence[int]):
    """For each record of a source partition, its watermark just before it: worked out when somebody
    asks. Mostly it is enough to know that none is above `at_most`."""

    __slots__ = ("_all", "_first", "_lateness", "_times", "at_most")

    def __init__(self, times: Sequence[int], first: int, lateness: int, at_most: int) -> None:
        """`first`: the highest time before them."""
        self._times = times
        self._first = first
        self._lateness = lateness
        self._all: list[int] | None = None
        self.at_most = at_most

    def _known(self) -> list[int]:
        if self._all is None:
            lateness = self._lateness
            highs = list(accumulate(self._times, max, initial=self._first))
            highs.pop()
            self._all = [high - lateness for high in highs]
        return self._all

    def __len__(self) -> int:
        return len(self._times)

    def __iter__(self) -> Iterator[int]:
        return iter(self._known())

    def __getitem__(self, at: Any) -> Any:
        return self._known()[at]


def highest(floors: Sequence[int]) -> int:
    """None of them is above it."""
    return floors.at_most if isinstance(floors, Floors) else max(floors)


class TaskClock:
    """The watermarks of all source partitions that a task hears of, and the least of them."""

    def __init__(self) -> None:
        self._sources: dict[object, SourceClock] = {}
        self.watermark = BEFORE_ALL

    def source(self, name: object, lateness: int, is_aside: bool = False) -> SourceClock:
        """The clock of that source partition; it holds the task back from now on."""
        clock = self._sources.get(name)
        if clock is None:
            clock = self._sources[name] = SourceClock(lateness, is_aside)
        return clock

    @property
    def is_idle(self) -> bool:
        """Is each of them that may go on? Of those that say nothing of time nobody asks."""
        left = [s for s in self._sources.values() if s.watermark < AFTER_ALL and not s.is_aside]
        return bool(left) and all(one.is_idle for one in left)

    @property
    def least(self) -> int:
        """Where the task's watermark may be by now. Who is idle holds nobody back, but may go on:
        the end of all has come when each of them has ended. Where all are idle, it is where the
        time of those has come that are silent."""
        left = [one for one in self._sources.values() if one.watermark < AFTER_ALL]
        if not left:
            return AFTER_ALL
        active = [one.watermark for one in left if not one.is_idle]
        if active:
            return min(active)
        idle = [one for one in left if not one.is_aside]
        least = max((one.watermark for one in idle if one.goes_on), default=self.watermark)
        if len(left) < len(self._sources):
            # Those that have ended held back what the idle had closed before.
            least = max(least, min((one.watermark for one in idle), default=least))
        return max(self.watermark, least)
