"""What the steps of aggregates by key, windowed or not, have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from moldau.streams.engine.guard import Guard
from moldau.streams.engine.operators import Operator, Step
from moldau.streams.engine.results import Results
from moldau.streams.engine.state import State, Table
from moldau.streams.program import Aggregated


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
