"""What the running stages tell the view: plain numbers, each written by one thread only."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from moldau.tools.demo.orders import PARTITIONS

# category -> [cents, number of orders]
Sums = dict[str, list[int]]


@dataclass(slots=True)
class PartitionBoard:
    """One partition of orders: next offsets of its two readers, log end, who sums it up."""

    end: int = 0
    summed: int = 0
    shipped: int = 0
    consumer: str = "-"


@dataclass(slots=True)
class Board:
    phase: str = "starting"
    sent: int = 0
    acknowledged: int = 0
    refused: int = 0
    event_time_ms: int = 0
    shipped: int = 0
    windows: int = 0
    # The last minutes of event time that are closed, by their start.
    closed: dict[int, Sums] = field(default_factory=dict)
    category_cents: dict[str, int] = field(default_factory=dict)
    partitions: list[PartitionBoard] = field(
        default_factory=lambda: [PartitionBoard() for _ in range(PARTITIONS)]
    )
    news: deque[str] = field(default_factory=lambda: deque(maxlen=100))
    failure: str | None = None

    @property
    def lag(self) -> int:
        return sum(max(0, p.end - p.summed) for p in self.partitions)

    def progress(self) -> tuple[int, ...]:
        """Changes as long as anything moves."""
        return (self.acknowledged, self.shipped, self.windows, self.lag)


class Stage(threading.Thread):
    """A part of the pipeline in a thread of its own; what it raises ends the demo."""

    def __init__(self, name: str, board: Board, work: Callable[[], None]) -> None:
        # A daemon, because a second Ctrl-C leaves at once.
        super().__init__(name=name, daemon=True)
        self._board = board
        self._work = work

    def run(self) -> None:
        try:
            self._work()
        except Exception as error:
            self._board.failure = f"{self.name} failed: {error}"
