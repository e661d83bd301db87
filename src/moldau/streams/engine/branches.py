"""One stream becomes several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.engine.guard import Guard
from moldau.streams.engine.operators import Operator, Step


class Branching(Step):
    """A record goes to the arm of the first predicate that is true of it, else to the last arm."""

    def __init__(
        self, guard: Guard, predicates: Sequence[Callable[[Any], Any]], arms: Sequence[Operator]
    ) -> None:
        super().__init__(())
        self._guard = guard
        self._predicates = predicates
        self._arms = arms

    def process(self, batch: Batch) -> None:
        for predicate, arm in zip(self._predicates, self._arms, strict=False):
            batch, taken = self._guard.map(predicate, batch)
            if any(taken):
                arm.process(batch if all(taken) else batch.where(taken))
                batch = batch.where([not one for one in taken])
            if not len(batch):
                return
        self._arms[-1].process(batch)
