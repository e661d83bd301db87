"""Aggregates by key of all time: a result whenever they change, once for each batch and key."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.engine.cached import Cached
from moldau.streams.engine.held import Held, since_of
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.results import Results, States, in_order
from moldau.streams.engine.state import Table
from moldau.streams.program import Aggregated


class RunningAggregates(Step):
    """The number of results depends on the batches, the last of each key does not (promise 6).
    A row holds the states, and behind them the event time of the newest record."""

    def __init__(
        self, node: Aggregated, type_: Any, table: Table, following: Sequence[Operator]
    ) -> None:
        super().__init__(following)
        self._states = States(node.aggregates, type_)
        self._results = Results(node.label, node.aggregates)
        self._rows = Cached(
            table,
            lambda row: [row[-1], *row[:-1]],
            lambda saved: [*saved[1:], saved[0]],
        )
        self._watermark = table.watermark

    def process(self, batch: Batch) -> None:
        offsets = batch.offsets or range(len(batch))
        touched: dict[Any, None] = {}
        by_key = self._rows
        by_key.fetch(batch.keys)
        for key, value, time, offset in zip(
            batch.keys, batch.values, batch.times, offsets, strict=True
        ):
            if key is None:
                continue
            row = by_key[key]
            if row is None:
                row = by_key[key] = [*self._states.new(), time]
            self._states.add(row, self._states.taken(value, (time, batch.partition, offset)))
            if time > row[-1]:
                row[-1] = time
            touched[key] = None
        by_key.changed.update(touched)
        keys = in_order(touched)
        rows = [self._results.row(key, None, by_key[key]) for key in keys]
        times = [by_key[key][-1] for key in keys]
        self._pass(Batch(keys, rows, times, [self._watermark] * len(keys), ()))

    def advance(self, watermark: int) -> None:
        self._watermark = watermark


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
        self._by_key = Cached(table)

    def process(self, batch: Batch) -> None:
        self._held.add(batch)

    def advance(self, watermark: int) -> None:
        made: list[tuple[Any, Any, int]] = []
        released = self._held.release(watermark)
        self._by_key.fetch(row[4] for row in released)
        for since, rows in groupby(released, key=since_of):
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
        states = self._by_key[key]
        if states is None:
            states = self._by_key[key] = self._states.new()
        self._states.add(states, self._states.taken(value, place))
        self._by_key.changed[key] = None
