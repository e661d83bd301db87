"""The changes of a table on their way to a topic, every so often by the wall clock: of each row the
last. How often is not promised, what is told last is (promise 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from moldau.streams.batch import Batch
from moldau.streams.clock import AFTER_ALL
from moldau.streams.engine.cached import Cached
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.state import Table
from moldau.streams.engine.values import ValueFormat

AT_ONCE = 5000  # rows that leave at a time


class _Change(NamedTuple):
    """`value` None: the row is deleted."""

    time: int
    value: Any


class Coalescing(Step):
    """A row of its state is a change that has not gone out. In memory is always of which rows there
    are some."""

    def __init__(
        self,
        every: int,
        table: Table,
        type_: Any,
        following: Sequence[Operator],
        relieve: Callable[[], None],
    ) -> None:
        """`every` in ms; 0: each change, and what a program left behind that told of fewer."""
        super().__init__(following)
        self._every = every
        self._format = ValueFormat(type_)
        self._changes = Cached(table, self._plain, self._change)
        self._waiting = dict.fromkeys(self._changes.all_keys())
        self._since: int | None = None  # by the wall clock: one has waited
        self._relieve = relieve

    def _plain(self, change: _Change) -> list[Any]:
        time, value = change
        return [time, None if value is None else self._format.encode(value)]

    def _change(self, saved: Sequence[Any]) -> _Change:
        time, data = saved
        return _Change(time, None if data is None else self._format.decode(data))

    def process(self, batch: Batch) -> None:
        for key, value, time in zip(batch.keys, batch.values, batch.times, strict=True):
            self._changes.put(key, _Change(time, value))
            self._waiting[key] = None
        if not self._every:
            self._tell()

    def advance(self, watermark: int) -> None:
        if watermark >= AFTER_ALL:
            self._tell()

    def clock_at(self, now_ms: int) -> None:
        """By the wall clock, which may be set back."""
        if not self._waiting:
            return
        if self._since is None or now_ms < self._since:
            self._since = now_ms
        if now_ms >= self._since + self._every:
            self._tell()

    def _tell(self) -> None:
        waiting, self._waiting, self._since = iter(self._waiting), {}, None
        while keys := list(islice(waiting, AT_ONCE)):
            self._changes.fetch(keys)
            times, values = zip(*(self._changes[key] for key in keys), strict=True)
            for key in keys:
                self._changes.put(key, None)
            self._pass(Batch(keys, values, times, times, ()))
            self._relieve()
