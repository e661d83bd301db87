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


def _at(names: list[str], app: moldau.App) -> list[moldau.streams.program.Topic]:
    return [app.topic(name, dict, event_time="at", unit="ms", lateness="1s") for name in names]


@pytest.mark.parametrize("at_once", [True, False])
def test_promise_08_sessions_of_one_end_leave_in_one_order(at_once: bool) -> None:
    """Numbers and texts are in no order: it must not matter that the text's session is over at the
    same watermark. What leaves is numbered by it, and known again by its number after a crash."""
    app = moldau.App("zoo")
    (rows,) = _at(["in"], app)
    sessions = app.stream(rows).group_by("k").session("1s").agg(n=moldau.count())
    sessions.to("out")
    with moldau.testing.run(app) as t:
        t[rows].send(
            {"at": 0, "k": 10}, {"at": 0, "k": 2}, {"at": 0, "k": 1.5}, {"at": 50, "k": "a"}
        )
        if not at_once:
            t[rows].send({"at": 2001, "k": 2})
        t.end()
        keys = [row["k"] for row in t["out"].values() if row["window_end"].endswith("01Z")]
        assert keys == [2, 10, 1.5]


@pytest.mark.parametrize("at_once", [True, False])
def test_promise_07_by_of_several_types_concerns_records_of_one_time_alone(at_once: bool) -> None:
    """None and numbers are in no order, so at that time their texts are compared."""
    app = moldau.App("zoo")
    (rows,) = _at(["in"], app)
    app.stream(rows).deduplicate("k", within="1s", by="rank").to("out")
    with moldau.testing.run(app) as t:
        t[rows].send({"at": 0, "k": "a", "rank": 10}, {"at": 0, "k": "a", "rank": 9})
        t[rows].send({"at": 500, "k": "b", "rank": None}, {"at": 500, "k": "b", "rank": 1})
        if not at_once:
            t[rows].send({"at": 1001, "k": "c", "rank": 0})
        t.end()
        assert [row["rank"] for row in t["out"].values()][:2] == [9, 1]


@pytest.mark.parametrize("at_once", [True, False])
def test_promise_06_late_behind_a_join_is_behind_those_of_its_time(at_once: bool) -> None:
    """Of two records of one time the one is late, and finds its row a second behind the other.
    Whether both are joined at one watermark is a matter of batches."""
    app = moldau.App("zoo")
    (rows,) = _at(["in"], app)
    rows_of = app.table(app.topic("names", dict, key="k", event_time="at", unit="ms"))
    joined = app.stream(rows).join(rows_of, lambda one, name: one, on="k", how="left")
    joined.group_by("k").tumbling("1m").agg(every=moldau.collect("n"), last=moldau.last("n")).to(
        "out"
    )
    with moldau.testing.run(app) as t:
        t[rows].send(
            *(
                {"at": at, "k": k, "n": n}
                for at, k, n in ((1, "b", 0), (5, "a", 1), (3000, "b", 2), (5, "a", 3))
            )
        )
        if not at_once:
            t["names"].send({"at": 100, "k": "a"})
        t.end()
        (row,) = [one for one in t["out"].values() if one["k"] == "a"]
        assert (row["every"], row["last"]) == ([1, 3], 3)
