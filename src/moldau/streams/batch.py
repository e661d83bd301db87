"""A batch: records on their way through a task, as columns of equal length.

All records of a batch come from one source partition, in its order. `floors` holds, for each, the
watermark of that partition just before it: lateness is judged by the record's own partition at its
own offset, so it does not depend on how the records were cut into batches. What a task's own steps
have made of many records has no offset: `offsets` is empty then.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Any


class Batch:
    """`times` and `floors` in ms since 1970; `offsets` are those in the source partition."""

    __slots__ = ("floors", "keys", "offsets", "partition", "times", "values")

    def __init__(
        self,
        keys: Sequence[Any],
        values: Sequence[Any],
        times: Sequence[int],
        floors: Sequence[int],
        offsets: Sequence[int],
        partition: int = -1,
    ) -> None:
        self.keys = keys
        self.values = values
        self.times = times
        self.floors = floors
        self.offsets = offsets
        self.partition = partition  # of the source

    def __len__(self) -> int:
        return len(self.values)

    def with_values(self, values: Sequence[Any]) -> Batch:
        return Batch(self.keys, values, self.times, self.floors, self.offsets, self.partition)

    def with_keys(self, keys: Sequence[Any]) -> Batch:
        return Batch(keys, self.values, self.times, self.floors, self.offsets, self.partition)

    def where(self, chosen: Sequence[object]) -> Batch:
        """The records whose entry in `chosen` is true."""
        return Batch(
            list(compress(self.keys, chosen)),
            list(compress(self.values, chosen)),
            list(compress(self.times, chosen)),
            list(compress(self.floors, chosen)),
            list(compress(self.offsets, chosen)),
            self.partition,
        )


EMPTY = Batch((), (), (), (), ())
