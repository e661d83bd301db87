"""The loop of the process: which sockets are ready, what other threads have finished, what time
it is. Not asyncio: see docs/decisions/0001-own-reactor.md.
"""

from __future__ import annotations

import os
import selectors
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from select import select
from time import monotonic_ns, time_ns

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE
Ready = Callable[[int], None]


def now_ms() -> int:
    """Wall clock, milliseconds since 1970."""
    return time_ns() // 1_000_000


# Two clocks that differ by less than this more than they did: one of them is being corrected.
TOLERATED_MS = 1000


class SetClock:
    """Notices when the wall clock was set: a clock that nobody can set runs beside it. (Linux stops
    that one while the machine sleeps, so waking up looks like being set forward.)"""

    def __init__(self, now_ms: int) -> None:
        self._ahead_ms = now_ms - monotonic_ns() // 1_000_000

    def moved(self, now_ms: int) -> int:
        """By how many ms since the last call; 0: not, or not by much."""
        ahead_ms = now_ms - monotonic_ns() // 1_000_000
        by_ms = ahead_ms - self._ahead_ms
        if -TOLERATED_MS < by_ms < TOLERATED_MS:
            return 0
        self._ahead_ms = ahead_ms
        return by_ms


class Reactor:
    """Calls `ready(events)` for each file that is ready. `before` runs once in each round, between
    waking up and the files; `after` behind them, and says when it must run again (ms since 1970,
    None: when something happens). `moved` is told, before that, by how much the clock was set."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._done: deque[Callable[[], None]] = deque()
        self._running = True
        self.register(self._wake_read, READ, self._woken)

    def register(self, fd: int, events: int, ready: Ready) -> None:
        self._selector.register(fd, events, ready)

    def modify(self, fd: int, events: int, ready: Ready) -> None:
        self._selector.modify(fd, events, ready)

    def unregister(self, fd: int) -> None:
        self._selector.unregister(fd)

    def call_from_thread(self, call: Callable[[], None]) -> None:
        """Runs `call` in the loop. The only method that other threads may use."""
        self._done.append(call)
        self._wake()

    def stop(self) -> None:
        """The loop ends after this round. May be called by a signal handler."""
        self._running = False
        self._wake()

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # the pipe is full of wake-ups already
            os.write(self._wake_write, b"\0")

    def run(
        self,
        before: Callable[[int], None],
        after: Callable[[], int | None],
        moved: Callable[[int], None],
    ) -> None:
        select = self._selector.select
        clock = SetClock(now_ms())
        deadline = after()
        while self._running:
            timeout = None if deadline is None else max(deadline - now_ms(), 0) / 1000
            ready = select(timeout)
            now = now_ms()
            by = clock.moved(now)
            if by:
                moved(by)
            before(now)
            for key, events in ready:
                key.data(events)
            deadline = after()

    def wait_for_threads(self) -> None:
        """One round in which nothing but other threads is heard."""
        select([self._wake_read], [], [])
        self._woken(READ)

    def close(self) -> None:
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _woken(self, _events: int) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake_read, 4096)
        while self._done:
            self._done.popleft()()
