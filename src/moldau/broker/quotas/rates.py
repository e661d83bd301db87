"""Rates over a sliding window, and buckets of tokens, as Apache Kafka's metrics measure them.

Sources: SampledStat, Rate, TokenBucket, QuotaUtils. Times are ms since 1970, rates are per second.
"""

from __future__ import annotations

from math import floor, isnan
from typing import Final, NamedTuple

_LONGEST_MS: Final = 2**31 - 1


class Window(NamedTuple):
    """quota.window.num samples of quota.window.size.seconds each."""

    samples: int
    ms: int


class _Sample:
    __slots__ = ("last_ms", "start_ms", "value")

    def __init__(self, now_ms: int) -> None:
        self.reset(now_ms)

    def reset(self, now_ms: int) -> None:
        self.value = 0.0
        self.start_ms = self.last_ms = now_ms


class Rate:
    """What was recorded in the window, by the time that the window holds.

    Whoever has just begun is measured as if the window before had been silent.
    """

    __slots__ = ("_current", "_samples", "_window")

    def __init__(self, window: Window) -> None:
        self._window = window
        self._samples: list[_Sample] = []
        self._current = 0

    def record(self, value: float, now_ms: int) -> None:
        if not self._samples:
            self._samples.append(_Sample(now_ms))
        sample = self._samples[self._current]
        if now_ms - sample.start_ms >= self._window.ms:
            sample = self._advance(now_ms)
        sample.value += value
        sample.last_ms = now_ms

    def _advance(self, now_ms: int) -> _Sample:
        """The oldest sample is used anew; one more than there are in the window may overlap it."""
        self._current = (self._current + 1) % (self._window.samples + 1)
        if self._current == len(self._samples):
            self._samples.append(_Sample(now_ms))
        else:
            self._samples[self._current].reset(now_ms)
        return self._samples[self._current]

    def measure(self, now_ms: int) -> float:
        length = self.length_ms(now_ms)
        return sum(sample.value for sample in self._samples) / (length / 1000)

    def length_ms(self, now_ms: int) -> int:
        """How long the window is now: at least all but one of its samples, and what has passed of
        the last."""
        samples, ms = self._window
        for sample in self._samples:
            if now_ms - sample.last_ms >= samples * ms:
                sample.reset(now_ms)
        elapsed = now_ms - min((sample.start_ms for sample in self._samples), default=now_ms)
        full = elapsed // ms
        if full < samples - 1:
            elapsed += (samples - 1 - full) * ms
        return max(elapsed, 1)

    def throttle_ms(self, limit: float, now_ms: int) -> int:
        """How long nothing may be recorded until the rate is the limit; 0: it is not above it."""
        measured = self.measure(now_ms)
        if measured <= limit:
            return 0
        return rounded((measured - limit) / limit * self.length_ms(now_ms))

    def is_silent(self, now_ms: int) -> bool:
        """Does it say nothing that a new one would not say?"""
        age = self._window.samples * self._window.ms
        return all(now_ms - sample.last_ms >= age for sample in self._samples)

    def clock_moved(self, by_ms: int) -> None:
        for sample in self._samples:
            sample.start_ms += by_ms
            sample.last_ms += by_ms


class TokenBucket:
    """Fills at the rate of the limit up to a window's worth; what is taken may leave it in debt."""

    __slots__ = ("_tokens", "_updated_ms", "_window")

    def __init__(self, window: Window) -> None:
        self._window = window
        self._tokens = 0.0
        self._updated_ms = 0

    def record(self, value: float, limit: float, now_ms: int) -> None:
        self._refill(limit, now_ms)
        self._tokens = min(self._burst(limit), self._tokens - value)

    def throttle_ms(self, limit: float, now_ms: int) -> int:
        """How long until the debt is paid."""
        self._refill(limit, now_ms)
        return rounded(-self._tokens / limit * 1000) if self._tokens < 0 else 0

    def is_silent(self, now_ms: int) -> bool:
        return now_ms - self._updated_ms >= 2 * self._window.samples * self._window.ms

    def clock_moved(self, by_ms: int) -> None:
        self._updated_ms += by_ms

    def _burst(self, limit: float) -> float:
        return self._window.samples * self._window.ms / 1000 * limit

    def _refill(self, limit: float, now_ms: int) -> None:
        grown = self._tokens + limit * (now_ms - self._updated_ms) / 1000
        self._tokens = min(self._burst(limit), grown)
        self._updated_ms = now_ms


def rounded(ms: float) -> int:
    """Java's Math.round, as an int of the wire. Limits may be next to nothing, or no number."""
    if isnan(ms):
        return 0
    return floor(ms + 0.5) if ms < _LONGEST_MS else _LONGEST_MS
