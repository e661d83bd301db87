"""The live view: flow, partitions and who reads them, and the minutes that closed last.

Drawn to fit: 80x24 shows everything, larger terminals show more minutes and categories.
"""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from moldau.streams.watching.rate import Rate
from moldau.tools.demo.board import Board, Sums
from moldau.tools.demo.orders import PARTITIONS, money
from moldau.tools.demo.view import Header
from moldau.tools.figures import clock, spark

FRAMES_PER_SECOND = 8
CONSUMER_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
# Wide enough for 99,999.99.
CELL = 9
FRAME = 4
OTHERS = "others"
LEAST_MINUTES = 8
# Lines that are not rows of minutes: title, notes, the upper panels, the lower panel's frame
# and head, the footer, and the line that keeps the terminal from scrolling.
OTHER_LINES = 2 + (PARTITIONS + 3) + 3 + 1 + 1


@contextmanager
def live_view(header: Header, board: Board) -> Iterator["LiveView"]:
    """Draws until the block ends; the last frame stays on the screen."""
    console = Console()
    view = LiveView(header, board, console)
    with Live(view.draw(), console=console, auto_refresh=False) as live:
        view.live = live
        yield view
        board.phase = "done"
        view.update(at_once=True)


class LiveView:
    def __init__(self, header: Header, board: Board, console: Console) -> None:
        self.live: Live | None = None
        self._header = header
        self._board = board
        self._console = console
        self._started = time.monotonic()
        self._drawn = 0.0
        self._rates = {name: Rate() for name in ("orders", "shipments", "summed")}
        self._history: dict[str, deque[float]] = {n: deque(maxlen=60) for n in self._rates}
        self._history_at = 0.0

    def update(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if self.live is not None and (at_once or now - self._drawn >= 1 / FRAMES_PER_SECOND):
            self._drawn = now
            self.live.update(self.draw(), refresh=True)

    def draw(self) -> RenderableType:
        width, height = self._console.size
        upper = Table.grid(expand=True)
        upper.add_column(ratio=1)
        upper.add_column(ratio=1)
        upper.add_row(self._flow(width // 2), self._partitions(width // 2))
        return Group(
            self._title(width),
            Text(f" {self._header.event_time}; {self._header.lateness}", "dim", no_wrap=True),
            upper,
            self._minutes(width, max(3, height - OTHER_LINES)),
            self._footer(),
        )

    def _title(self, width: int) -> Text:
        left = Text.assemble(
            (" moldau demo ", "bold reverse"),
            (f" {self._header.bootstrap_servers}", "bold"),
            (f"  topics {self._header.prefix}.*", "dim"),
        )
        elapsed = time.monotonic() - self._started
        limit = f" of {self._header.seconds:.0f}" if self._header.seconds else ""
        right = Text(f"{self._board.phase}  {elapsed:.0f}{limit} s ", "bold")
        left.append(" " * max(1, width - left.cell_len - right.cell_len))
        return left.append_text(right)

    def _flow(self, width: int) -> Panel:
        board = self._board
        rows = Table.grid(padding=(0, 1), expand=True)
        rows.add_column(style="bold", no_wrap=True)
        rows.add_column(justify="right", no_wrap=True)
        rows.add_column(justify="right", no_wrap=True, style="cyan")
        if spark_width := max(0, width - 36):
            rows.add_column(no_wrap=True, style="cyan")
        counts = {
            "orders": board.acknowledged,
            "shipments": board.shipped,
            "summed": sum(p.summed for p in board.partitions),
        }
        self._remember({name: self._rates[name].per_second(n) for name, n in counts.items()})
        for name, count in counts.items():
            history = self._history[name]
            rate = f"{history[-1]:,.0f}/s" if history else ""
            rows.add_row(
                name, f"{count:,}", rate, *([spark(history, spark_width)] * bool(spark_width))
            )
        rows.add_row("windows", f"{board.windows:,}", "closed")
        rows.add_row("lag", f"{board.lag:,}", "records")
        rows.add_row(
            "refused", f"{board.refused:,}", "orders", style="red" if board.refused else "dim"
        )
        event_time = clock(board.event_time_ms, seconds=True) if board.event_time_ms else "-"
        return Panel(
            Group(rows, Text.assemble(("event time ", "bold"), (event_time, "cyan"))),
            title="orders → shipments, revenue",
            title_align="left",
            border_style="dim",
        )

    def _remember(self, rates: dict[str, float]) -> None:
        """One point a half second, so that sixty are half a minute."""
        now = time.monotonic()
        if now - self._history_at >= 0.5:
            self._history_at = now
            for name, rate in rates.items():
                self._history[name].append(rate)

    def _partitions(self, width: int) -> Panel:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True, ratio=1)
        table.add_row("#", "log end", "consumer", "lag", "", style="dim")
        most = max(1, *(p.end - p.summed for p in self._board.partitions))
        for number, partition in enumerate(self._board.partitions):
            lag = max(0, partition.end - partition.summed)
            table.add_row(
                str(number),
                f"{partition.end:,}",
                Text(partition.consumer, _colour(partition.consumer)),
                f"{lag:,}",
                Text("━" * (lag * max(4, width - 36) // max(most, 1_000)), "red"),
            )
        return Panel(table, title="partitions of orders", title_align="left", border_style="dim")

    def _minutes(self, width: int, height: int) -> Panel:
        """As many minutes as there is room for, as many categories as fit beside each other."""
        shown = sorted(self._board.closed.items())[-height:]
        by_revenue = sorted(self._board.category_cents.items(), key=lambda item: -item[1])
        categories = [category for category, _ in by_revenue]
        fit = _columns_that_fit(width - FRAME - self._header.minute_width - 1, shown)
        if len(categories) > fit:
            categories = [*categories[: fit - 1], OTHERS]
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True, style="bold")
        for _ in [*categories, "total"]:
            table.add_column(justify="right", no_wrap=True)
        heads = [category[:CELL].lower() for category in categories]
        table.add_row("minute", *heads, "total", style="dim")
        for minute, sums in reversed(shown):
            label = clock(minute)[-self._header.minute_width :]
            table.add_row(label, *_cells(sums, categories))
        for _ in range(min(height, LEAST_MINUTES) - len(shown)):
            table.add_row("")
        return Panel(
            table,
            title="revenue per category per minute of event time, last closed first",
            title_align="left",
            border_style="dim",
        )

    def _footer(self) -> Text:
        if self._board.phase == "done":
            return Text()
        news = self._board.news[-1] if self._board.news else ""
        hint = " Ctrl-C: stop, drain, check, clean up; twice: leave at once"
        return Text.assemble((hint, "dim"), (f"   {news}", "yellow"), no_wrap=True, overflow="crop")


def _columns_that_fit(width: int, shown: list[tuple[int, Sums]]) -> int:
    """How many amounts of the widest kind fit, beside the total."""
    totals = [sum(cents for cents, _ in sums.values()) for _, sums in shown]
    amounts = [cents for _, sums in shown for cents, _ in sums.values()]
    cell = max(CELL, len(money(max(amounts, default=0))))
    return max(1, (width - max(CELL, len(money(max(totals, default=0))))) // (cell + 1))


def _cells(sums: Sums, categories: list[str]) -> list[Text]:
    total = sum(cents for cents, _ in sums.values())
    named = {category: sums.get(category, [0, 0])[0] for category in categories}
    if OTHERS in named:
        named[OTHERS] = total - sum(named.values())
    cells = [Text(money(cents)) if cents else Text("·", "dim") for cents in named.values()]
    return [*cells, Text(money(total), "bold green")]


def _colour(consumer: str) -> str:
    number = consumer.rpartition("-")[2]
    return CONSUMER_COLOURS[(int(number) - 1) % len(CONSUMER_COLOURS)] if number else "dim"
