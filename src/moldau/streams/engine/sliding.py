"""Aggregates by key and sliding window, as Kafka Streams means them (KIP-450).

A window of `size` ms, both ends included, ends at each record; another begins 1 ms behind each,
where records follow. The records are kept until no open window can hold them, and a window is
added up when it closes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from moldau.streams.aggregates import in_order
from moldau.streams.batch import Batch
from moldau.streams.engine.aggregating import Aggregating, Parts
from moldau.streams.engine.late import CountsLate
from moldau.streams.engine.results import States
from moldau.streams.windows import Sliding


class _Kept(NamedTuple):
    """`floor`: it came too late for the windows that end before it."""

    time: int
    partition: int
    offset: int
    floor: int
    taken: list[Any]


class SlidingAggregates(Aggregating, CountsLate):
    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        node, table = parts.node, parts.table
        assert isinstance(node.window, Sliding)
        self._size = node.window.size
        self._states = States(node.aggregates, parts.type)
        self._table = table
        self._kept: dict[Any, list[_Kept]] = {}
        self._new: dict[tuple[Any, ...], _Kept] = {}
        table.saver = self._save
        for (key, time, partition, offset), (floor, taken) in table.load():
            kept = _Kept(time, partition, offset, floor, taken)
            self._kept.setdefault(key, []).append(kept)

    def process(self, batch: Batch) -> None:
        offsets = batch.offsets or range(len(batch))
        late = set()

        def keep(number: int) -> None:
            key, time, floor = batch.keys[number], batch.times[number], batch.floors[number]
            if time + self._size < floor:
                late.add(number)
            elif key is not None:
                place = (time, batch.partition, offsets[number])
                taken = self._states.taken(batch.values[number], place)
                self._states.add(self._states.new(), taken)  # a record that fails fails here
                kept = _Kept(*place, floor, taken)
                self._kept.setdefault(key, []).append(kept)
                self._new[key, *place] = kept

        self._guard.each(keep, batch)
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
        within = list(self._within(key, start, end))
        keys = [key] * len(within)
        times, floors = [one.time for one in within], [self._watermark] * len(within)
        together = Batch(keys, [one.taken for one in within], times, floors, ())
        self._guard.each(lambda number: self._states.add(states, within[number].taken), together)
        if within:
            parts = (key, (start, end + 1), states)
            self._pass(self._results.batch(Batch([key], [parts], [end], [self._watermark], ())))

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
