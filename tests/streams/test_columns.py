"""Promise 1: event time is a field; naive times are UTC; what cannot be read is a bad record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from moldau.streams.engine.columns import event_times
from moldau.streams.errors import BadRecord


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(1970, 1, 1, 0, 1, tzinfo=UTC), 60_000),
        (datetime(1970, 1, 1, 0, 1), 60_000),
        (datetime(1970, 1, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 60_000),
        (datetime(1970, 1, 1, 0, 0, 59, 999_999, tzinfo=UTC), 59_999),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (60_000, 60_000),
    ],
)
def test_promise_01_event_time_in_milliseconds(value: Any, expected: int) -> None:
    assert event_times(lambda one: one, [value]) == [expected]
    assert event_times(lambda one: one, [datetime(1970, 1, 1, tzinfo=UTC), value])[1] == expected


@pytest.mark.parametrize("value", [None, "2026-01-01", 1.5, True])
def test_promise_01_what_is_no_time_is_a_bad_record(value: Any) -> None:
    with pytest.raises(BadRecord, match="neither a time nor a number of milliseconds"):
        event_times(lambda one: one, [value])
