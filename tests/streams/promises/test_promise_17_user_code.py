"""A record at which any function of the user's fails costs itself alone, wherever that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import moldau
from moldau.streams.aggregates import Aggregate
from moldau.streams.engine.outputs import Output
from moldau.streams.stream import Stream

BAD = 13


def fails_at_bad(row: Any) -> Any:
    if row["n"] == BAD:
        raise ValueError("thirteen")
    return row["n"]


def _add(state: int, row: Any) -> int:
    return state + int(fails_at_bad(row))


def own() -> Aggregate:
    return moldau.fold(int, _add, merge=lambda a, b: a + b)


STEPS: dict[str, Callable[[Stream], Any]] = {
    "tumbling": lambda s: s.group_by("k").tumbling("1s").agg(n=moldau.count(), total=own()),
    "hopping": lambda s: s.group_by("k").hopping("2s", "1s").agg(total=own()),
    "sliding": lambda s: s.group_by("k").sliding("1s").agg(total=own()),
    "session": lambda s: s.group_by("k").session("1s").agg(total=own()),
    "running": lambda s: s.group_by("k").agg(total=own()),
    "a field": lambda s: s.group_by("k").tumbling("1s").agg(total=moldau.sum(fails_at_bad)),
    "by": lambda s: s.group_by("k").tumbling("1s").agg(t=moldau.last("n", by=fails_at_bad)),
    "a key": lambda s: s.group_by(lambda row: str(fails_at_bad(row))).agg(n=moldau.count()),
    "deduplicate": lambda s: s.deduplicate("k", within="1s", by=fails_at_bad),
}


def by_key(step: str) -> tuple[moldau.App, Any]:
    """Records of each key together, in windows of that kind or in none."""
    app = moldau.App("shop")
    keyed = app.stream(app.topic("in", dict)).group_by("k")
    windows: dict[str, Any] = {
        "tumbling": keyed.tumbling("1s"),
        "running": keyed,
        "session": keyed.session("1s"),
        "hopping": keyed.hopping("1s", "1s"),
    }
    return app, windows[step]


def program(step: Callable[[Stream], Any]) -> moldau.App:
    app = moldau.App("shop")
    step(app.stream(app.topic("in", dict))).to("out")
    return app


@pytest.mark.parametrize("step", STEPS)
def test_promise_17_a_record_that_an_aggregate_fails_at_costs_itself_alone(step: str) -> None:
    with moldau.testing.run(program(STEPS[step])) as t:
        t["in"].send({"k": "a", "n": 1}, {"k": "a", "n": BAD}, {"k": "a", "n": 2})
        t["in"].send({"k": "new", "n": BAD})
        t.end()
        letters = t["shop-dlq"].records()
        assert len(letters) == 2
        assert all(("moldau-dlq-message", b"thirteen") in (one.headers or []) for one in letters)
        rows = t["out"].values()
        assert rows
        assert not any(row.get("key", row.get("k")) == "new" for row in rows)
        assert {row.get("total", 3) for row in rows} & {3}
        assert all(row.get("n", 1) != BAD for row in rows)


def test_promise_17_a_record_counts_in_all_aggregates_of_a_step_or_in_none() -> None:
    app = moldau.App("shop")
    rows = app.stream(app.topic("in", dict)).group_by("k").tumbling("1s")
    rows.agg(all=moldau.collect("n"), few=moldau.distinct("n"), total=own(), n=moldau.count()).to(
        "out"
    )
    with moldau.testing.run(app) as t:
        t["in"].send({"k": "a", "n": 1}, {"k": "a", "n": BAD}, {"k": "a", "n": [2]})
        t.end()
        (row,) = t["out"].values()
        assert (row["all"], row["few"], row["total"], row["n"]) == ([1], [1], 1, 1)
        assert len(t["shop-dlq"].records()) == 2


@pytest.mark.parametrize("step", ["tumbling", "running", "session", "hopping"])
def test_promise_17_what_cannot_be_told_apart_or_compared_counts_nowhere(step: str) -> None:
    """Each is tried three times, and the list that is collected is changed in place."""
    app, grouped = by_key(step)
    grouped.agg(all=moldau.collect("n"), few=moldau.distinct("n"), best=moldau.top_k("m", 2)).to(
        "out"
    )
    with moldau.testing.run(app) as t:
        for n, m in ((1, 1), ([2], 2), (3, "x"), (4, 4)):
            t["in"].send({"k": "a", "n": n, "m": m})
        t.end()
        row = t["out"].values()[-1]
        assert (row["all"], row["few"], row["best"]) == ([1, 4], [1, 4], [4, 1])
        assert len(t["shop-dlq"].records()) == 2


@pytest.mark.parametrize("step", ["tumbling", "running", "session"])
def test_promise_17_a_result_that_cannot_be_made_is_a_letter_that_can_be_sent_back(
    step: str,
) -> None:
    mended: list[bool] = []

    def result(state: int) -> int:
        if not mended:
            raise ValueError("not yet")
        return state

    total = moldau.fold(int, _add, merge=lambda a, b: a + b, result=result)
    app, grouped = by_key(step)
    grouped.agg(total=total).to("out")
    with moldau.testing.run(app) as t:
        t["in"].send({"k": "a", "n": 3})
        t.advance("1m")
        t["in"].send({"k": "b", "n": 4})
        assert t["out"].values() == []
        mended.append(True)
        assert t.redrive() >= 1
        assert t["out"].values()[0]["total"] == 3


def test_promise_17_a_merge_that_fails_costs_the_pair() -> None:
    def merge(left: Any, right: Any) -> Any:
        return {"n": fails_at_bad(left), "m": right and right["m"]}

    app = moldau.App("shop")
    left, right = app.topic("left", dict, key="k"), app.topic("right", dict, key="k")
    app.stream(left).join(app.stream(right), merge, within="5s", how="left").to("pairs")
    app.stream(left).join_asof(app.stream(right), merge, tolerance="5s").to("nearest")
    app.table(left).join(app.table(right), merge).to("rows")
    with moldau.testing.run(app) as t:
        for n in (1, BAD):
            t[left].send({"k": str(n), "n": n})
            t[right].send({"k": str(n), "m": n})
        t.end()
        for topic in ("pairs", "nearest", "rows"):
            assert [row["n"] for row in t[topic].values()] == [1]
        assert len(t["shop-dlq"].records()) == 3


def test_promise_17_what_groups_a_table_s_rows_may_fail() -> None:
    app = moldau.App("shop")
    rows = app.table(app.topic("rows", dict, key="k"))
    rows.group_by(fails_at_bad).agg(count=moldau.count(), total=own()).to("out")
    with moldau.testing.run(app) as t:
        t["rows"].send({"k": "a", "n": 1}, {"k": "b", "n": BAD}, {"k": "c", "n": 1})
        t.end()
        assert t["out"].values()[-1]["total"] == 2
        assert len(t["shop-dlq"].records()) == 1


@pytest.mark.parametrize("key", [lambda row: row["tags"], lambda row: {"a": 1}, lambda row: {1, 2}])
def test_promise_17_what_can_be_no_key_is_a_dead_letter(key: Callable[[Any], Any]) -> None:
    app = moldau.App("shop")
    rows = app.stream(app.topic("in", dict))
    rows.group_by(lambda row: key(row) if row["tags"] else "none").agg(n=moldau.count()).to("out")
    with moldau.testing.run(app) as t:
        t["in"].send({"tags": ["x"]}, {"tags": []})
        assert [row["n"] for row in t["out"].values()] == [1]
        assert len(t["shop-dlq"].records()) == 1


class Strange:
    """What no format writes."""


@pytest.mark.parametrize("step", ["repartition", "sink", "the sink's key"])
def test_promise_17_what_cannot_be_written_is_a_dead_letter(step: str) -> None:
    app = moldau.App("shop")
    rows = app.stream(app.topic("in", dict))

    def made(row: Any) -> Any:
        return {"n": Strange() if row["n"] == BAD else row["n"]}

    if step == "repartition":
        rows.map(made).group_by(lambda row: "all").agg(n=moldau.count()).to("out")
    elif step == "sink":
        rows.map(made).to("out")
    else:
        odd = frozenset([Strange()])
        rows.key_by(lambda row: odd if row["n"] == BAD else "a").to("out")
    with moldau.testing.run(app) as t:
        t["in"].send({"n": 1}, {"n": BAD}, {"n": 2})
        assert len(t["shop-dlq"].records()) == 1
        assert len(t["out"].values()) == (1 if step == "repartition" else 2)


def test_promise_17_an_event_time_that_fails_to_be_read_is_a_dead_letter() -> None:
    app = moldau.App("shop")
    rows = app.topic("in", dict, event_time=fails_at_bad, unit="s")
    app.stream(rows).map(lambda row: row).to("out")
    with moldau.testing.run(app) as t:
        t[rows].send({"n": 1}, {"n": BAD}, {"n": 2})
        assert t["out"].values() == [{"n": 1}, {"n": 2}]
        assert len(t["shop-dlq"].records()) == 1


@pytest.mark.parametrize("aggregate", [moldau.min("n"), moldau.max("n")])
def test_promise_07_none_counts_for_nothing_in_any_order(aggregate: Aggregate) -> None:
    for order in ([None, 5], [5, None]):
        app = moldau.App("shop")
        rows = app.stream(app.topic("in", dict)).group_by(lambda row: "all")
        rows.tumbling("1s").agg(n=aggregate).to("out")
        with moldau.testing.run(app) as t:
            t["in"].send(*({"n": one} for one in order))
            t.end()
            assert [row["n"] for row in t["out"].values()] == [5]


@pytest.mark.parametrize("headers", [None, [], [("moldau-dlq-step", b"source-1")]])
def test_promise_17_what_is_no_dead_letter_in_a_redrive_topic_is_one_then(headers: Any) -> None:
    app = moldau.App("shop")
    app.stream(app.topic("in", dict)).map(lambda row: row).to("out")
    with moldau.testing.run(app) as t:
        t.deliver(Output("shop-source-1-redrive", 0, b"key", b"value", 0, headers))
        t["in"].send({"n": 1})
        (letter,) = t["shop-dlq"].records()
        assert (letter.key, letter.value) == (b"key", b"value")
        assert t["out"].values() == [{"n": 1}]
