"""Aggregates by key of all time: a result whenever they change, once for each batch and key."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.engine.held import Held, since_of
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.results import Results, States, in_order
from moldau.streams.engine.state import Table
from moldau.streams.program import Aggregated


class RunningAggregates(Step):
    """The number of results depends on the batches, the last of each key does not (promise 6)."""

    def __init__(
        self, node: Aggregated, type_: Any, table: Table, following: Sequence[Operator]
    ) -> None:
        super().__init__(following)
        self._states = States(node.aggregates, type_)
        self._results = Results(node.label, node.aggregates)
        self._by_key: dict[Any, list[Any]] = {}
        self._latest: dict[Any, int] = {}  # event time of the newest record
        self._changed: dict[Any, None] = {}
        self._watermark = table.watermark
        table.saver = self._save
        for key, (latest, *states) in table.load():
            self._by_key[key], self._latest[key] = states, latest

    def process(self, batch: Batch) -> None:
        offsets = batch.offsets or range(len(batch))
        touched: dict[Any, None] = {}
        for key, value, time, offset in zip(
            batch.keys, batch.values, batch.times, offsets, strict=True
        ):
            if key is None:
                continue
            states = self._by_key.get(key)
            if states is None:
                states = self._by_key[key] = self._states.new()
            taken = self._states.taken(value, (time, batch.partition, offset))
            self._states.add(states, taken)
            self._latest[key] = max(time, self._latest.get(key, time))
            touched[key] = None
        self._changed.update(touched)
        keys = in_order(touched)
        rows = [self._results.row(key, None, self._by_key[key]) for key in keys]
        times = [self._latest[key] for key in keys]
        self._pass(Batch(keys, rows, times, [self._watermark] * len(keys), ()))

    def advance(self, watermark: int) -> None:
        self._watermark = watermark

    def _save(self) -> list[tuple[Any, Any]]:
        changed, self._changed = self._changed, {}
        return [(key, [self._latest[key], *self._by_key[key]]) for key in changed]


class OrderedAggregates(Step):
    """The same as a table: records count in the order of event time, and a result leaves for each
    key and time, so the table can be asked for what it was at a time."""

    def __init__(
        self,
        node: Aggregated,
        type_: Any,
        held: Held,
        table: Table,
        following: Sequence[Operator],
    ) -> None:
        super().__init__(following)
        self._held = held
        self._states = States(node.aggregates, type_)
        self._results = Results(node.label, node.aggregates)
        self._by_key: dict[Any, list[Any]] = dict(table.load())
        self._changed: dict[Any, None] = {}
        table.saver = self._save

    def process(self, batch: Batch) -> None:
        self._held.add(batch)

    def advance(self, watermark: int) -> None:
        made: list[tuple[Any, Any, int]] = []
        for since, rows in groupby(self._held.release(watermark), key=since_of):
            touched: dict[Any, None] = {}
            for _, partition, offset, _, key, value, time, _ in rows:
                if key is not None:
                    self._add(key, value, (time, partition, offset))
                    touched[key] = None
            made += [
                (key, self._results.row(key, None, self._by_key[key]), since)
                for key in in_order(touched)
            ]
        self._emit(made)

    def _add(self, key: Any, value: Any, place: tuple[int, int, int]) -> None:
        states = self._by_key.get(key)
        if states is None:
            states = self._by_key[key] = self._states.new()
        self._states.add(states, self._states.taken(value, place))
        self._changed[key] = None

    def _save(self) -> list[tuple[Any, Any]]:
        changed, self._changed = self._changed, {}
        return [(key, self._by_key[key]) for key in changed]
