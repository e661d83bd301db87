"""Aggregates: how values of one key and window become one value.

An aggregate begins with `init()`, takes a value with `add(state, value)`, joins two states with
`merge` (sessions, tables) and ends with `result`. States are values, not shared: `add` returns the
next one. Where it can be, the step is also given as source text (`step`), so that the loop of a
task is compiled in one piece (engine/compiled.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from moldau.streams.fields import Field


@dataclass(frozen=True)
class Aggregate:
    """`field`: what is taken of a value; None: the value itself is not looked at."""

    field: Field | None
    init: Callable[[], Any]
    add: Callable[[Any, Any], Any]
    merge: Callable[[Any, Any], Any]
    result: Callable[[Any], Any]
    # Source of an expression for the next state, of `s` (the state) and `x` (what was taken).
    step: str | None = None


def count() -> Aggregate:
    """How many records."""
    return Aggregate(None, int, lambda s, _: s + 1, lambda a, b: a + b, _same, "s + 1")


def sum(field: Field) -> Aggregate:
    """The sum; of floats it is exact and rounded once, a Decimal stays a Decimal."""
    return Aggregate(field, int, add_exactly, add_exactly, rounded_once, "add_exactly(s, x)")


def _same(state: Any) -> Any:
    return state


class ExactFloat:
    """A sum of floats without error: partial sums that do not overlap (Shewchuk, as math.fsum)."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[float, ...] = ()) -> None:
        self.parts = parts

    def plus(self, value: float) -> ExactFloat:
        parts = []
        for part in self.parts:
            if abs(value) < abs(part):
                value, part = part, value
            high = value + part
            low = part - (high - value)
            if low:
                parts.append(low)
            value = high
        parts.append(value)
        return ExactFloat(tuple(parts))


def add_exactly(state: Any, value: Any) -> Any:
    """The sum of two numbers, or of two such sums."""
    if type(value) is float:
        return (state if type(state) is ExactFloat else ExactFloat((float(state),))).plus(value)
    if type(state) is ExactFloat or type(value) is ExactFloat:
        more = value.parts if type(value) is ExactFloat else (float(value),)
        total = state if type(state) is ExactFloat else ExactFloat((float(state),))
        for part in more:
            total = total.plus(part)
        return total
    return state + value


def rounded_once(state: Any) -> int | float | Decimal:
    if type(state) is ExactFloat:
        from math import fsum

        return fsum(state.parts)
    number: int | Decimal = state
    return number


def min(field: Field) -> Aggregate:
    """The least; None of nothing."""
    return Aggregate(field, _nothing, _least, _least, _same, "x if s is None or x < s else s")


def max(field: Field) -> Aggregate:
    """The greatest; None of nothing."""
    return Aggregate(field, _nothing, _most, _most, _same, "x if s is None or x > s else s")


def _nothing() -> None:
    return None


def _least(state: Any, value: Any) -> Any:
    if state is None or value is None:
        return value if state is None else state
    return value if value < state else state


def _most(state: Any, value: Any) -> Any:
    if state is None or value is None:
        return value if state is None else state
    return value if value > state else state


def mean(field: Field) -> Aggregate:
    """The sum divided by the count, rounded once; None of nothing."""

    def add(state: tuple[Any, int], value: Any) -> tuple[Any, int]:
        return add_exactly(state[0], value), state[1] + 1

    def merge(a: tuple[Any, int], b: tuple[Any, int]) -> tuple[Any, int]:
        return add_exactly(a[0], b[0]), a[1] + b[1]

    def result(state: tuple[Any, int]) -> Any:
        return rounded_once(state[0]) / state[1] if state[1] else None

    return Aggregate(field, lambda: (0, 0), add, merge, result)
