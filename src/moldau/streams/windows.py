"""Windows: which of them a time belongs to, and when each ends. Times in ms since 1970, UTC."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from moldau.streams.errors import DefinitionError


@dataclass(frozen=True)
class Tumbling:
    """Windows of `size` ms, one behind the other, the first beginning at 1970."""

    size: int

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise DefinitionError("a tumbling window must be longer than nothing")

    def starts(self, times: Sequence[int]) -> list[int]:
        """The window of each time."""
        size = self.size
        return [time - time % size for time in times]

    def end(self, start: int) -> int:
        return start + self.size


@dataclass(frozen=True)
class Hopping:
    """Windows of `size` ms, one beginning every `step` ms."""

    size: int
    step: int

    def __post_init__(self) -> None:
        if not 0 < self.step <= self.size:
            raise DefinitionError(
                f"a hopping window of {self.size} ms needs a step between 1 ms and its size, "
                f"not {self.step} ms"
            )

    def starts_of(self, time: int) -> Iterable[int]:
        return range(time - time % self.step, time - self.size, -self.step)

    def end(self, start: int) -> int:
        return start + self.size


_FAR_MS = 5 * 366 * 86_400_000  # some years

CalendarUnit = Literal["day", "week", "month"]


@dataclass(frozen=True)
class Calendar:
    """Days, weeks (from Monday) or months of a time zone, as its clocks show them: a day in which
    they are set has 23 or 25 hours."""

    unit: CalendarUnit
    zone: ZoneInfo
    # Where the windows known so far begin, in order, each where the one before it ends.
    _bounds: list[int] = field(default_factory=list, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.unit not in ("day", "week", "month"):
            raise DefinitionError(
                f"calendar: {self.unit!r} is not one of day, week, month; of what is as long "
                f"everywhere, windows are tumbling, as tumbling('1h')"
            )

    def starts(self, times: Sequence[int]) -> list[int]:
        """The window of each time."""
        return [self._start(time) for time in times]

    def _start(self, time: int) -> int:
        if not self._cover(time):
            return self._bounds_of(time)[0]
        return self._bounds[bisect_right(self._bounds, time) - 1]

    def end(self, start: int) -> int:
        if not self._cover(start):
            return self._bounds_of(start)[1]
        return self._bounds[bisect_right(self._bounds, start)]

    def _cover(self, time: int) -> bool:
        """False: it is far from all that was seen, and not worth all the windows between."""
        bounds = self._bounds
        if not bounds:
            bounds += self._bounds_of(time)
        if not bounds[0] - _FAR_MS < time < bounds[-1] + _FAR_MS:
            return False
        while time < bounds[0]:
            bounds.insert(0, self._bounds_of(bounds[0] - 1)[0])
        while time >= bounds[-1]:
            bounds.append(self._bounds_of(bounds[-1])[1])
        return True

    def _bounds_of(self, time: int) -> tuple[int, int]:
        first = self._first_day(datetime.fromtimestamp(time / 1000, self.zone).date())
        start, end = self._midnight(first), self._midnight(self._following(first))
        while time >= end:  # behind midnight the clocks were set back to the day before
            first = self._following(first)
            start, end = end, self._midnight(self._following(first))
        return start, end

    def _first_day(self, day: date) -> date:
        if self.unit == "week":
            return day - timedelta(day.weekday())
        return day.replace(day=1) if self.unit == "month" else day

    def _following(self, first: date) -> date:
        if self.unit == "month":
            return (first + timedelta(32)).replace(day=1)
        return first + timedelta(7 if self.unit == "week" else 1)

    def _midnight(self, day: date) -> int:
        """The first moment of that day: where midnight is skipped, the one behind the gap."""
        local = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        late, early = (_ms(local.replace(fold=fold)) for fold in (0, 1))
        while late - early > 1:  # a gap, which need not end at midnight
            middle = (early + late) // 2
            if datetime.fromtimestamp(middle / 1000, self.zone).date() >= day:
                late = middle
            else:
                early = middle
        return late


def _ms(time: datetime) -> int:
    return round(time.astimezone(UTC).timestamp() * 1000)


@dataclass(frozen=True)
class Session:
    """From the first record to `gap` ms behind the last: a pause of `gap` ends it."""

    gap: int

    def __post_init__(self) -> None:
        if self.gap <= 0:
            raise DefinitionError("a session needs a gap longer than nothing")


@dataclass(frozen=True)
class Sliding:
    """All sets of records that lie at most `size` ms apart, as in Kafka Streams (KIP-450): a
    window ends at each record, and one begins just behind it."""

    size: int


Aligned = Tumbling | Hopping | Calendar
Window = Aligned | Session | Sliding
