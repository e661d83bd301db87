"""The stages of a run: started together, drained from front to back, stopped together."""

import time
from collections.abc import Callable, Iterator
from types import TracebackType

from moldau.tools.demo.board import Board, Stage
from moldau.tools.demo.clients import SESSION_SECONDS
from moldau.tools.demo.generator import Generator, Ledger
from moldau.tools.demo.options import DemoOptions
from moldau.tools.demo.orders import Order
from moldau.tools.demo.processor import Processor
from moldau.tools.demo.reader import Reader
from moldau.tools.demo.revenue import RevenueGroup
from moldau.tools.demo.topics import BrokerEnded, DemoError, Topics
from moldau.tools.demo.view import View
from moldau.tools.demo.watch import GroupWatch, Windows

CONSUMERS = 3
TICK_SECONDS = 0.1
# A run is given up when nothing at all has moved for so long.
STALLED_SECONDS = 60
STOP_SECONDS = 10
DYING_SECONDS = 2


class Pipeline:
    """Used as a context: leaving it stops what is still running. In `state_dir` the workers keep
    their state."""

    def __init__(
        self,
        bootstrap_servers: str,
        topics: Topics,
        state_dir: str,
        options: DemoOptions,
        orders: Iterator[Order],
        board: Board,
        view: View,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topics = topics
        self._options = options
        self._board = board
        self._view = view
        self._generator = Generator(bootstrap_servers, topics.orders, orders, options.rate, board)
        self._processor = Processor(bootstrap_servers, topics, board)
        self._group = RevenueGroup(bootstrap_servers, topics, state_dir, board)
        self._watch = GroupWatch(bootstrap_servers, topics, board)
        self._windows = Windows(bootstrap_servers, topics, board)
        self._stages: list[Stage] = []
        # Partition -> the offset after its last order; known when no order will follow.
        self._ends: dict[int, int] = {}
        self._moved, self._progress = time.monotonic(), board.progress()

    def __enter__(self) -> "Pipeline":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for stop in (self._generator.stop, self._processor.stop, self._watch.stop):
            stop.set()
        self._group.stop()
        if kind not in (KeyboardInterrupt, BrokerEnded):
            for stage in [*self._stages, *self._group.stages]:
                stage.join(STOP_SECONDS)
            self._windows.close()

    @property
    def ledger(self) -> Ledger:
        return self._generator.ledger

    def stop_producing(self) -> None:
        self._generator.stop.set()

    def produce(self) -> None:
        """Start every stage; returns when the last order that was sent is answered."""
        self._start("processor", self._processor.work)
        self._group.start(CONSUMERS)
        self._start("watch", self._watch.work)
        generator = self._start("generator", self._generator.work)
        while generator.is_alive() and not self._board.sent:
            self._tick()
        self._board.phase = "producing"
        started = time.monotonic()
        replace_after = self._options.replace_consumer_after or float("inf")
        while generator.is_alive():
            elapsed = time.monotonic() - started
            if self._options.seconds and elapsed >= self._options.seconds:
                self.stop_producing()
            if elapsed >= replace_after:
                self._group.replace_one()
                replace_after = float("inf")
            self._tick()

    def drain(self) -> dict[int, int]:
        """Tell the stages where the orders end and wait until they are there; the ends."""
        self._board.phase = "draining"
        reader = Reader(self._bootstrap_servers)
        ends = self._ends = reader.ends(self._topics.orders)
        reader.close()
        # A member that ends while it joins stays in the group until its session ends.
        settling = time.monotonic()
        while self._watch.settled != self._group.names and (
            time.monotonic() - settling < SESSION_SECONDS
        ):
            self._tick()
        self._group.finish()
        while not (self._group.has_ended and self._all_shipped(ends)):
            self._tick()
        self._tick()  # the last windows
        return ends

    def _all_shipped(self, ends: dict[int, int]) -> bool:
        return all(self._board.partitions[p].shipped >= end for p, end in ends.items())

    def _check_broker(self) -> None:
        ended = self._options.broker_ended
        if ended is None:
            return
        # A stage may have failed because the broker died, which is seen a moment later.
        until = time.monotonic() + (DYING_SECONDS if self._board.failure is not None else 0)
        while (said := ended()) is None:
            if time.monotonic() >= until:
                return
            time.sleep(TICK_SECONDS)
        raise BrokerEnded(f"its broker has ended: {said}")

    def _check_progress(self) -> None:
        if self._board.progress() != self._progress:
            self._moved, self._progress = time.monotonic(), self._board.progress()
        elif time.monotonic() - self._moved > STALLED_SECONDS:
            raise DemoError(
                f"nothing has moved for {STALLED_SECONDS} seconds ({self._behind()}): "
                "is the broker still up?"
            )

    def _behind(self) -> str:
        behind = [
            f"partition {p}: end {end}, shipped {b.shipped}, summed {b.summed} by {b.consumer}"
            for p, b in enumerate(self._board.partitions)
            if min(b.shipped, b.summed) < (end := self._ends.get(p, b.end))
        ]
        return "; ".join(behind) or ("windows" if self._ends else "orders")

    def _start(self, name: str, work: Callable[[], None]) -> Stage:
        stage = Stage(name, self._board, work)
        self._stages.append(stage)
        stage.start()
        return stage

    def _tick(self) -> None:
        self._check_broker()
        if self._board.failure is not None:
            raise DemoError(self._board.failure)
        self._check_progress()
        self._windows.look()
        self._view.update()
        time.sleep(TICK_SECONDS)
