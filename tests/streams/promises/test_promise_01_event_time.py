"""Event time is a field or the record's timestamp."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import moldau


def starts(event_time: Any, *rows: dict[str, Any], **given: Any) -> list[str]:
    """Where the windows of these records begin."""
    app = moldau.App("shop")
    rows_of = app.stream(app.topic("in", dict, event_time=event_time, **given))
    rows_of.group_by(lambda row: "all").tumbling("1m").agg(n=moldau.count()).to("out")
    with moldau.testing.run(app, start=datetime(2026, 1, 1, tzinfo=UTC)) as t:
        t["in"].send(*rows)
        t.end()
        return [row["window_start"] for row in t["out"].values()]


def test_promise_01_event_time_is_a_field_a_function_or_the_record_s_timestamp() -> None:
    row = {"at": 90_000}
    assert starts("at", row, unit="ms") == ["1970-01-01T00:01:00Z"]
    assert starts(lambda row: row["at"] * 2, row, unit="ms") == ["1970-01-01T00:03:00Z"]
    assert starts(None, row) == ["2026-01-01T00:00:00Z"]


def test_promise_01_text_in_an_untyped_field_is_read_as_a_typed_one_s() -> None:
    row = {"at": "2026-07-01T02:01:30"}
    assert starts("at", row) == ["2026-07-01T02:01:00Z"]
    assert starts("at", row, tz="Europe/Berlin") == ["2026-07-01T00:01:00Z"]


def test_promise_01_a_number_in_an_untyped_field_without_a_unit_is_a_bad_record() -> None:
    app = moldau.App("shop")
    app.stream(app.topic("in", dict, event_time="at")).map(lambda row: row).to("out")
    with moldau.testing.run(app) as t:
        t["in"].send({"at": 1_700_000_000}, {"at": "2026-01-01T00:00:00Z"})
        assert len(t["out"].values()) == 1
        (letter,) = t["shop-dlq"].records()
        said = dict(letter.headers or ())["moldau-dlq-message"]
        assert said == (
            b"its event time 1700000000 is a number, and its topic does not say of what: "
            b"write unit='s', 'ms', 'us' or 'ns' beside event_time="
        )


def test_promise_01_a_time_that_cannot_be_read_is_a_bad_record_and_not_now() -> None:
    app = moldau.App("shop")
    rows = app.stream(app.topic("in", dict, event_time="at", unit="s"))
    rows.group_by(lambda row: "all").tumbling("1m").agg(n=moldau.count()).to("out")
    bad: list[Any] = [None, "soon", True, [], 10**30]
    with moldau.testing.run(app) as t:
        t["in"].send({}, *({"at": one} for one in bad), {"at": 0})
        t.end()
        assert [row["n"] for row in t["out"].values()] == [1]
        assert len(t["shop-dlq"].records()) == len(bad) + 1
