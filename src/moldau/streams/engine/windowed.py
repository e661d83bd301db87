"""Aggregates by key and window: one result each, when the task's watermark passes the window's end.

The loop over the records is compiled from the aggregates (`loop.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.engine.loop import Changed, Groups, compiled
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.results import Results, in_order
from moldau.streams.engine.state import Table
from moldau.streams.program import Aggregated
from moldau.streams.windows import Aligned, Hopping


class WindowedAggregates(Step):
    def __init__(
        self, node: Aggregated, type_: Any, table: Table, following: Sequence[Operator]
    ) -> None:
        super().__init__(following)
        assert isinstance(node.window, Aligned)
        self._window = node.window
        self._results = Results(node.label, node.aggregates)
        self._table = table
        self._open: Groups = {}
        self._changed: Changed = []
        self._watermark = table.watermark
        self._update = compiled(node.aggregates, type_, self._window)
        self.late = 0
        table.saver = self._save
        for (start, key), states in table.load():
            self._open.setdefault(start, {})[key] = [*states, -1]

    def process(self, batch: Batch) -> None:
        window = self._window
        if not isinstance(window, Hopping):
            self._add(batch, window.starts(batch.times))
            return
        spread = [list(window.starts_of(time)) for time in batch.times]
        for turn in range(max(map(len, spread))):
            chosen = [len(starts) > turn for starts in spread]
            starts = [starts[turn] for starts in spread if len(starts) > turn]
            self._add(batch if all(chosen) else batch.where(chosen), starts)

    def _add(self, batch: Batch, starts: list[int]) -> None:
        late = self._update(
            self._open,
            self._changed,
            self._table.checkpoint,
            batch.partition,
            batch.keys,
            starts,
            batch.floors,
            batch.values,
            batch.times,
            batch.offsets or range(len(batch)),
        )
        self.late += len(late)

    def advance(self, watermark: int) -> None:
        end = self._window.end
        for start in sorted(start for start in self._open if end(start) <= watermark):
            self._close(start)
        self._watermark = watermark

    def _close(self, start: int) -> None:
        """Their order does not depend on that of the records: by the end of the window, by key."""
        group = self._open.pop(start)
        keys = in_order(group)
        end = self._window.end(start)
        values = [self._results.row(key, (start, end), group[key]) for key in keys]
        self._table.drop((start, key) for key in keys)
        count = len(keys)
        self._pass(Batch(keys, values, [end - 1] * count, [self._watermark] * count, ()))

    def _save(self) -> list[tuple[Any, Any]]:
        """What has changed since the last checkpoint, and is still open."""
        changed, self._changed = self._changed, []
        return [
            ((start, key), states[:-1])
            for start, key, states in changed
            if self._open.get(start, {}).get(key) is states
        ]
