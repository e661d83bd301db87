"""A batch: records on their way through a task, as columns of equal length.

All records of a batch come from one source partition, in its order. `floors` holds, for each, the
watermark of that partition just before it: lateness is judged by the record's own partition at its
own offset, so it does not depend on how the records were cut into batches. What a task's own steps
have made of many records has no offset: `offsets` is empty then.

`source` and offset are a record's place: of those of one event time it decides (promise 7). So the
partitions of several topics, which may meet in one step, have several numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from operator import itemgetter, lt
from typing import Any

TOPIC = 1 << 20  # partitions, at most, of one topic
NO_SOURCE = -1
_TOGETHER = 1 << 24  # records, at most, that count from one moment on


def source_of(place: int, partition: int) -> int:
    """The number of a partition of a topic. `place`: of the topic, among those that meet."""
    return place * TOPIC + partition


class Batch:
    """`times` and `floors` in ms since 1970; `offsets` are those in the source partition."""

    __slots__ = ("floors", "keys", "offsets", "source", "times", "values")

    def __init__(
        self,
        keys: Sequence[Any],
        values: Sequence[Any],
        times: Sequence[int],
        floors: Sequence[int],
        offsets: Sequence[int],
        source: int = NO_SOURCE,
    ) -> None:
        self.keys = keys
        self.values = values
        self.times = times
        self.floors = floors
        self.offsets = offsets
        self.source = source

    def __len__(self) -> int:
        return len(self.values)

    @property
    def partition(self) -> int:
        """Of its topic."""
        return self.source if self.source < 0 else self.source % TOPIC

    @property
    def ordinals(self) -> Sequence[int]:
        """Which of two of one time and source goes first. Of what has no offsets those go first
        that counted first: the late ones of a time may have come in another batch."""
        if self.offsets:
            return self.offsets
        if not any(map(lt, self.times, self.floors)):
            return range(len(self))
        behind = (max(0, floor - time) for time, floor in zip(self.times, self.floors, strict=True))
        return [late * _TOGETHER + number for number, late in enumerate(behind)]

    def with_values(self, values: Sequence[Any]) -> Batch:
        return Batch(self.keys, values, self.times, self.floors, self.offsets, self.source)

    def with_keys(self, keys: Sequence[Any]) -> Batch:
        return Batch(keys, self.values, self.times, self.floors, self.offsets, self.source)

    def where(self, chosen: Sequence[object]) -> Batch:
        """The records whose entry in `chosen` is true."""
        return Batch(
            list(compress(self.keys, chosen)),
            list(compress(self.values, chosen)),
            list(compress(self.times, chosen)),
            list(compress(self.floors, chosen)),
            list(compress(self.offsets, chosen)),
            self.source,
        )

    def split(self, parts: Sequence[int]) -> list[tuple[int, Batch]]:
        """The batch as parts, in order: `parts` says which one each record belongs to."""
        places: dict[int, list[int]] = {part: [] for part in sorted(set(parts))}
        if len(places) == 1:
            return [(parts[0], self)]
        for at, part in enumerate(parts):
            places[part].append(at)
        columns = (self.keys, self.values, self.times, list(self.floors), self.offsets)
        split = []
        for part, chosen in places.items():
            keys, values, times, floors, offsets = (_picked(one, chosen) for one in columns)
            split.append((part, Batch(keys, values, times, floors, offsets, self.source)))
        return split


def _picked(column: Sequence[Any], chosen: list[int]) -> Sequence[Any]:
    """What is at these places."""
    if len(chosen) == 1:
        return [column[chosen[0]]]
    picked: tuple[Any, ...] = itemgetter(*chosen)(column)
    return picked


EMPTY = Batch((), (), (), (), ())
