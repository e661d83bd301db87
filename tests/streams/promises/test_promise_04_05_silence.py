"""Quiet means: read to the end, and nothing new for that long."""

from __future__ import annotations

import moldau
from tests.streams.sales import revenue, sale


def test_promise_04_lag_is_never_idleness() -> None:
    """A partition that has not been read to its end is told of no silence."""
    app = moldau.App("shop", idle_after="10s")
    rows = app.stream(app.topic("in", dict, event_time="at", unit="ms"))
    rows.group_by(lambda row: "all").tumbling("1s").agg(n=moldau.count()).to("out")
    with moldau.testing.run(app, partitions=2) as t:
        t["in"].send({"at": 0}, {"at": 60_000}, partition=0)
        t.advance("1s")  # of the other partition nothing is known, since now
        t.advance("9s")
        t["in"].send({"at": 120_000}, partition=0)
        assert t["out"].values() == []
        t.advance("1s")
        assert [row["n"] for row in t["out"].values()] == [1, 1]


def test_promise_05_silence_closes_only_windows_whose_end_has_passed() -> None:
    app = revenue(close_after_silence="5s")
    with moldau.testing.run(app) as t:
        t["sales"].send(sale(30))
        t.advance("10s")  # 30 s + 10 s - 10 s of lateness
        assert t["revenue-per-minute"].values() == []
        t.advance("29s")  # 30 s + 39 s - 10 s
        assert t["revenue-per-minute"].values() == []
        t.advance("1s")
        assert [row["orders"] for row in t["revenue-per-minute"].values()] == [1]
