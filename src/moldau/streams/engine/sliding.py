"""Aggregates by key and sliding window, as Kafka Streams means them (KIP-450).

A window of `size` ms, both ends included, ends at each record; another begins 1 ms behind each,
where records follow. The records are kept until no open window can hold them, and a window is
added up when it closes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from moldau.streams.batch import Batch
from moldau.streams.engine.late import CountsLate
from moldau.streams.engine.operators import Operator
from moldau.streams.engine.results import Results, States, in_order
from moldau.streams.engine.state import Table
from moldau.streams.program import Aggregated
from moldau.streams.windows import Sliding


class _Kept(NamedTuple):
    """`floor`: it came too late for the windows that end before it."""

    time: int
    partition: int
    offset: int
    floor: int
    taken: list[Any]


class SlidingAggregates(CountsLate):
    def __init__(
        self, node: Aggregated, type_: Any, table: Table, following: Sequence[Operator]
    ) -> None:
        super().__init__(following)
        assert isinstance(node.window, Sliding)
        self._size = node.window.size
        self._states = States(node.aggregates, type_)
        self._results = Results(node.label, node.aggregates)
        self._table = table
        self._kept: dict[Any, list[_Kept]] = {}
        self._new: dict[tuple[Any, ...], _Kept] = {}
        self._watermark = table.watermark
        table.saver = self._save
        for (key, time, partition, offset), (floor, taken) in table.load():
            kept = _Kept(time, partition, offset, floor, taken)
            self._kept.setdefault(key, []).append(kept)

    def process(self, batch: Batch) -> None:
        offsets = batch.offsets or range(len(batch))
        columns = zip(batch.keys, batch.values, batch.times, batch.floors, offsets, strict=True)
        late = set()
        for number, (key, value, time, floor, offset) in enumerate(columns):
            if time + self._size < floor:
                late.add(number)
            elif key is not None:
                place = (time, batch.partition, offset)
                kept = _Kept(*place, floor, self._states.taken(value, place))
                self._kept.setdefault(key, []).append(kept)
                self._new[key, *place] = kept
        self._too_late(batch, late)

    def advance(self, watermark: int) -> None:
        keys = in_order(self._kept)
        closing = [
            (end, number, key)
            for number, key in enumerate(keys)
            for end in self._ends(self._kept[key])
            if self._watermark <= end < watermark
        ]
        for end, _, key in sorted(closing, key=lambda each: each[:2]):
            self._close(key, end)
        for key in keys:
            self._purge(key, watermark)
        self._watermark = watermark

    def _ends(self, kept: list[_Kept]) -> set[int]:
        times = {one.time for one in kept}
        behind = {time + 1 + self._size for time in times}
        return {one.time for one in kept if one.time >= one.floor} | behind

    def _close(self, key: Any, end: int) -> None:
        start = end - self._size
        states = self._states.new()
        count = 0
        for one in self._within(key, start, end):
            self._states.add(states, one.taken)
            count += 1
        if count:
            row = self._results.row(key, (start, end + 1), states)
            self._pass(Batch([key], [row], [end], [self._watermark], ()))

    def _within(self, key: Any, start: int, end: int) -> Iterator[_Kept]:
        return (one for one in self._kept[key] if start <= one.time <= end and end >= one.floor)

    def _purge(self, key: Any, watermark: int) -> None:
        """Behind a record's time plus size plus 1 no window knows of it."""
        old = [one for one in self._kept[key] if one.time + self._size + 1 < watermark]
        if not old:
            return
        for one in old:
            self._new.pop((key, *one[:3]), None)
        self._table.drop((key, *one[:3]) for one in old)
        kept = [one for one in self._kept[key] if one.time + self._size + 1 >= watermark]
        if kept:
            self._kept[key] = kept
        else:
            del self._kept[key]

    def _save(self) -> list[tuple[Any, Any]]:
        new, self._new = self._new, {}
        return [(name, (one.floor, one.taken)) for name, one in new.items()]
