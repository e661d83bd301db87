"""What the operators of joins share. Their sides tell them what has come; they work when the
watermark is there, for all that lies before it has then come on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.engine.earlier import Earlier
from moldau.streams.engine.held import Held, batch_of
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.results import Made
from moldau.streams.engine.spilled import fit
from moldau.streams.engine.state import Cache, State

Taken = tuple[int, int, Any]
"""(since when it counts, its side's rank, the row)."""
Paired = list[tuple[Any, Any, int]]
"""What leaves, before it is merged: (key, (left, right) or None for no row, time) each."""


class Joining(Step):
    """`left` and `right`: the rows (`held.Row`) that were released and are to be joined."""

    def __init__(self, following: Sequence[Operator], late: Sequence[Operator] = ()) -> None:
        """`late`: where records go that came too late."""
        super().__init__(following)
        self.left: Sequence[Any] = ()
        self.right: Sequence[Any] = ()
        self._late_to = late

    def process(self, batch: Batch) -> None:
        """Records come by the sides."""

    def take(self, is_left: bool, rows: Sequence[Any]) -> None:
        if is_left:
            self.left = rows
        else:
            self.right = rows

    def restore(self, is_left: bool, rows: Earlier) -> None:
        """Rows that were taken before a restart and are still within reach."""

    def _taken(self, right_rank: int = 1) -> list[Taken]:
        """What has come on both sides."""
        left, right, self.left, self.right = self.left, self.right, (), ()
        return _in_order(left, right, right_rank)

    def _too_late(self, rows: Sequence[Any]) -> None:
        self.count.late += len(rows)
        if rows and self._late_to:
            for one in self._late_to:
                one.process(batch_of(rows))


def _in_order(left: Sequence[Any], right: Sequence[Any], right_rank: int) -> list[Taken]:
    """In the order of event time; of one time the left first, or the right with rank -1."""
    both = [(row[0], 0, row) for row in left]
    both += [(row[0], right_rank, row) for row in right]
    both.sort(key=_place)
    return both


def _place(one: Taken) -> tuple[int, int]:
    return one[:2]


class WaitingSide(Step):
    def __init__(self, held: Held, is_left: bool, join: Joining) -> None:
        super().__init__(())
        self._held = held
        self._is_left = is_left
        self._join = join
        join.restore(is_left, held.released_before)

    def process(self, batch: Batch) -> None:
        self._held.add(batch)

    @property
    def waits(self) -> bool:
        return self._held.has_some

    def advance(self, watermark: int) -> None:
        self._join.take(self._is_left, self._held.release(watermark))


class Merging(Joining):
    """What leaves is made of both sides, and may fail to be."""

    def __init__(
        self, following: Sequence[Operator], merged: Made, late: Sequence[Operator] = ()
    ) -> None:
        super().__init__(following, late)
        self._merged = merged

    def _emit_merged(self, made: Paired) -> None:
        if made:
            keys, pairs, times = zip(*made, strict=True)
            self._pass(self._merged.batch(Batch(keys, pairs, times, times, ())))

    def again(self, key: Any, data: bytes, time: int) -> None:
        self._pass(self._merged.again(key, data, time, time))


class StreamJoining(Merging):
    """Of two streams. What was taken before a restart and is within reach is worked through again,
    and what comes of it thrown away. `_kept`: what is made of that, and may be spilled."""

    _right_rank = 1

    def __init__(
        self,
        state: State,
        following: Sequence[Operator],
        late: Sequence[Operator],
        merged: Made,
        kept: Sequence[Cache],
    ) -> None:
        super().__init__(following, merged, late)
        self._now = state.watermark
        self._again: dict[bool, Earlier] = {}  # by whether they are left
        self._kept = kept
        state.spilled += kept

    def restore(self, is_left: bool, rows: Earlier) -> None:
        self._again[is_left] = rows

    def advance(self, watermark: int) -> None:
        if self._again:
            again, self._again = self._again, {}
            self._take_again(again[True], again[False])
        taken = self._taken(self._right_rank)
        late = [one[2] for one in taken if _is_late(one)]
        if late:
            self._too_late(late)
            taken = [one for one in taken if not _is_late(one)]
        made = self._run(taken, watermark)
        self._now = watermark
        self._emit_merged(made)

    def _take_again(self, left: Earlier, right: Earlier) -> None:
        """Until both are where they were."""
        while left or right:
            stop = min(left.stop(), right.stop())
            taken = _in_order(left.release(stop), right.release(stop), self._right_rank)
            self._run([one for one in taken if not _is_late(one)], stop)
            fit(self._kept)

    def _run(self, taken: list[Taken], watermark: int) -> Paired:
        """What comes of the rows, and of the watermark behind them."""
        raise NotImplementedError


def _is_late(one: Taken) -> bool:
    row = one[2]
    late: bool = row[6] < row[7]  # its time lies before its own partition's watermark
    return late
