"""Aggregates of numbers that are hard to add up or to compare: the same in any order."""

from __future__ import annotations

import math
import random
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moldau
from moldau.streams.aggregates import add_exactly, rounded_once, without
from moldau.streams.engine.coding import decode, encode
from tests.drawn import share


class Floats(msgspec.Struct):
    at: int
    n: float


class Decimals(msgspec.Struct):
    at: int
    n: Decimal


class Anything(msgspec.Struct):
    at: int
    n: Any


def made(row: Any, numbers: Any, **aggregates: Any) -> str:
    """What comes of these numbers, that are read all at once and of one key, and one by one."""
    shown = set()
    for at_once in (True, False):
        app = moldau.App("sums")
        topic = app.topic("in", row, event_time="at", unit="ms", lateness="1s", format="msgpack")
        windowed = app.stream(topic).group_by(lambda one: "all").tumbling("1m")
        windowed.agg(**aggregates).to(app.topic("out", dict, format="msgpack"))
        with moldau.testing.run(app) as t:
            rows = [row(at, number) for at, number in enumerate(numbers)]
            if at_once:
                t["in"].send(*rows)
            else:
                for one in rows:
                    t["in"].send(one)
            t.end()
            ((result,),) = [t["out"].values()]
            shown.add(repr({name: result[name] for name in aggregates}))
    (one,) = shown
    return one


@pytest.mark.parametrize("numbers", [[1.0, math.nan, 0.5, 3.0], [math.nan, 0.5, 3.0, None]])
def test_promise_07_what_is_no_number_is_neither_the_least_nor_the_greatest(numbers: Any) -> None:
    for some in permutations(numbers):
        app_of = {"low": moldau.min("n"), "high": moldau.max("n")}
        assert made(Anything, some, **app_of) == "{'low': 0.5, 'high': 3.0}"
    assert made(Floats, [math.nan] * 2, low=moldau.min("n")) == "{'low': nan}"


def test_promise_07_what_is_no_number_is_the_last_of_the_best() -> None:
    numbers = permutations([1.0, math.nan, 0.5, 3.0])
    found = {made(Floats, some, best=moldau.top_k("n", 4)) for some in numbers}
    assert found == {"{'best': [3.0, 1.0, 0.5, nan]}"}


@pytest.mark.parametrize(
    ("numbers", "total"),
    [
        ([math.inf, 1.0, 2.0], math.inf),
        ([-math.inf, 1.0, 1e308], -math.inf),
        ([math.inf, 1.0, -math.inf], math.nan),
        ([math.inf, 1.0, math.nan], math.nan),
        ([1e308, 1e308, -1e308, 1.0], 1e308),
        ([1.7e308, 1.7e308, 1.7e308, -1e308], math.inf),
        ([-1.7e308, -1.7e308, 1.0], -math.inf),
        ([9007199254740993, 9007199254740993, 1.0, 1.0], 18014398509481988.0),
    ],
)
def test_promise_07_sums_that_leave_the_range_of_floats(numbers: Any, total: float) -> None:
    found = {made(Anything, some, n=moldau.sum("n")) for some in permutations(numbers)}
    assert found == {repr({"n": total})}


def test_promise_07_no_digit_of_a_sum_of_decimals_is_lost() -> None:
    """As usual, Decimals have 28."""
    numbers = ["100000000000000000000", "0.0000000001", "-100000000000000000000", "0.0000000002"]
    for row in (Decimals, Anything):
        some = list(map(Decimal, numbers)) if row is Decimals else numbers
        total = moldau.sum("n" if row is Decimals else lambda one: Decimal(one.n))
        found = {made(row, one, n=total) for one in permutations(some)}
        assert found == {"{'n': '3E-10'}"}


floats = st.floats() | st.sampled_from([1e308, -1e308, 1.7976931348623157e308, 5e-324, math.inf])


@settings(deadline=None, max_examples=share(300))
@given(st.lists(floats, max_size=12), st.integers(0, 1 << 32))
def test_promise_12_what_is_taken_out_of_a_sum_was_never_in_it(
    numbers: list[float], seed: int
) -> None:
    """Also where it was infinite, or no number; and what is kept of it is the same."""
    chance = random.Random(seed)
    left = chance.sample(numbers, len(numbers) // 2)
    gone = list(numbers)
    for one in left:
        gone.remove(one)
    chance.shuffle(numbers)
    state: Any = 0
    for one in numbers:
        state = add_exactly(state, one)
    for one in gone:
        state = without(decode(encode(state)), one)
    assert _same(rounded_once(state), _exact_sum(left))


def _exact_sum(numbers: list[float]) -> float:
    if all(map(math.isfinite, numbers)):
        total = sum(map(Fraction, numbers))
        try:
            return float(total)
        except OverflowError:
            return math.inf if total > 0 else -math.inf
    return sum(one for one in numbers if not math.isfinite(one))


def _same(one: Any, other: float) -> bool:
    return one == other or (one != one and other != other)
