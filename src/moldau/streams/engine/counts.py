"""What has gone through the steps of a process, counted a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moldau.streams.batch import Batch
    from moldau.streams.engine.operators import Operator


class StepCount:
    """Of a step, or of a topic that is read, in all tasks of the process, those too that are
    others' now. `errors`: records that were given up; `letters`: those of them that became dead
    letters."""

    __slots__ = ("errors", "late", "letters", "records")

    def __init__(self) -> None:
        self.records = self.errors = self.late = self.letters = 0


class Counts:
    """By stage and name. They only grow, as long as the process lives."""

    def __init__(self) -> None:
        self.steps: dict[tuple[str, str], StepCount] = {}
        self.topics: dict[tuple[str, str], StepCount] = {}

    def step(self, stage: str, name: str) -> StepCount:
        return self.steps.setdefault((stage, name), StepCount())

    def topic(self, stage: str, name: str) -> StepCount:
        return self.topics.setdefault((stage, name), StepCount())


def counted(operator: Operator, count: StepCount) -> Operator:
    """The same operator, whose batches are counted as they are given to it."""
    process = operator.process

    def counting(batch: Batch) -> None:
        count.records += len(batch)
        process(batch)

    operator.process = counting  # type: ignore[method-assign]
    operator.count = count
    return operator
