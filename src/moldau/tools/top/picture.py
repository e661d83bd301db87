"""The picture: who runs, what goes through each step, and what is being restored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from moldau.streams.watching.document import Document
from moldau.tools.figures import bar, clock, size, span
from moldau.tools.top.summary import Rates, StageRow, stages

BAR = 30
A_DAY_S = 86_400
MOST_RESTORING = 8


@contextmanager
def picture(console: Console | None = None) -> Iterator[Picture]:
    """Draws until the block ends; the last one stays on the screen."""
    with Live(console=console or Console(), auto_refresh=False) as live:
        yield Picture(live)


class Picture:
    def __init__(self, live: Live) -> None:
        self._live = live
        self._rates = Rates()

    def show(self, document: Document) -> None:
        self._live.update(self.draw(document), refresh=True)

    def tell(self, line: str) -> None:
        self._live.console.print(line, markup=False, highlight=False)

    def draw(self, document: Document) -> RenderableType:
        rows = stages(document)
        parts = [self._title(document, rows), self._processes(document), self._steps(rows)]
        restoring = _restoring(document)
        if restoring is not None:
            parts.append(restoring)
        parts += [Text(f" {one}", "red", no_wrap=True) for one in document.silent]
        return Group(*parts)

    def _title(self, document: Document, rows: list[StageRow]) -> RenderableType:
        rate = self._rates.of("all", sum(one.records for one in document.processes))
        behind = sum(row.behind for row in rows)
        return Text.assemble(
            (" moldau streams ", "bold reverse"),
            (f" {document.app}", "bold"),
            (f"   {rate:,.0f} records/s", "cyan"),
            (f"   {behind:,} behind", "yellow" if behind else "dim"),
            no_wrap=True,
        )

    def _processes(self, document: Document) -> RenderableType:
        table = _table("process", "", "tasks", "records/s", "checkpoints", "last", "aborted", "dlq")
        for one in document.processes:
            status = "green" if one.status == "running" else "yellow"
            table.add_row(
                f"{one.slot} ({one.machine} {one.pid})",
                Text(one.status, status),
                str(len(one.tasks)),
                f"{one.records_per_second:,.0f}",
                f"{one.checkpoints:,}",
                span(one.checkpoint_last_s),
                _unless_zero(one.aborted_transactions, "yellow"),
                _unless_zero(one.dead_letters, "red"),
            )
        return Panel(table, title="processes", title_align="left", border_style="dim")

    def _steps(self, rows: list[StageRow]) -> RenderableType:
        parts: list[RenderableType] = []
        for place, row in enumerate(rows):
            table = Table(box=None, expand=True, header_style="dim", show_header=not place)
            table.add_column("step", no_wrap=True, ratio=1)
            for head, width in (("", 14), ("records", 13), ("/s", 9), ("late", 8), ("errors", 8)):
                table.add_column(
                    head, no_wrap=True, min_width=width, justify="right" if head else "left"
                )
            for key, step in row.steps.items():
                rate = self._rates.of(f"{row.name} {key}", step.records)
                table.add_row(
                    step.name,
                    Text(step.verb, "dim"),
                    f"{step.records:,}",
                    Text(f"{rate:,.0f}", "cyan"),
                    _unless_zero(step.late, "yellow"),
                    _unless_zero(step.errors, "red"),
                )
            parts += [_stage(row), table]
        return Panel(Group(*parts), title="steps", title_align="left", border_style="dim")


def _stage(row: StageRow) -> Text:
    """How far it is, and what it keeps."""
    told = [f"{row.tasks} tasks"]
    if row.behind:
        told.append(f"{row.behind:,} behind")
    if row.keys:
        told.append(f"{row.keys:,} keys, {size(row.bytes)}")
    if row.watermark is not None:
        lag = time.time() - row.watermark / 1000
        shown = clock(row.watermark, seconds=True)
        told.append(f"watermark {shown[-8:] if lag < A_DAY_S else shown} ({span(lag)})")
    return Text.assemble((row.name, "bold"), ("  " + "  ".join(told), "dim"), no_wrap=True)


def _table(*heads: str) -> Table:
    """Texts to the left, figures to the right."""
    table = Table(box=None, expand=True, header_style="dim", pad_edge=False)
    for place, head in enumerate(heads):
        table.add_column(head, no_wrap=True, justify="left" if place < 2 else "right")
    return table


def _unless_zero(count: int, style: str) -> Text:
    return Text(f"{count:,}", style) if count else Text("0", "dim")


def _restoring(document: Document) -> RenderableType | None:
    every = [one for process in document.processes for one in process.restoring]
    if not every:
        return None
    table = _table("task", "")
    for one in every[:MOST_RESTORING]:
        part = one.done / one.total if one.total else 1.0
        told = f"{bar(part, BAR)} {part:4.0%}  {one.done:,} of {one.total:,} records"
        table.add_row(f"{one.stage} {one.partition}", told)
    return Panel(table, title=f"restoring {len(every)}", title_align="left", border_style="yellow")
