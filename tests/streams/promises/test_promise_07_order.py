"""What depends on order goes by event time, then `by`, then place; sums are exact."""

from __future__ import annotations

import random
from decimal import Decimal
from itertools import permutations
from typing import Any

import msgspec
import pytest

import moldau

ROWS = [
    {"at": 3, "rank": 1, "name": "d", "n": 7},
    {"at": 1, "rank": 2, "name": "b", "n": 9},
    {"at": 1, "rank": 1, "name": "a", "n": 7},
    {"at": 2, "rank": 1, "name": "c", "n": 5},
]


def test_promise_07_verbs_that_depend_on_order_go_by_event_time_then_by() -> None:
    results: set[str] = set()
    for rows in permutations(ROWS):
        app = moldau.App("shop")
        window = app.stream(app.topic("in", dict, event_time="at", unit="ms", lateness="1s"))
        window.group_by(lambda row: "all").tumbling("1m").agg(
            first=moldau.first("name", by="rank"),
            last=moldau.last("name", by="rank"),
            every=moldau.collect("name", by="rank"),
            best=moldau.top_k("n", 3, of="name"),
        ).to("out")
        with moldau.testing.run(app) as t:
            t["in"].send(*rows)
            t.end()
            (row,) = t["out"].values()
        results.add(f"{row['first']} {row['last']} {row['every']} {row['best']}")
    assert results == {"a d ['a', 'b', 'c', 'd'] ['b', 'a', 'd']"}


def test_promise_07_ties_of_top_k_go_by_event_time_then_by() -> None:
    rows = [{"n": 1, "at": at, "rank": rank} for at, rank in ((5, 3), (5, 1), (5, 2), (1, 9))]
    for sent in permutations(rows):
        app = moldau.App("shop")
        stream = app.stream(app.topic("in", dict, event_time="at", unit="ms", lateness="1s"))
        best = moldau.top_k("n", 3, of="rank", by="rank")
        stream.group_by(lambda row: "all").tumbling("1m").agg(best=best).to("out")
        with moldau.testing.run(app) as t:
            t["in"].send(*sent)
            t.end()
            assert [row["best"] for row in t["out"].values()] == [[9, 1, 2]]


@pytest.mark.parametrize("seed", range(5))
def test_promise_07_sums_of_floats_are_exact_and_rounded_once(seed: int) -> None:
    numbers = [1e16, 1.0, -1e16, 0.1] * 20
    random.Random(seed).shuffle(numbers)
    assert _sum(list[float], numbers) == 22.0


def test_promise_07_a_decimal_stays_one_and_goes_out_as_text() -> None:
    assert _sum(list[Decimal], [Decimal("0.10"), Decimal("0.20")]) == "0.30"


class _Floats(msgspec.Struct):
    n: float


class _Decimals(msgspec.Struct):
    n: Decimal


def _sum(type_: Any, numbers: list[Any]) -> Any:
    row = _Floats if type_ == list[float] else _Decimals
    app = moldau.App("shop")
    rows = app.stream(app.topic("in", row)).group_by(lambda row: "all").tumbling("1m")
    rows.agg(n=moldau.sum("n")).to("out")
    with moldau.testing.run(app) as t:
        t["in"].send(*map(row, numbers))
        t.end()
        return t["out"].values()[0]["n"]
