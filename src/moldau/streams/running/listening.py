"""For how long a worker has listened to its sources.

A worker that stands still (its machine sleeps, a topic that it writes to takes nothing) hears of no
records meanwhile, and a clock may be set: neither is silence of the sources (promise 4).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from moldau.streams.running.wall_clock import now_ms

MOST_MS = 1000.0  # of one round, that count as listening
LEAST_MS = 500.0  # a clock that is only a little off is corrected by little, all the time


class Listening:
    def __init__(
        self,
        wall_ms: Callable[[], int] = now_ms,
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`steady_s`: nobody sets that one."""
        self._wall_ms, self._steady_s = wall_ms, steady_s
        self._wall, self._steady = wall_ms(), steady_s()
        self.heard_s = 0.0  # in all

    def not_heard_ms(self) -> int:
        """Of the last round: how much of what has passed by the clock is no silence. Less than 0
        where the clock was set back."""
        wall, steady = self._wall_ms(), self._steady_s()
        heard = min(MOST_MS, (steady - self._steady) * 1000)
        self.heard_s += heard / 1000
        passed, self._wall, self._steady = wall - self._wall, wall, steady
        deaf = round(passed - heard)
        return deaf if abs(deaf) > LEAST_MS else 0
