"""How fast a counter grows."""

from __future__ import annotations

import time


class Rate:
    """Change per second, over the last two seconds or so, or the last `span_s`."""

    def __init__(self, span_s: float = 2.0) -> None:
        self._span_s = span_s
        self._seen: list[tuple[float, int]] = []

    def per_second(self, count: int) -> float:
        now = time.monotonic()
        kept = [seen for seen in self._seen if now - seen[0] < self._span_s]
        self._seen = [*kept, (now, count)]
        since, before = self._seen[0]
        return (count - before) / (now - since) if now > since else 0.0
