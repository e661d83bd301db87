"""Spans of time are added up as numbers are: timedeltas come out, in JSON as any other goes out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams import types
from moldau.streams.durations import milliseconds


class Call(msgspec.Struct):
    who: str
    lasted: timedelta


CALLS = [Call("Anna", timedelta(seconds=one)) for one in (60, 31, 2)]
EXPECTED = {"total": "PT93S", "average": "PT31S"}


@pytest.mark.parametrize(
    "windowed",
    [
        lambda calls: calls,
        lambda calls: calls.tumbling("1m"),
        lambda calls: calls.session("1m"),
        lambda calls: calls.sliding("1m"),
    ],
)
def test_timedeltas_have_a_sum_and_a_mean(windowed: Any) -> None:
    app = moldau.App("calls")
    calls = windowed(app.stream(app.topic("calls", Call)).group_by("who"))
    calls.agg(total=moldau.sum("lasted"), average=moldau.mean("lasted")).to("out")
    with moldau.testing.run(app) as t:
        t["calls"].send(*CALLS, key="Anna")
        t.end()
        assert t["calls-dlq"].values() == []
        last = t["out"].values()[-1]
    assert {name: last[name] for name in EXPECTED} == EXPECTED


def test_of_a_row_that_moves_the_span_is_taken_out_again() -> None:
    app = moldau.App("calls")
    calls = app.table(app.topic("calls", Call))
    calls.group_by("who").agg(total=moldau.sum("lasted"), average=moldau.mean("lasted")).to("out")
    with moldau.testing.run(app) as t:
        t["calls"].send(CALLS[0], key="1")
        t["calls"].send(CALLS[1], key="2")
        t["calls"].send(Call("Bert", timedelta(seconds=5)), key="1")
        t.end()
        last = {one["who"]: one["total"] for one in t["out"].values()}
    assert last == {"Anna": "PT31S", "Bert": "PT5S"}


def test_their_types_are_known() -> None:
    assert types.number(timedelta) is timedelta
    assert types.quotient(timedelta) == timedelta | None


def test_a_span_in_decimals_is_what_it_says() -> None:
    """1.001 times 1000 is a little less than 1001 as a float."""
    assert [milliseconds(f"{n / 1000:.3f}s", "size") for n in range(3000)] == list(range(3000))
    assert milliseconds(timedelta(days=1, milliseconds=1), "size") == 86_400_001
