"""Aggregates by key of all time: a result whenever they change, once for each batch and key."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from moldau.streams.aggregates import in_order
from moldau.streams.batch import Batch
from moldau.streams.engine.aggregating import Aggregating, Parts
from moldau.streams.engine.cached import Cached
from moldau.streams.engine.guard import Guard
from moldau.streams.engine.held import Held, batch_of, since_of
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.results import Results, States
from moldau.streams.engine.state import Table
from moldau.streams.program import Aggregated


class RunningAggregates(Aggregating):
    """The number of results depends on the batches, the last of each key does not (promise 6).
    A row holds the states, and behind them the event time of the newest record."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        node, table = parts.node, parts.table
        self._states = States(node.aggregates, parts.type)
        self._rows = Cached(
            table,
            lambda row: [row[-1], *row[:-1]],
            lambda saved: [*self._states.restored(saved[1:]), saved[0]],
        )

    def process(self, batch: Batch) -> None:
        offsets = batch.ordinals
        touched: dict[Any, None] = {}
        by_key = self._rows
        by_key.fetch(batch.keys)

        def add(place: int) -> None:
            key, time = batch.keys[place], batch.times[place]
            if key is None:
                return
            row = by_key[key]
            if row is None:
                row = [*self._states.new(), time]
            where = (time, batch.source, offsets[place])
            self._states.add(row, self._states.taken(batch.values[place], where))
            row[-1] = max(row[-1], time)
            by_key[key] = row
            touched[key] = None

        self._guard.each(add, batch)
        by_key.changed.update(touched)
        keys = in_order(touched)
        parts = [(key, None, by_key[key][:-1]) for key in keys]
        times = [by_key[key][-1] for key in keys]
        floors = [self._watermark] * len(keys)
        self._pass(self._results.batch(Batch(keys, parts, times, floors, ())))

    def advance(self, watermark: int) -> None:
        self._watermark = watermark

    def look(self, key: Any) -> dict[str, Any] | None:
        """What a key has come to by now."""
        row = self._rows[key]
        return None if row is None else self._results.of(key, row[:-1])


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
        guard: Guard,
        results: Results,
    ) -> None:
        super().__init__(following)
        self._held = held
        self._states = States(node.aggregates, type_)
        self._guard = guard
        self._results = results
        self._by_key = Cached(table, decode=self._states.restored)

    def process(self, batch: Batch) -> None:
        self._held.add(batch)

    @property
    def waits(self) -> bool:
        return self._held.has_some

    def advance(self, watermark: int) -> None:
        made: list[tuple[Any, Any, int]] = []
        released = self._held.release(watermark)
        self._by_key.fetch(row[4] for row in released)
        for since, rows in groupby(released, key=since_of):
            keys = in_order(self._added([row for row in rows if row[4] is not None]))
            parts = [(key, None, self._by_key[key]) for key in keys]
            times = [since] * len(keys)
            batch = self._results.batch(Batch(keys, parts, times, times, ()))
            made += zip(batch.keys, batch.values, batch.times, strict=True)
        self._emit(made)

    def _added(self, rows: list[Any]) -> dict[Any, None]:
        """Whose states change by these rows of one time."""
        touched: dict[Any, None] = {}

        def add(number: int) -> None:
            _, partition, offset, _, key, value, time, _ = rows[number]
            states = self._by_key[key]
            if states is None:
                states = self._states.new()
            self._states.add(states, self._states.taken(value, (time, partition, offset)))
            self._by_key[key] = states
            touched[key] = None

        self._guard.each(add, batch_of(rows))
        self._by_key.changed.update(touched)
        return touched

    def look(self, key: Any) -> dict[str, Any] | None:
        """What a key has come to by the watermark."""
        states = self._by_key[key]
        return None if states is None else self._results.of(key, states)

    def again(self, key: Any, data: bytes, time: int) -> None:
        self._pass(self._results.again(key, data, time, time))
