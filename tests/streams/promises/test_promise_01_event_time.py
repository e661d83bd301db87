"""Event time is a field or the record's timestamp."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import moldau


def starts(event_time: Any, *rows: dict[str, Any]) -> list[str]:
    """Where the windows of these records begin."""
    app = moldau.App("shop")
    rows_of = app.stream(app.topic("in", dict, event_time=event_time))
    rows_of.group_by(lambda row: "all").tumbling("1m").agg(n=moldau.count()).to("out")
    with moldau.testing.run(app, start=datetime(2026, 1, 1, tzinfo=UTC)) as t:
        t["in"].send(*rows)
        t.end()
        return [row["window_start"] for row in t["out"].values()]


def test_promise_01_event_time_is_a_field_a_function_or_the_record_s_timestamp() -> None:
    row = {"at": 90_000}
    assert starts("at", row) == ["1970-01-01T00:01:00Z"]
    assert starts(lambda row: row["at"] * 2, row) == ["1970-01-01T00:03:00Z"]
    assert starts(None, row) == ["2026-01-01T00:00:00Z"]


def test_promise_01_a_time_that_cannot_be_read_is_a_bad_record_and_not_now() -> None:
    app = moldau.App("shop")
    rows = app.stream(app.topic("in", dict, event_time="at"))
    rows.group_by(lambda row: "all").tumbling("1m").agg(n=moldau.count()).to("out")
    bad: list[Any] = [None, "soon", True, 1.5, [], 10**30]
    with moldau.testing.run(app) as t:
        t["in"].send({}, *({"at": one} for one in bad), {"at": 0})
        t.end()
        assert [row["n"] for row in t["out"].values()] == [1]
        assert len(t["shop-dlq"].records()) == len(bad) + 1
