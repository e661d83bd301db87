"""What the steps of aggregates by key, windowed or not, have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from moldau.streams.batch import Batch
from moldau.streams.engine.guard import Guard
from moldau.streams.engine.late import CountsLate
from moldau.streams.engine.operators import Operator, Sending, Step
from moldau.streams.engine.results import Results
from moldau.streams.engine.state import State, Table
from moldau.streams.engine.updates import Updates
from moldau.streams.engine.window_names import Place
from moldau.streams.program import Aggregated

AT_ONCE = 5000  # windows that leave at a time


class Parts(NamedTuple):
    """Of what such a step is made. `type`: of the records that it takes. `state`: of the task.
    `relieve`: to be called between parts of what leaves, where that may be much."""

    node: Aggregated
    type: Any
    state: State
    table: Table
    following: Sequence[Operator]
    guard: Guard
    results: Results
    relieve: Callable[[], None]


class Aggregating(Step):
    """`_watermark`: behind which its results leave."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.following)
        self._guard = parts.guard
        self._results = parts.results
        self._watermark = parts.table.watermark

    def again(self, key: Any, data: bytes, time: int) -> None:
        self._pass(self._results.again(key, data, time, self._watermark))


class Windowing(Aggregating, CountsLate):
    """By window too. A place (`Place`) names one that is open, as the kind of window likes."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._relieve = parts.relieve
        self._updates = Updates()

    def tell(self, to: Sending, every: int) -> None:
        """That of windows that are open, too: every so many ms of event time; 0: at each batch."""
        self._updates.tell(to, every)

    def _tell(self, watermark: int | None = None) -> None:
        """`watermark`: that has just been reached."""
        for to, places in self._updates.due(watermark):
            for first in range(0, len(places), AT_ONCE):
                to.process(self._now(places[first : first + AT_ONCE]))
                self._relieve()

    def _now(self, places: Sequence[Place]) -> Batch:
        """How those of them are now that are open still."""
        raise NotImplementedError
