"""A stream's records, each with what a table holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.engine.guard import Guard
from moldau.streams.engine.held import batch_of
from moldau.streams.engine.history import History
from moldau.streams.engine.operators import Operator, Step, keys_of
from moldau.streams.engine.rows import Rows
from moldau.streams.engine.sides import Joining
from moldau.streams.engine.state import Table
from moldau.streams.join_nodes import Joined, TableLookup


class _Merging:
    """Merges each record with what it found, or leaves it out when an inner join finds nothing; one
    at which the user's function fails is given up alone."""

    def __init__(self, guard: Guard, node: Joined) -> None:
        self._guard = guard
        self._function = node.merge
        self._is_inner = node.how == "inner"

    def merged(self, batch: Batch, found: list[Any]) -> Batch:
        there, its = batch, found
        if self._is_inner and None in found:
            there = batch.where([one is not None for one in found])
            its = [one for one in found if one is not None]
        try:
            return there.with_values(list(map(self._function, there.values, its)))
        except Exception:  # of one record, which is found one by one
            return self._one_by_one(batch, found)

    def _one_by_one(self, batch: Batch, found: list[Any]) -> Batch:
        """Of the whole batch: a dead letter says which part of its source's record it was here."""
        made: list[list[Any]] = [[] for _ in found]

        def merge(place: int) -> None:
            if found[place] is not None or not self._is_inner:
                made[place] = [self._function(batch.values[place], found[place])]

        self._guard.each(merge, batch)
        return batch.where(made).with_values([value for one in made for value in one])


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
        self._merged = _Merging(guard, node).merged
        self._reach = node.history

    def advance(self, watermark: int) -> None:
        rows, self.left = self.left, ()
        if not rows:
            return
        reach = self._reach
        if rows[0][6] < rows[0][7] or any(row[6] + reach < row[7] for row in rows):
            self._too_late([row for row in rows if row[6] + reach < row[7]])
            rows = [row for row in rows if row[6] + reach >= row[7]]
        self.history.fetch(row[4] for row in rows)
        at = self.history.at
        found = [at(row[4], row[6]) for row in rows]
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
        self._merged = _Merging(guard, node).merged
        self._key = key

    def process(self, batch: Batch) -> None:
        keys: Sequence[Any] = batch.keys
        if self._key is not None:
            batch, keys = keys_of(self._guard, self._key, batch)
        if self.fetch is not None:
            self.fetch(keys)
        self._pass(self._merged(batch, list(map(self.get, keys))))
