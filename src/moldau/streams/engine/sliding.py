"""Aggregates by key and sliding window, as Kafka Streams means them (KIP-450).

A window of `size` ms, both ends included, ends at each record; another begins 1 ms behind each,
where records follow. The records are kept until no open window can hold them, and a window is
added up when it closes.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple

from moldau.streams.batch import Batch
from moldau.streams.engine.aggregating import AT_ONCE, Parts, Windowing
from moldau.streams.engine.coding import decode, encode
from moldau.streams.engine.keys import parts_in
from moldau.streams.engine.results import States
from moldau.streams.engine.spilled import Spilled, Unsaved, fit
from moldau.streams.engine.window_names import Place, in_order
from moldau.streams.windows import Sliding

LOADED = 1000  # records, behind which memory is looked at


class _Kept(NamedTuple):
    """`number`: of those that were made of one record. `floor`: it came too late for the windows
    that end before it."""

    time: int
    partition: int
    offset: int
    number: int
    floor: int
    taken: list[Any]


class SlidingAggregates(Windowing):
    """The records of a key lie together, in the order of event time. In memory is always when a
    key is to be looked at again: when its next window is over. A place is where a window ends."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        node, table = parts.node, parts.table
        assert isinstance(node.window, Sliding)
        self._size = node.window.size
        self._states = States(node.aggregates, parts.type)
        self._table = table
        self._kept = Spilled(parts.state, f"{node.name}-kept", encode, self._row)
        self._unsaved = Unsaved()
        self._next: dict[Any, int] = {}  # of each key, where its next window ends
        self._numbers = count()  # of keys, which may not be ordered
        self._ends: list[tuple[int, int, Any]] = []  # a heap
        table.decode_key = parts_in
        table.saver, table.cache, table.pace = self._save, self._unsaved, self
        parts.state.spilled.append(self._kept)
        self._load()

    def _load(self) -> None:
        for number, ((key, *place), (floor, taken)) in enumerate(self._table.load()):
            self._kept.fetch([key])
            time, partition, offset, same = (*place, 0)[:4]
            taken = self._states.restored_parts(taken)
            self._add(key, _Kept(time, partition, offset, same, floor, taken))
            if number % LOADED == 0:
                fit([self._kept])

    def _row(self, _key: Any, data: bytes) -> list[_Kept]:
        restored = self._states.restored_parts
        rows = [_Kept(*one) for one in decode(data)]
        return [one._replace(taken=restored(one.taken)) for one in rows]

    def process(self, batch: Batch) -> None:
        offsets = batch.ordinals
        late = set()
        times: dict[Any, set[int]] = {}  # of what is kept, by key
        self._kept.fetch(batch.keys)

        def keep(number: int) -> None:
            key, time, floor = batch.keys[number], batch.times[number], batch.floors[number]
            if time + self._size < floor:
                late.add(number)
            elif key is not None:
                place = (time, batch.source, offsets[number])
                taken = self._states.taken(batch.values[number], place)
                self._states.add(self._states.new(), taken)  # a record that fails fails here
                kept = _Kept(*place, self._same(key, place), floor, taken)
                self._add(key, kept)
                self._unsaved[_name(key, kept)] = (floor, taken)
                times.setdefault(key, set()).add(time)

        self._guard.each(keep, batch)
        self._too_late(batch, late)
        if self._updates.are_wanted:
            self._updates.changed(self._changed(times))
            self._tell()

    def _same(self, key: Any, place: tuple[int, int, int]) -> int:
        """How many there are already of that record."""
        row = self._kept.get(key, ())
        return bisect_left(row, (*place, len(row))) - bisect_left(row, place)

    def _add(self, key: Any, kept: _Kept) -> None:
        insort(self._kept.setdefault(key, []), kept)
        self._kept.total += 1
        end = kept.time if kept.time >= kept.floor else kept.time + self._size + 1
        if end < self._watermark:
            end = kept.time + self._size + 1
        self._look(key, end)

    def _look(self, key: Any, end: int) -> None:
        """At the key again, when that is over."""
        known = self._next.get(key)
        if known is None or end < known:
            self._next[key] = end
            heappush(self._ends, (end, next(self._numbers), key))

    # --- time -------------------------------------------------------------------------------

    def stop(self, watermark: int) -> int:
        """Not all keys at once, where they are on disk."""
        if self._kept.is_whole or len(self._ends) <= AT_ONCE:
            return watermark
        return min(watermark, max(self._watermark, self._ends[0][0]) + self._size // 64 + 1)

    @property
    def waits(self) -> bool:
        return bool(self._next)

    def advance(self, watermark: int) -> None:
        keys = in_order(self._due(watermark))
        self._kept.fetch(keys)
        closing = [
            (end, number, key)
            for number, key in enumerate(keys)
            for end in self._windows(self._kept[key], self._watermark, watermark)
        ]
        closing.sort(key=lambda each: each[:2])
        for first in range(0, len(closing), AT_ONCE):
            self._pass(self._rows([(end, key) for end, _, key in closing[first : first + AT_ONCE]]))
            self._relieve()
        for key in keys:
            self._purge(key, watermark)
        self._watermark = watermark
        if self._updates.are_wanted:
            self._tell(watermark)

    def _due(self, watermark: int) -> Iterator[Any]:
        """The keys of which a window is over."""
        while self._ends and self._ends[0][0] < watermark:
            end, _, key = heappop(self._ends)
            if self._next.get(key) == end:
                del self._next[key]
                yield key

    def _windows(self, row: list[_Kept], first: int, last: int) -> set[int]:
        """Where the windows of a key end that end from `first` on and before `last`."""
        behind = self._size + 1
        ends = {one.time for one in _between(row, first, last) if one.time >= one.floor}
        return ends | {one.time + behind for one in _between(row, first - behind, last - behind)}

    def _changed(self, times: dict[Any, set[int]]) -> Iterator[Place]:
        """The windows that are open of records of these times: all that such a record lies in, and
        the one that begins behind it."""
        for key, of_key in times.items():
            row, first = self._kept[key], self._watermark
            for time in sorted(of_key):
                last = time + self._size + 2
                for end in self._windows(row, max(time, first), last):
                    yield end, key
                first = max(first, last)

    def _now(self, places: Sequence[Place]) -> Batch:
        self._kept.fetch(key for _, key in places)
        return self._rows([one for one in places if one[0] >= self._watermark])

    def _rows(self, windows: Sequence[Place]) -> Batch:
        parts: list[Any] = []
        for end, key in windows:
            start = end - self._size
            within = [one for one in _between(self._kept[key], start, end + 1) if end >= one.floor]
            if within:
                parts.append((key, (start, end + 1), self._sum(key, within)))
        keys, ends = [key for key, _, _ in parts], [bounds[1] - 1 for _, bounds, _ in parts]
        floors = [self._watermark] * len(parts)
        return self._results.batch(Batch(keys, parts, ends, floors, ()))

    def _sum(self, key: Any, within: list[_Kept]) -> list[Any]:
        states, size = self._states.new(), len(within)
        times = [one.time for one in within]
        taken = [one.taken for one in within]
        batch = Batch([key] * size, taken, times, [self._watermark] * size, ())
        self._guard.each(lambda number: self._states.add(states, taken[number]), batch)
        return states

    def _purge(self, key: Any, watermark: int) -> None:
        """Behind a record's time plus size plus 1 no window knows of it."""
        row = self._kept[key]
        place = bisect_left(row, (watermark - self._size - 1,))
        names = [_name(key, one) for one in row[:place]]
        for name in names:
            self._unsaved.pop(name, None)
        self._table.drop(names)
        self._kept.total -= place
        del row[:place]
        if row:
            self._look(key, self._next_end(row, watermark))
        else:
            del self._kept[key]

    def _next_end(self, row: list[_Kept], watermark: int) -> int:
        """All that is left is of a window that is not over."""
        end = row[0].time + self._size + 1
        coming = row[bisect_left(row, (watermark,)) :]
        return min(end, next((one.time for one in coming if one.time >= one.floor), end))

    def _save(self) -> list[tuple[Any, Any]]:
        return self._unsaved.all()


def _between(row: list[_Kept], first: int, end: int) -> list[_Kept]:
    return row[bisect_left(row, (first,)) : bisect_left(row, (end,))]


def _name(key: Any, kept: _Kept) -> tuple[Any, ...]:
    time, partition, offset, number, *_ = kept
    return (key, time, partition, offset, number) if number else (key, time, partition, offset)
