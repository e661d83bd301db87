"""An event loop on a virtual clock, for tests: time moves when it is told to."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from moldau.streams.engine.pace import PacedTask
from moldau.streams.engine.task import Task
from moldau.streams.running.host import AsyncHost

FOR_OTHERS_S = 0.05  # real time, for threads and sockets


class _Selector(selectors.DefaultSelector):
    """Stops the loop when nothing is ready, and notes when the next timer is due."""

    loop: asyncio.AbstractEventLoop
    next_s: float | None = None  # from now
    tasks: Sequence[PacedTask] = ()  # whose handlers may wait for something real

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        self.next_s = timeout
        is_waited_for = any(task.waits for task in self.tasks)
        if is_waited_for and (len(self.get_map()) > 1 or timeout is None):
            events = super().select(FOR_OTHERS_S)
        if not events:
            self.loop.stop()
        return events


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, selector: _Selector, now_ms: Callable[[], float]) -> None:
        super().__init__(selector)
        selector.loop = self
        self.wall_ms = now_ms
        # A timer is due at the moment that was waited for, not a rounding behind it.
        self._clock_resolution = 1e-4

    def time(self) -> float:
        return self.wall_ms() / 1000


class VirtualHost(AsyncHost):
    """`move` moves the clock on by so many ms."""

    def __init__(self, now_ms: Callable[[], float], move: Callable[[int], None]) -> None:
        self._selector = _Selector()
        super().__init__(_Loop(self._selector, now_ms), lambda: 0.0)
        self.until = math.inf
        self._now_ms = now_ms
        self._move = move

    def sleep(self, ms: int) -> Awaitable[None]:
        """A pause before another try takes no time of the test's."""
        self._move(ms)
        return asyncio.sleep(0)

    def settled(self) -> None:
        """The loop stops by itself."""

    def exits(self, told: SystemExit, *, in_record: bool = False) -> None:
        """Out of the test's own call."""
        raise told

    def work(self, tasks: Iterable[Task | PacedTask], seconds: float = math.inf) -> None:
        paced = [task for task in tasks if isinstance(task, PacedTask)]
        self._selector.tasks = paced
        went_on = bool(paced)
        while went_on:
            went_on = _work(paced)
            self.run_ready()
            went_on |= _work(paced)

    def run_ready(self) -> None:
        if self._running:
            self.loop.run_forever()

    @property
    def next_ms(self) -> int | None:
        """When the next timer is due, in ms since 1970."""
        after = self._selector.next_s
        return None if after is None else round(self._now_ms() + after * 1000)


def _work(tasks: Iterable[PacedTask]) -> bool:
    return sum(task.work() for task in tasks) > 0  # of all of them, not up to the first
