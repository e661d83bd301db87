"""Promises 6 and 7 where records have one event time: their place decides, and never which of them
came first, or what else did."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

import moldau
from moldau.streams.stream import Stream, Windowed


def _two_topics(app: moldau.App) -> Stream:
    first, second = (
        app.stream(app.topic(name, dict, event_time="at", unit="ms", lateness="1s"))
        for name in ("zebras", "apples")
    )
    return first.merge(second)


WINDOWS: dict[str, Any] = {
    "tumbling": lambda grouped: grouped.tumbling("1m"),
    "session": lambda grouped: grouped.session("1m"),
    "sliding": lambda grouped: grouped.sliding("1m"),
}


@pytest.mark.parametrize("window", WINDOWS)
def test_promise_07_of_several_topics_that_of_the_first_name_goes_first(window: str) -> None:
    """Each has one record, of one time, at its offset 0."""
    for order in permutations(("zebras", "apples")):
        app = moldau.App("zoo")
        windowed: Windowed = WINDOWS[window](_two_topics(app).group_by(lambda row: "all"))
        windowed.agg(
            first=moldau.first("who"),
            last=moldau.last("who"),
            every=moldau.collect("who"),
            best=moldau.top_k("n", 1, of="who"),
        ).to("out")
        with moldau.testing.run(app) as t:
            for name in order:
                t[name].send({"at": 5, "who": name[0], "n": 1})
            t.end()
            row = t["out"].values()[0]
        assert (row["first"], row["last"], row["every"]) == ("a", "z", ["a", "z"])
        assert row["best"] == ["a"]


def test_promise_07_what_waits_for_a_table_leaves_in_that_order_too() -> None:
    for order in permutations(("zebras", "apples")):
        app = moldau.App("zoo")
        names = app.table(app.topic("names", dict, key="k"))
        both = _two_topics(app)
        both.join(names, lambda one, name: one, on="k", how="left").to("out")
        with moldau.testing.run(app) as t:
            for name in order:
                t[name].send({"at": 5, "who": name[0], "k": "all"})
            t.end()
            assert [row["who"] for row in t["out"].values()] == ["a", "z"]


def test_promise_07_of_what_is_made_of_one_record_the_last_is_the_last() -> None:
    """As `collect` has them."""
    app = moldau.App("zoo")
    rows = app.stream(app.topic("in", dict, event_time="at", unit="ms"))
    each = rows.flat_map(lambda row: [{"n": n} for n in row["all"]]).group_by(lambda row: "all")
    each.tumbling("1m").agg(
        first=moldau.first("n"), last=moldau.last("n"), every=moldau.collect("n")
    ).to("out")
    with moldau.testing.run(app) as t:
        t["in"].send({"at": 5, "all": [3, 1, 2]})
        t.end()
        (row,) = t["out"].values()
        assert (row["first"], row["every"], row["last"]) == (3, [3, 1, 2], 2)
