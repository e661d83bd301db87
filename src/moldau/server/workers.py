"""Threads for what would make the loop wait: syncs, cold reads, checkpoint files."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

Call = Callable[[], None]


class Workers:
    """Runs tasks in up to `limit` threads, which are started when they are needed.

    A task's `done` runs in the loop, with the task's error or None. With one thread the tasks run
    one after the other, in order.
    """

    def __init__(self, name: str, limit: int, hand_over: Callable[[Call], None]) -> None:
        self._name = name
        self._limit = limit
        self._hand_over = hand_over
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._busy = 0

    def run(self, task: Call, done: Callable[[BaseException | None], None]) -> None:
        self._busy += 1
        if self._busy > len(self._threads) and len(self._threads) < self._limit:
            thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._threads.append(thread)
            thread.start()
        self._queue.put(lambda: self._carry_out(task, done))

    def close(self) -> None:
        """Waits for what has been begun."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            task()

    def _carry_out(self, task: Call, done: Callable[[BaseException | None], None]) -> None:
        problem: BaseException | None = None
        try:
            task()
        except BaseException as error:  # whatever it is, the loop must know
            problem = error
        self._hand_over(lambda: self._finish(done, problem))

    def _finish(
        self, done: Callable[[BaseException | None], None], problem: BaseException | None
    ) -> None:
        self._busy -= 1
        done(problem)
