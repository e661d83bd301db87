"""How long each of many things took: average, most, and percentiles of a sample."""

from __future__ import annotations

PARTS = (0.5, 0.95, 0.99, 0.999)
_MOST_SAMPLES = 500_000


class Latencies:
    """Of `expected` things; every n-th is kept, so that memory has a bound. The unit is the
    caller's."""

    def __init__(self, expected: int) -> None:
        self._every = max(1, expected // min(max(expected, 1), _MOST_SAMPLES))
        self._samples: list[float] = []
        self.count = 0
        self._sum: float = 0
        self.most: float = 0

    def record(self, latency: float) -> None:
        if self.count % self._every == 0:
            self._samples.append(latency)
        self.count += 1
        self._sum += latency
        self.most = max(self.most, latency)

    @property
    def average(self) -> float | None:
        return self._sum / self.count if self.count else None

    def percentiles(self) -> list[float]:
        """Those of PARTS."""
        samples = sorted(self._samples) or [0]
        last = len(samples) - 1
        return [samples[min(last, int(part * len(samples)))] for part in PARTS]
