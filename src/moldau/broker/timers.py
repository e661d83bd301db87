"""Deadlines: a heap with lazy deletion. Time comes in as an argument (ms since 1970)."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Timer:
    __slots__ = ("action", "deadline_ms")

    def __init__(self, deadline_ms: int, action: Callable[[int], None] | None) -> None:
        self.deadline_ms = deadline_ms
        self.action = action

    def cancel(self) -> None:
        self.action = None


class Timers:
    """Cancelled timers stay in the heap until they are due or are more than half of it."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._count = 0

    def at(self, deadline_ms: int, action: Callable[[int], None]) -> Timer:
        timer = Timer(deadline_ms, action)
        self._count += 1
        heapq.heappush(self._heap, (deadline_ms, self._count, timer))
        if self._count & 0xFFF == 0:
            self._sweep()
        return timer

    def next_deadline(self) -> int | None:
        heap = self._heap
        while heap and heap[0][2].action is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def run(self, now_ms: int) -> None:
        """Runs what is due; a timer set meanwhile for the past runs in the next call."""
        due = []
        while self._heap and self._heap[0][0] <= now_ms:
            due.append(heapq.heappop(self._heap)[2])
        for timer in due:
            action, timer.action = timer.action, None
            if action is not None:
                action(now_ms)

    def clock_moved(self, by_ms: int) -> None:
        """The clock was set: what was to run after a while still runs after that while."""
        for _, _, timer in self._heap:
            timer.deadline_ms += by_ms
        self._heap = [(deadline_ms + by_ms, n, timer) for deadline_ms, n, timer in self._heap]

    def _sweep(self) -> None:
        alive = [entry for entry in self._heap if entry[2].action is not None]
        if len(alive) * 2 < len(self._heap):
            heapq.heapify(alive)
            self._heap = alive
