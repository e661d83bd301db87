"""Aggregates by key and window: one result each, when the task's watermark passes the window's end.

The loop over the records is compiled from the aggregates (`loop.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import compress, islice
from operator import sub
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.clock import highest
from moldau.streams.engine.aggregating import AT_ONCE, Parts, Windowing
from moldau.streams.engine.kept_states import restored_states
from moldau.streams.engine.loop import Changed, FailedAt, compiled, compiled_together
from moldau.streams.engine.open_windows import OpenWindows
from moldau.streams.engine.window_names import Place
from moldau.streams.windows import Aligned, Calendar, Hopping

MANY = 4  # records of a key and window in a batch: from so many on they are taken in together

_Parts = Mapping[int, Mapping[Any, list[Any]]]


class WindowedAggregates(Windowing):
    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        node, table = parts.node, parts.table
        assert isinstance(node.window, Aligned)
        self._window = node.window
        self._table = table
        restored = restored_states(node.aggregates.values(), parts.type)
        self._open = OpenWindows(table, restored)
        self._update = compiled(node.aggregates, parts.type, self._window)
        self._together = compiled_together(node.aggregates, parts.type)

    def process(self, batch: Batch) -> None:
        window = self._window
        if not isinstance(window, Hopping):
            first, last = window.starts((min(batch.times), max(batch.times)))
            starts = [first] * len(batch) if first == last else window.starts(batch.times)
            late: list[int] = []
            self._add(batch, starts, late)
            self._too_late(batch, set(late))
            return
        spread = [list(window.starts_of(time)) for time in batch.times]
        turn = 0
        while len(batch):
            late = []
            good = self._add(batch, [starts[turn] for starts in spread], late)
            if turn == 0:  # of a record's windows the last to close
                self._too_late(batch, set(late))
            turn += 1
            go_on = [one and len(starts) > turn for one, starts in zip(good, spread, strict=True)]
            if not all(go_on):
                batch, spread = batch.where(go_on), list(compress(spread, go_on))

    def _add(self, batch: Batch, starts: list[int], late: list[int]) -> list[bool]:
        """To one window each. `late` gets the places of those for which it has closed. Which were
        not given up."""
        self._open.fetch(zip(starts, batch.keys, strict=True))
        changed, number = self._open.changed, self._table.checkpoint
        if self._updates.are_wanted:
            changed, number = [], self._updates.number()
        good = [True] * len(batch)
        if not self._all_together(batch, starts, changed, number):
            offsets = batch.ordinals
            columns = batch.keys, starts, batch.floors, batch.values, batch.times, offsets
            try:
                self._update(self._open.groups, changed, late, number, batch.source, *columns)
            except FailedAt as failed:
                good = self._one_by_one(batch, columns, late, changed, number, failed)
        if self._updates.are_wanted:
            self._open.changed += changed
            self._updates.changed((start, key) for start, key, _ in changed)
            self._tell()
        return good

    def _all_together(self, batch: Batch, starts: list[int], changed: Changed, number: int) -> bool:
        """False: nothing has changed."""
        together = self._together
        if together is None:
            return False
        try:
            parts = self._parts(batch, starts)
            if parts is None:
                return False
            together(self._open.groups, changed, number, parts)
        except Exception:  # of one record, which is found one by one
            return False
        return True

    def _one_by_one(
        self,
        batch: Batch,
        columns: Sequence[Sequence[Any]],
        late: list[int],
        changed: Changed,
        number: int,
        failed: FailedAt,
    ) -> list[bool]:
        """`columns`: of the batch, as the loop takes them."""

        def add(place: int) -> None:
            its_late: list[int] = []
            taken = [column[place : place + 1] for column in columns]
            try:
                self._update(self._open.groups, changed, its_late, number, batch.source, *taken)
            except FailedAt as error:
                raise error.reason from None
            late.extend(place for _ in its_late)

        return self._guard.each(add, batch, failed)

    def _parts(self, batch: Batch, starts: list[int]) -> _Parts | None:
        """The values by window and key, if that is worth it and none of them is late."""
        keys, windows = set(batch.keys), set(starts)
        is_worth_it = len(keys) * len(windows) * MANY <= len(batch)
        if not is_worth_it or self._may_be_late(batch, starts, min(windows)):
            return None
        parts: defaultdict[int, defaultdict[Any, list[Any]]]
        parts = defaultdict(lambda: defaultdict(list))
        if len(windows) == 1:
            of_window = parts[starts[0]]
            for key, value in zip(batch.keys, batch.values, strict=True):
                of_window[key].append(value)
        else:
            for start, key, value in zip(starts, batch.keys, batch.values, strict=True):
                parts[start][key].append(value)
        if None in keys:
            for by_key in parts.values():
                by_key.pop(None, None)
        return {start: by_key for start, by_key in parts.items() if by_key}

    def _may_be_late(self, batch: Batch, starts: list[int], first: int) -> bool:
        """Is one of them later than the end of its window? `first`: the first of the starts."""
        if self._window.end(first) > highest(batch.floors):
            return False
        return isinstance(self._window, Calendar) or (
            max(map(sub, batch.floors, starts)) >= self._window.size
        )

    def _now(self, places: Sequence[Place]) -> Batch:
        self._open.fetch(places)
        groups = self._open.groups
        there = [(s, key) for s, key in places if key in groups.get(s, ())]
        return self._rows([(key, s, groups[s][key]) for s, key in there])

    def _rows(self, windows: Sequence[tuple[Any, int, list[Any]]]) -> Batch:
        """Of (key, start, states and what is behind them) each."""
        ends = [self._window.end(start) for _, start, _ in windows]
        parts = [
            (key, (start, end), states[:-1])
            for (key, start, states), end in zip(windows, ends, strict=True)
        ]
        keys, times = [key for key, _, _ in windows], [end - 1 for end in ends]
        return self._results.batch(Batch(keys, parts, times, [self._watermark] * len(keys), ()))

    @property
    def waits(self) -> bool:
        return any(True for _ in self._open)

    def advance(self, watermark: int) -> None:
        end = self._window.end
        for start in sorted(start for start in self._open if end(start) <= watermark):
            self._close(start)
        self._watermark = watermark
        if self._updates.are_wanted:
            self._tell(watermark)

    def _close(self, start: int) -> None:
        """Their order does not depend on that of the records: by the end of the window, by key."""
        rows = self._open.close(start)
        while some := [(key, start, states) for key, states in islice(rows, AT_ONCE)]:
            self._pass(self._rows(some))
            self._relieve()
