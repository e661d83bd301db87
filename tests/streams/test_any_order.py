"""Promises 2, 6 and 7: any order of arrival within the lateness, any split into partitions and any
sizes of batches give what a plain computation over the records gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

import moldau
from moldau.streams.stream import Grouped, Windowed
from tests.drawn import share

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
LATENESS_MS = 5000
Rows = list[dict[str, Any]]


class Reading(msgspec.Struct, frozen=True):
    key: str
    value: float
    time: datetime
    number: int


readings = st.lists(
    st.tuples(st.sampled_from("abc"), st.floats(-1e9, 1e9), st.integers(0, 40_000)), max_size=25
)
chances = st.randoms(use_true_random=False)


def results(
    made: list[Reading], window: Callable[[Grouped], Windowed], partitions: int, chance: Any
) -> Rows:
    """What the program makes of them, sent out of order as far as the lateness allows."""
    app = moldau.App("any-order")
    topic = app.topic("readings", Reading, event_time="time", lateness="5s")
    (
        window(app.stream(topic).group_by("key"))
        .agg(
            total=moldau.sum("value"),
            orders=moldau.count(),
            lowest=moldau.min("value"),
            opening=moldau.first("value", by="number"),
            closing=moldau.last("value", by="number"),
            every=moldau.collect("number", by="number"),
            best=moldau.top_k("value", 2, of="number"),
        )
        .to("results")
    )
    with moldau.testing.run(app, partitions=partitions) as t:
        for one in sorted(made, key=lambda each: _millis(each) + chance.uniform(0, LATENESS_MS)):
            t["readings"].send(one, partition=chance.randrange(partitions))
        t.end()
        return sorted(t["results"].values(), key=lambda row: (row["window_start"], row["key"]))


def _millis(one: Reading) -> int:
    return (one.time - EPOCH) // timedelta(milliseconds=1)


def _made(drawn: list[tuple[str, float, int]]) -> list[Reading]:
    return [
        Reading(key, value, EPOCH + timedelta(milliseconds=time), number)
        for number, (key, value, time) in enumerate(drawn)
    ]


def plain(windows: dict[tuple[str, int, int], list[Reading]]) -> Rows:
    """The rows of windows whose records are known."""
    from math import fsum

    rows = []
    for (key, start, end), members in windows.items():
        ordered = sorted(members, key=lambda one: (one.time, one.number))
        best = sorted(ordered, key=lambda one: one.value, reverse=True)[:2]
        rows.append(
            {
                "key": key,
                "window_start": _text(start),
                "window_end": _text(end),
                "total": fsum(one.value for one in members),
                "orders": len(members),
                "lowest": min(one.value for one in members),
                "opening": ordered[0].value,
                "closing": ordered[-1].value,
                "every": [one.number for one in ordered],
                "best": [one.number for one in best],
            }
        )
    return sorted(rows, key=lambda row: (row["window_start"], row["key"]))


def _text(time: int) -> str:
    text: str = msgspec.to_builtins(EPOCH + timedelta(milliseconds=time))
    return text


def same(found: Rows, expected: Rows) -> None:
    """Ties of `best` go by source position, which a split into partitions changes."""
    for row in (*found, *expected):
        row["window_start"] = row["window_start"].replace(".000", "")
    assert [row | {"best": 0} for row in found] == [row | {"best": 0} for row in expected]
    for one, other in zip(found, expected, strict=True):
        assert len(one["best"]) == len(other["best"])


@settings(deadline=None, max_examples=share(40))
@given(readings, st.integers(1, 3), chances)
def test_promise_07_tumbling(drawn: Any, partitions: int, chance: Any) -> None:
    made, windows = _made(drawn), defaultdict(list)
    for one in made:
        start = _millis(one) - _millis(one) % 10_000
        windows[one.key, start, start + 10_000].append(one)
    same(results(made, lambda s: s.tumbling("10s"), partitions, chance), plain(windows))


@settings(deadline=None, max_examples=share(40))
@given(readings, st.integers(1, 3), chances)
def test_promise_07_hopping(drawn: Any, partitions: int, chance: Any) -> None:
    made, windows = _made(drawn), defaultdict(list)
    for one in made:
        for start in range(-9000, 41_000, 3000):
            if start <= _millis(one) < start + 9000:
                windows[one.key, start, start + 9000].append(one)
    same(results(made, lambda s: s.hopping("9s", "3s"), partitions, chance), plain(windows))


@settings(deadline=None, max_examples=share(40))
@given(readings, st.integers(1, 3), chances)
def test_promise_07_sessions(drawn: Any, partitions: int, chance: Any) -> None:
    made, windows = _made(drawn), {}
    for key in "abc":
        members: list[Reading] = []
        for one in sorted((r for r in made if r.key == key), key=_millis):
            if members and _millis(one) - _millis(members[-1]) >= 4000:
                windows[key, _millis(members[0]), _millis(members[-1]) + 4000] = members
                members = []
            members = [*members, one]
        if members:
            windows[key, _millis(members[0]), _millis(members[-1]) + 4000] = members
    same(results(made, lambda s: s.session("4s"), partitions, chance), plain(windows))


@settings(deadline=None, max_examples=share(40))
@given(readings, st.integers(1, 3), chances)
def test_promise_15_sliding_as_in_kafka_streams(drawn: Any, partitions: int, chance: Any) -> None:
    made, windows = _made(drawn), {}
    for key in "abc":
        mine = [one for one in made if one.key == key]
        starts = {_millis(one) - 6000 for one in mine} | {_millis(one) + 1 for one in mine}
        for start in starts:
            members = [one for one in mine if start <= _millis(one) <= start + 6000]
            if members:
                windows[key, start, start + 6001] = members
    same(results(made, lambda s: s.sliding("6s"), partitions, chance), plain(windows))
