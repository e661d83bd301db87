"""How a mirror shows what it does: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress

_LINE_S = 5.0
_FRAME_S = 0.1
_RATE_S = 1.0


class View(Protocol):
    def tell(self, line: str) -> None: ...

    def phase(self, name: str, total: int) -> None:
        """Something begins that has `total` steps; 0: nobody knows how many."""

    def update(self, done: int, records: int) -> None: ...


class _Rate:
    """Records per second since the last time it was asked."""

    def __init__(self) -> None:
        self._then = time.monotonic()
        self._records = 0

    def begin(self, records: int) -> None:
        self._then, self._records = time.monotonic(), records

    def per_second(self, records: int) -> float:
        now = time.monotonic()
        rate = (records - self._records) / max(now - self._then, 1e-6)
        self.begin(records)
        return rate


class PlainView:
    def __init__(self) -> None:
        self._name = ""
        self._total = 0
        self._shown = 0.0
        self._rate = _Rate()

    def tell(self, line: str) -> None:
        print(line, flush=True)

    def phase(self, name: str, total: int) -> None:
        self._name, self._total = name, total
        self._shown = time.monotonic()
        self._rate.begin(0)

    def update(self, done: int, records: int) -> None:
        if time.monotonic() - self._shown < _LINE_S:
            return
        self._shown = time.monotonic()
        of = f" of {self._total:,}" if self._total else ""
        rate = self._rate.per_second(records)
        self.tell(f"{self._name:<9}  {done:,}{of}  {rate:,.0f} records/s")


class BarView:
    """On a terminal. What is told stands above the bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("starting", total=None, rate="")
        self._shown = self._rated = 0.0
        self._rate = _Rate()

    def tell(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False)

    def phase(self, name: str, total: int) -> None:
        self._progress.reset(self._task, total=total or None, description=name, rate="")
        self._rate.begin(0)

    def update(self, done: int, records: int) -> None:
        now = time.monotonic()
        if now - self._shown < _FRAME_S:
            return
        self._shown = now
        self._progress.update(self._task, completed=done)
        if now - self._rated >= _RATE_S:
            self._rated = now
            rate = f"{self._rate.per_second(records):,.0f} records/s"
            self._progress.update(self._task, rate=rate)


@contextmanager
def open_view(*, plain: bool) -> Iterator[View]:
    if plain or not sys.stdout.isatty():
        yield PlainView()
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, transient=True) as progress:
        yield BarView(progress)
