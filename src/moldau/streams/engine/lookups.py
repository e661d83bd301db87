"""A stream's records, each with what a table holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.engine.guard import Guard
from moldau.streams.engine.held import batch_of
from moldau.streams.engine.history import History
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.rows import Rows
from moldau.streams.engine.sides import Joining
from moldau.streams.engine.state import Table
from moldau.streams.join_nodes import Joined, Merge, TableLookup


class _Merging:
    """Merges each record with what it found; one at which the user's function fails is given up
    alone."""

    def __init__(self, guard: Guard, merge: Merge) -> None:
        self._guard = guard
        self._function = merge

    def merged(self, batch: Batch, found: list[Any]) -> Batch:
        try:
            return batch.with_values(list(map(self._function, batch.values, found)))
        except Exception:  # of one record, which is found one by one
            return self._one_by_one(batch, found)

    def _one_by_one(self, batch: Batch, found: list[Any]) -> Batch:
        values: list[Any] = [None] * len(batch)

        def merge(place: int) -> None:
            values[place] = self._function(batch.values[place], found[place])

        good = self._guard.each(merge, batch)
        return batch.with_values(values).where(good)


class TableLooking(Joining):
    """What it held at the record's time. The record keeps its time and its own partition's
    watermark, so it is late behind the join exactly where it would be without. One that is later
    than the table's history is left out, for what was then is forgotten."""

    history: History  # set by the builder: the table is built behind what looks into it

    def __init__(
        self,
        node: TableLookup,
        guard: Guard,
        following: Sequence[Operator],
        late: Sequence[Operator],
    ) -> None:
        super().__init__(following, late)
        self._merged = _Merging(guard, node.merge).merged
        self._is_inner = node.how == "inner"
        self._reach = node.history

    def advance(self, watermark: int) -> None:
        rows, self.left = self.left, ()
        if not rows:
            return
        reach = self._reach
        if rows[0][6] < rows[0][7] or any(row[6] + reach < row[7] for row in rows):
            self._too_late([row for row in rows if row[6] + reach < row[7]])
            rows = [row for row in rows if row[6] + reach >= row[7]]
        at = self.history.at
        found = [at(row[4], row[6]) for row in rows]
        if self._is_inner and None in found:
            rows = [row for row, one in zip(rows, found, strict=True) if one is not None]
            found = [one for one in found if one is not None]
        if rows:
            self._pass(self._merged(batch_of(rows), found))


class LatestTable(Step):
    """A table as it is now: whatever came last of a key counts."""

    def __init__(self, table: Table, type_: Any) -> None:
        super().__init__(())
        self.rows = Rows(table, type_)

    def process(self, batch: Batch) -> None:
        put = self.rows.put
        for key, value in zip(batch.keys, batch.values, strict=True):
            if key is not None:
                put(key, value)


class NowLooking(Step):
    """What it holds when the record comes. `key`: the records' own, unless it is read of them."""

    get: Callable[[Any], Any]  # what a key holds; set by the builder
    fetch: Callable[[Iterable[Any]], None] | None = None  # those of a batch, before it

    def __init__(
        self,
        node: Joined,
        guard: Guard,
        key: Callable[[Any], Any] | None,
        following: Sequence[Operator],
    ) -> None:
        super().__init__(following)
        self._guard = guard
        self._merged = _Merging(guard, node.merge).merged
        self._is_inner = node.how == "inner"
        self._key = key

    def process(self, batch: Batch) -> None:
        keys: Sequence[Any] = batch.keys
        if self._key is not None:
            batch, keys = self._guard.map(self._key, batch)
        if self.fetch is not None:
            self.fetch(keys)
        found = list(map(self.get, keys))
        if self._is_inner and None in found:
            chosen = [one is not None for one in found]
            batch, found = batch.where(chosen), [one for one in found if one is not None]
        self._pass(self._merged(batch, found))
