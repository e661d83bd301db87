"""Promise 1: event time is a field; naive times are UTC or of `tz=`; numbers need a unit; what
cannot be read is a bad record."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NewType, TypedDict
from zoneinfo import ZoneInfo

import msgspec
import pytest

import moldau
from moldau.streams.errors import BadRecord, DefinitionError
from moldau.streams.event_time import EventTime, Unit

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def itself(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(1970, 1, 1, 0, 1, tzinfo=UTC), 60_000),
        (datetime(1970, 1, 1, 0, 1), 60_000),
        (datetime(1970, 1, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 60_000),
        (datetime(1970, 1, 1, 0, 0, 59, 999_999, tzinfo=UTC), 59_999),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        ("1970-01-01T00:01:00Z", 60_000),
        ("1970-01-01T00:01:00.0009", 60_000),
        ("1970-01-01T01:01:00+01:00", 60_000),
    ],
)
def test_promise_01_event_time_in_milliseconds(value: Any, expected: int) -> None:
    assert EventTime(itself).of([value]) == [expected]
    assert EventTime(itself).of([EPOCH, value]) == [0, expected]


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("s", 60, 60_000),
        ("ms", 60_000, 60_000),
        ("us", 60_000_999, 60_000),
        ("ns", 60_000_999_999, 60_000),
        ("us", -1, -1),
        ("s", 1.0029, 1002),
        ("s", 1_700_000_000.003, 1_700_000_000_003),  # as a float it is a little less
        ("s", -0.0001, -1),
        ("s", Decimal("1.0029"), 1002),
        ("ms", 1.9, 1),
    ],
)
def test_promise_01_a_number_is_of_its_unit(unit: Unit, value: Any, expected: int) -> None:
    assert EventTime(itself, unit).of([value]) == [expected]
    assert EventTime(itself, unit).of([EPOCH, value]) == [0, expected]


@pytest.mark.parametrize("value", [None, "2026-01-01", "soon", True, [], float("nan"), b"1"])
@pytest.mark.parametrize("unit", [None, "ms"])
def test_promise_01_what_is_no_time_is_a_bad_record(value: Any, unit: Unit | None) -> None:
    with pytest.raises(BadRecord, match=r"neither a time nor a number|is no time: it is"):
        EventTime(itself, unit).of([value])


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        (datetime(2026, 1, 1, 1), "2026-01-01T00:00:00+00:00"),
        (datetime(2026, 7, 1, 2), "2026-07-01T00:00:00+00:00"),
        # Shown twice: the first of both, unless it says that it is the second.
        (datetime(2026, 10, 25, 2, 30), "2026-10-25T00:30:00+00:00"),
        (datetime(2026, 10, 25, 2, 30, fold=1), "2026-10-25T01:30:00+00:00"),
        # Skipped, from 2 to 3: as much later as the clock is put on, so 3:30.
        (datetime(2026, 3, 29, 2, 30), "2026-03-29T01:30:00+00:00"),
        # With a zone it is what it says.
        (datetime(2026, 7, 1, 2, tzinfo=UTC), "2026-07-01T02:00:00+00:00"),
        ("2026-07-01T02:00:00", "2026-07-01T00:00:00+00:00"),
        ("2026-07-01T02:00:00Z", "2026-07-01T02:00:00+00:00"),
    ],
)
def test_promise_01_times_without_a_zone_are_of_tz(local: Any, utc: str) -> None:
    (ms,) = EventTime(itself, None, BERLIN).of([local])
    assert datetime.fromtimestamp(ms / 1000, UTC).isoformat() == utc


Millis = NewType("Millis", int)


@dataclasses.dataclass
class Row:
    whole: int
    real: float | None
    named: Millis
    time: datetime
    either: datetime | int
    anything: Any


class Typed(TypedDict):
    whole: int


class Struct(msgspec.Struct):
    whole: int


def returns_int(row: Any) -> int:
    return int(row["at"])


@pytest.mark.parametrize(
    ("type_", "field"),
    [
        *((Row, one) for one in ("whole", "real", "named", "either")),
        (Typed, "whole"),
        (Struct, "whole"),
        (dict, returns_int),
    ],
)
def test_promise_01_a_number_without_a_unit_is_refused(type_: Any, field: Any) -> None:
    app = moldau.App("shop")
    with pytest.raises(DefinitionError, match=r"topic 'in'.* is a number; say of what: unit='s'"):
        app.topic("in", type_, event_time=field)
    assert app.topic("in", type_, event_time=field, unit="s").event_time is not None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"event_time": "time", "unit": "s"}, "time is a time, and unit='s' is for numbers"),
        ({"event_time": "whole", "unit": "s", "tz": "Europe/Berlin"}, "tz= is for times without"),
        ({"event_time": "whole", "unit": "min"}, "unit='min' is none of 's', 'ms', 'us', 'ns'"),
        ({"event_time": "time", "tz": "Berlin"}, "topic 'in', tz: there is no time zone 'Berlin'"),
        ({"unit": "s"}, "name that field too"),
        ({"tz": "Europe/Berlin"}, "name that field too"),
    ],
)
def test_what_does_not_go_together_is_refused(given: Any, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        moldau.App("shop").topic("in", Row, **given)


def test_of_what_may_be_a_time_or_a_number_both_are_read() -> None:
    topic = moldau.App("shop").topic("in", Row, event_time="either", unit="s", tz="Europe/Berlin")
    rows = [
        Row(0, None, Millis(0), EPOCH, either, None)
        for either in (1, datetime(1970, 1, 1, 1), EPOCH)
    ]
    assert topic.event_time is not None
    assert topic.event_time.of(rows) == [1000, 0, 0]
