"""Where a program's own coroutines run: agents, timers, tasks and hooks, on one event loop.

The loop runs in turns, between polls of the consumer. A turn ends when handlers are done, or when
its time is over; so a slow handler never keeps the worker from polling.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from moldau.streams.engine.pace import PacedTask
from moldau.streams.engine.task import Task
from moldau.streams.running.unread import judge

TURN_S = 0.1
TO_END_S = 5.0


class Waiter:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] | None = None
        self._is_set = False

    def set(self) -> None:
        self._is_set = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def wait(self) -> None:
        if not self._is_set:
            self._future = self._loop.create_future()
            await self._future
            self._future = None
        self._is_set = False


class AsyncHost:
    """`clock` in s; `loop` is the program's own."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._loop = loop
        self.clock = clock
        self.until = 0.0
        self.exit: SystemExit | None = None  # the program's own code has called sys.exit()
        self.is_cut = False  # that was in the middle of a record
        self._running: set[asyncio.Task[None]] = set()
        self._is_running = False

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Made when it is first needed: most programs have nothing to run on it."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop

    # --- for lanes --------------------------------------------------------------------------

    def start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self.loop.create_task(coroutine)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def waiter(self) -> Waiter:
        return Waiter(self.loop)

    def sleep(self, ms: int) -> Awaitable[None]:
        return asyncio.sleep(ms / 1000)

    def settled(self) -> None:
        if self._is_running:
            self.loop.stop()  # when what is ready has had its turn

    def exits(self, told: SystemExit, *, in_record: bool = False) -> None:
        self.exit = self.exit or told
        self.is_cut |= in_record
        self.settled()

    def judge(self, error: BaseException) -> None:
        judge(error)

    # --- for the body -----------------------------------------------------------------------

    def work(self, tasks: Iterable[Task | PacedTask], seconds: float = TURN_S) -> None:
        """Lets the agents of these tasks go on for at most so long. Raises what has stopped one."""
        paced = [task for task in tasks if isinstance(task, PacedTask)]
        self.until = self.clock() + seconds
        while True:
            went_on = False
            for task in paced:
                went_on |= task.work()
            left = self.until - self.clock()
            if left <= 0 or not (went_on or any(task.is_busy for task in paced)):
                return
            if any(task.waits for task in paced):
                self._turn(left)

    def _turn(self, seconds: float) -> None:
        """Until a lane has nothing more to do, or so long."""
        timer = self.loop.call_later(seconds, self.loop.stop)
        self._is_running = True
        try:
            self.loop.run_forever()
        finally:
            self._is_running = False
            timer.cancel()

    def turn(self, seconds: float) -> None:
        """For what runs beside the records."""
        if self._running:
            self._turn(seconds)

    def run(self, awaitable: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(awaitable)

    def close(self, tasks: Iterable[Task | PacedTask] = ()) -> None:
        """Cancels what still runs, and waits for it."""
        for task in tasks:
            if isinstance(task, PacedTask):
                task.close()
        if self._loop is None:
            return
        for one in self._running:
            one.cancel()
        if self._running:
            self.run(asyncio.wait(set(self._running), timeout=TO_END_S))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
