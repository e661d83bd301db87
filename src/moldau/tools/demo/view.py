"""What a person sees: the live view on a terminal, a line per second elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from moldau.streams.watching.rate import Rate
from moldau.tools.demo.board import Board
from moldau.tools.demo.options import DemoOptions
from moldau.tools.demo.orders import LATENESS_MS, money
from moldau.tools.figures import clock

LINE_SECONDS = 1.0


class View(Protocol):
    def update(self) -> None:
        """Show the board as it is now; called several times a second."""


@contextmanager
def open_view(
    bootstrap_servers: str, prefix: str, options: DemoOptions, board: Board
) -> Iterator[View]:
    """The live view where there is a terminal, unless plain lines are asked for."""
    header = Header(bootstrap_servers, prefix, options)
    if sys.stdout.isatty() and not options.plain:
        from moldau.tools.demo.live import live_view

        with live_view(header, board) as view:
            yield view
    else:
        lines = PlainLines(header, board)
        yield lines
        lines.finish()


class Header:
    """What is true for the whole run, in words."""

    def __init__(self, bootstrap_servers: str, prefix: str, options: DemoOptions) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.prefix = prefix
        self.seconds = options.seconds
        # Made-up orders span an hour, purchases a year.
        self.minute_width = len("09:00" if options.data == "made-up" else "01-01 09:00")
        if options.data == "grocery":
            self.event_time = "1.47 million grocery purchases of 2017, as fast as they go"
        else:
            self.event_time = f"event time runs {options.event_speed}x the wall clock"
        self.lateness = f"orders up to {LATENESS_MS // 1_000} s out of order still count"


class PlainLines:
    """One line a second, and one for each event worth a line."""

    def __init__(self, header: Header, board: Board) -> None:
        self._board = board
        self._started = self._printed = time.monotonic()
        self._rate = Rate()
        self._print(f"moldau demo on {header.bootstrap_servers}, topics {header.prefix}.*")
        self._print(f"{header.event_time}; {header.lateness}")

    def update(self) -> None:
        self._print_news()
        rate = self._rate.per_second(self._board.acknowledged)
        if time.monotonic() - self._printed >= LINE_SECONDS:
            self._printed = time.monotonic()
            self._print(self._line(rate))

    def finish(self) -> None:
        self._print_news()

    def _line(self, rate: float) -> str:
        board = self._board
        line = (
            f"{time.monotonic() - self._started:6.1f} s  {board.phase:<9}  "
            f"orders {board.acknowledged:,} ({rate:,.0f}/s)  shipments {board.shipped:,}  "
            f"lag {board.lag:,}  windows {board.windows:,}"
        )
        if board.closed:
            minute, sums = max(board.closed.items())
            total = sum(cents for cents, _ in sums.values())
            line += f"  last {clock(minute)} {money(total)}"
        return line

    def _print_news(self) -> None:
        while self._board.news:
            self._print(f"          {self._board.news.popleft()}")

    def _print(self, line: str) -> None:
        print(line, flush=True)
