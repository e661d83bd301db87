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
        try:
            parts = self._parts(batch)
        except Exception:  # of one record, which is found one by one
            batch, numbers = self._guard.map(self._number, batch)
            parts = [(self._arms[number], part) for number, part in batch.split(numbers)]
        for arm, part in parts:
            if len(part):
                arm.process(part)

    def _parts(self, batch: Batch) -> list[tuple[Operator, Batch]]:
        parts = []
        for predicate, arm in zip(self._predicates, self._arms, strict=False):
            taken = list(map(predicate, batch.values))
            parts.append((arm, batch if all(taken) else batch.where(taken)))
            batch = batch.where([not one for one in taken])
        return [*parts, (self._arms[-1], batch)]

    def _number(self, value: Any) -> int:
        """Of the arm that it goes to. A dead letter says which part of its source's record it was
        here, so the whole batch is tried, not what each predicate leaves of it."""
        for number, predicate in enumerate(self._predicates):
            if predicate(value):
                return number
        return len(self._predicates)
