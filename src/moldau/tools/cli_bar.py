"""How far long work is: a line on stderr, on a terminal only."""

from __future__ import annotations

import sys
import time

_WIDTH = 30
_EVERY_S = 0.1
_SHOWN_AFTER_S = 0.5  # what is done sooner needs no bar


class Bar:
    """`total` is in the same unit as `step`; None when nobody knows where the end is."""

    def __init__(self, total: int | None, unit: str = "") -> None:
        self._total, self._unit = total, unit
        self._done = 0
        self._next = time.monotonic() + _SHOWN_AFTER_S
        self._start = time.monotonic()
        self._is_shown = sys.stderr.isatty()
        self._was_shown = False

    def step(self, size: int = 1) -> None:
        self._done += size
        if self._is_shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY_S
            self._was_shown = True
            print(f"\r{self._line()}\x1b[K", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Takes the line away."""
        if self._was_shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._was_shown = False

    def _line(self) -> str:
        rate = self._done / max(time.monotonic() - self._start, 0.001)
        told = f"{self._done:,} {self._unit}, {rate:,.0f}/s"
        if not self._total:
            return told
        part = min(self._done / self._total, 1.0)
        return f"[{'#' * int(part * _WIDTH):<{_WIDTH}}] {part:4.0%}  {told}"
