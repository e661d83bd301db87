"""Shows workers while they run: a picture on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from moldau.streams.watching.document import Document
from moldau.tools.figures import clock, span
from moldau.tools.top.summary import Rates, least_watermark, stages

EVERY_S = 0.5
LINE_S = 5.0


class View(Protocol):
    def show(self, document: Document) -> None: ...

    def tell(self, line: str) -> None:
        """What somebody has said meanwhile."""


class PlainView:
    """A line every few seconds, and one for each process that is silent."""

    def __init__(self, every_s: float = LINE_S) -> None:
        self._every_s = every_s
        self._next = 0.0
        self._rates = Rates()

    def show(self, document: Document) -> None:
        rate = self._rates.of("", sum(one.records for one in document.processes))
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every_s
            self.tell(line_of(document, rate))
            for one in document.silent:
                self.tell(f"  {one}")

    def tell(self, line: str) -> None:
        print(line, flush=True)


def line_of(document: Document, rate: float) -> str:
    processes, rows = document.processes, stages(document)
    late = sum(step.late for row in rows for step in row.steps.values())
    errors = sum(step.errors for row in rows for step in row.steps.values())
    parts = [
        f"{document.app}: {len(processes)} processes, {sum(row.tasks for row in rows)} tasks",
        f"{rate:,.0f} records/s, {sum(row.behind for row in rows):,} behind",
        f"{late:,} late, {errors:,} errors",
        f"state {sum(row.keys for row in rows):,} keys",
    ]
    watermark = least_watermark(rows)
    if watermark is not None:
        behind = time.time() - watermark / 1000
        parts.append(f"watermark {clock(watermark, seconds=True)} ({span(behind)} behind)")
    restoring = [one for process in processes for one in process.restoring]
    if restoring:
        done, total = (sum(getattr(one, of) for one in restoring) for of in ("done", "total"))
        parts.append(f"restoring {len(restoring)}: {done:,} of {total:,}")
    return "  ".join(parts)


@contextmanager
def open_view(look: Callable[[], Document]) -> Iterator[View]:
    """Looks twice a second, in a thread of its own, until the block ends."""
    if sys.stdout.isatty():
        from moldau.tools.top.picture import picture

        with picture() as view, _looking(look, view):
            yield view
    else:
        lines = PlainView()
        with _looking(look, lines):
            yield lines


@contextmanager
def _looking(look: Callable[[], Document], view: View) -> Iterator[None]:
    until = threading.Event()

    def run() -> None:
        while not until.is_set():
            view.show(look())
            until.wait(EVERY_S)

    thread = threading.Thread(target=run, name="moldau-top", daemon=True)
    thread.start()
    try:
        yield
    finally:
        until.set()
        thread.join(EVERY_S * 2)
