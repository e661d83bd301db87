"""Records that came too late for a step: counted, and sent where the user says."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from moldau.streams.batch import Batch
from moldau.streams.engine.operators import Operator, Step


class CountsLate(Step):
    late_to: Sequence[Operator] = ()  # set by the builder

    def _too_late(self, batch: Batch, which: Collection[int]) -> None:
        """`which`: their places in the batch."""
        self.count.late += len(which)
        if which and self.late_to:
            late = batch.where([number in which for number in range(len(batch))])
            for one in self.late_to:
                one.process(late)
