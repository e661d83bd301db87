"""Days, weeks and months of a zone, also where clocks are set at midnight, or a day is left out."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

import moldau
from moldau.streams.windows import Calendar, CalendarUnit

_HOUR = 3_600_000


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


PLACES = [
    ("Europe/Prague", "2026-03-29", 23),
    ("Europe/Prague", "2026-10-25", 25),
    ("America/Havana", "2026-03-08", 23),  # midnight is skipped
    ("America/Toronto", "1919-03-31", 23.5),  # half past eleven until half past midnight is
    ("Pacific/Apia", "2011-12-31", 24),  # the day before was left out
    ("Pacific/Kwajalein", "1993-08-22", 24),
    ("UTC", "2026-02-28", 24),
]


@pytest.mark.parametrize(("zone", "day", "hours"), PLACES)
@pytest.mark.parametrize("unit", ["day", "week", "month"])
def test_windows_join_without_a_gap_in_whatever_order_times_come(
    zone: str, day: str, hours: float, unit: CalendarUnit
) -> None:
    place = ZoneInfo(zone)
    middle = _ms(day)
    times = [middle + hour * _HOUR // 2 for hour in range(-4000, 4000, 7)]
    first_day = datetime.fromisoformat(day)
    for seed in range(3):
        random.Random(seed).shuffle(times)
        window = Calendar(unit, place)
        starts = window.starts(times)
        for time, start in zip(times, starts, strict=True):
            end = window.end(start)
            assert start <= time < end
            assert window.starts([start, end - 1, end]) == [start, start, end]
            local = datetime.fromtimestamp(start / 1000, place)
            before = datetime.fromtimestamp((start - 1) / 1000, place)
            assert before.date() < local.date()
    if unit == "day":
        noon = _ms(day) + round((12 - _offset_h(first_day, place)) * _HOUR)
        (start,) = Calendar("day", place).starts([noon])
        assert (Calendar("day", place).end(start) - start) / _HOUR == hours


def _offset_h(day: datetime, place: ZoneInfo) -> float:
    offset = (day + timedelta(hours=12)).replace(tzinfo=place).utcoffset()
    assert offset is not None
    return offset.total_seconds() / 3600


def test_a_time_far_away_does_not_cost_all_the_days_between() -> None:
    window = Calendar("day", ZoneInfo("Europe/Prague"))
    near, far = _ms("2026-01-05T12:00"), _ms("8999-06-01T12:00")
    assert window.starts([near, far, near]) == [
        _ms("2026-01-04T23:00"),
        _ms("8999-05-31T22:00"),
        _ms("2026-01-04T23:00"),
    ]
    assert window.end(_ms("8999-05-31T22:00")) == _ms("8999-06-01T22:00")
    assert len(window._bounds) == 2


@pytest.mark.parametrize(
    ("zone", "time"),
    [
        ("America/Goose_Bay", "1993-10-31T03:30"),  # a minute after midnight it was 23:01 again
        ("America/Anchorage", "1867-10-19T06:00"),  # the day before came again
    ],
)
def test_clocks_that_are_set_back_across_midnight_are_in_the_day_that_had_begun(
    zone: str, time: str
) -> None:
    """Whether it is far from all that was seen before, or not."""
    at = _ms(time)
    near, far = Calendar("day", ZoneInfo(zone)), Calendar("day", ZoneInfo(zone))
    near.starts([at - 24 * _HOUR])
    far.starts([_ms("2026-01-01")])
    (start,) = near.starts([at])
    assert start <= at < near.end(start)
    assert far.starts([at]) == [start]
    assert far.end(start) == near.end(start)


@pytest.mark.parametrize("time", [10**18, -(10**17), 1 << 62])
def test_promise_01_a_time_that_is_no_date_is_a_bad_record(time: int) -> None:
    """Of another unit, mostly. It would make all others late, and its window could not be said."""
    app = moldau.App("shop")
    sales = app.topic("sales", dict, event_time="at", unit="ms")
    app.stream(sales).group_by("key").tumbling("1m").agg(n=moldau.count()).to("counts")
    at = _ms("2026-01-01")
    with moldau.testing.run(app) as t:
        for one in (at, time, at + 1):
            t[sales].send({"key": "a", "at": one})
        t.end()
        (letter,) = t["shop-dlq"].records()
        told = dict(letter.headers or [])["moldau-dlq-message"]
        assert (
            told
            == f"its event time {time} ms since 1970 is no date: is it of another unit?".encode()
        )
        assert [one["n"] for one in t["counts"].values()] == [2]
