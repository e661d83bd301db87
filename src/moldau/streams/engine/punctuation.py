"""Calls a function as stream time goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.clock import AFTER_ALL
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.results import utc
from moldau.streams.engine.scope import SCOPE, Scope
from moldau.streams.engine.state import Table
from moldau.streams.program import Punctuated


class Punctuation(Step):
    """For each multiple of the interval behind the first record's time, when the watermark gets
    there: how many calls there are does not depend on the sizes of batches. A failure stops the
    worker: there is no record whose fault it could be."""

    def __init__(
        self,
        node: Punctuated,
        table: Table,
        following: Sequence[Operator],
        outputs: list[Output],
    ) -> None:
        super().__init__(following)
        self._function = node.function
        self._interval = node.interval
        self._outputs = outputs
        self._last: int | None = None
        self._is_saved = True
        table.saver = self._save
        for _, last in table.load():
            self._last = last

    def process(self, batch: Batch) -> None:
        if self._last is None:
            self._last = batch.times[0] - batch.times[0] % self._interval
            self._is_saved = False
        self._pass(batch)

    def advance(self, watermark: int) -> None:
        if watermark >= AFTER_ALL or self._last is None:
            return
        for now in range(self._last + self._interval, watermark + 1, self._interval):
            self._last = now
            self._is_saved = False
            self._call(now)

    def _call(self, now: int) -> None:
        scope = Scope()
        scope.time = now
        token = SCOPE.set(scope)
        try:
            self._function(utc(now))
        finally:
            SCOPE.reset(token)
        self._outputs.extend(scope.end())

    def _save(self) -> list[tuple[Any, Any]]:
        if self._is_saved:
            return []
        self._is_saved = True
        return [("last", self._last)]
