"""Tells people how far restoring is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from moldau.streams.topology import Stage

FIRST_S = 1.0  # what takes less is not spoken of
LINE_S = 10.0
BAR_S = 0.2
WIDTH = 24


class Restored(Protocol):
    """Offsets of a changelog: where reading it began, where it is, and where it is to go."""

    stage: Stage
    began: int
    position: int
    end: int

    @property
    def partition(self) -> int: ...


class Progress:
    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._bar = sys.stderr.isatty()
        self._began: float | None = None
        self._next = 0.0
        self._finished = (0, 0)  # tasks, and records of them
        self._is_shown = False

    def show(self, under_way: Sequence[Restored]) -> None:
        now = time.monotonic()
        if not under_way:
            self._end(now)
            return
        if self._began is None:
            self._began, self._next = now, now + FIRST_S
        if now < self._next:
            return
        self._next = now + (BAR_S if self._bar else LINE_S)
        self._is_shown = True
        text = self.line(under_way, now - self._began)
        if self._bar:
            sys.stderr.write(f"\r{text}\x1b[K")
            sys.stderr.flush()
        else:
            self._say(text)

    def line(self, under_way: Sequence[Restored], seconds: float) -> str:
        tasks, records = self._finished
        read = records + sum(one.position - one.began for one in under_way)
        whole = records + sum(one.end - one.began for one in under_way)
        share = read / whole if whole else 1.0
        left = f", {_time(seconds / share - seconds)} left" if share > 0.01 else ""
        bar = ""
        if self._bar:
            full = int(share * WIDTH)
            bar = f"[{'#' * full}{'.' * (WIDTH - full)}] "
        slowest = max(under_way, key=lambda one: one.end - one.position)
        return (
            f"restoring {bar}{share:.0%}: {read:,} of {whole:,} changes, {tasks} of "
            f"{tasks + len(under_way)} tasks{left}; {slowest.stage.name} {slowest.partition}: "
            f"{slowest.position - slowest.began:,} of {slowest.end - slowest.began:,}"
        )

    def done(self, one: Restored) -> None:
        tasks, records = self._finished
        self._finished = (tasks + 1, records + one.end - one.began)

    def _end(self, now: float) -> None:
        if self._is_shown and self._began is not None:
            tasks, records = self._finished
            if self._bar:
                sys.stderr.write("\r\x1b[K")
            self._say(f"restored {tasks} tasks, {records:,} changes in {_time(now - self._began)}")
        self._began, self._finished, self._is_shown = None, (0, 0), False


def _time(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
