"""Promises 2, 6 and 8 for windows: records in any order, also later than the lateness allows, any
split into partitions and batches, and crashes at any point give what a plain computation gives that
judges each record by the records before it in its own partition. What is told of windows before
they close comes to the same: who puts down what is told last, and takes out what is taken back, has
the results."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

import moldau
from moldau.streams.stream import Grouped, Windowed
from tests.drawn import share
from tests.streams.test_joins_any_order import at, ms
from tests.streams.world import World

LATENESS_MS = 3000


class Reading(msgspec.Struct, frozen=True):
    key: str
    time: datetime
    number: int


class Arrived(NamedTuple):
    """`floor`: the watermark of its partition just before it."""

    key: str
    time: int
    number: int
    floor: int


Windows = dict[tuple[str, int, int], list[int]]


def anything(function: Any) -> Any:
    drawn = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 25)), max_size=14)
    chances = st.integers(0, 1 << 32)
    return settings(deadline=None, max_examples=share(60))(given(drawn, chances)(function))


def run(drawn: Any, seed: int, window: Callable[[Grouped], Windowed]) -> tuple[Windows, Any]:
    """What the program makes of them; how they arrived."""
    chance = random.Random(seed)
    partitions, is_keyed = chance.randint(1, 3), chance.random() < 0.5
    app = moldau.App("windows")
    topic = app.topic(
        "readings", Reading, event_time="time", lateness="3s", key="key" if is_keyed else None
    )
    grouped = app.stream(topic).group_by("key")
    made = window(grouped).agg(every=moldau.collect("number", by="number"))
    told: Any = chance.choice(({"emit": "updates"}, {"every": "1s"}, {"every": "4s"}))
    made.to("out").to("told", **told)
    world = World(app, partitions, chance, chance.random() < 0.5)
    sent = [Reading(key, at(second), number) for number, (key, second) in enumerate(drawn)]
    # Half of the time within the lateness, else far behind.
    spread = chance.choice((LATENESS_MS, 12_000))
    sent.sort(key=lambda one: ms(one.time) + chance.uniform(0, spread))
    highest: dict[int, int] = {}
    arrived = []
    for one in sent:
        place = None if is_keyed else chance.randrange(partitions)
        partition, _ = world.send("readings", one, one.key, place)
        floor = highest.get(partition, -(1 << 62)) - LATENESS_MS
        arrived.append(Arrived(one.key, ms(one.time), one.number, floor))
        highest[partition] = max(highest.get(partition, ms(one.time)), ms(one.time))
    world.run(crashes=chance.choice((0, 1, 4)))
    found: Windows = {}
    for key, row, time in world.results("out"):
        start, end = (ms(datetime.fromisoformat(row[n])) for n in ("window_start", "window_end"))
        assert (row["key"], time) == (key, end - 1)
        assert (key, start, end) not in found, "a window came out twice"
        found[key, start, end] = row["every"]
    assert told_last(world) == found
    return found, arrived


def told_last(world: World) -> Windows:
    """Of each window that was not taken back."""
    last: Windows = {}
    for log in world.logs["told"]:
        for one in log:
            row = None if one.value is None else json.loads(one.value)
            bounds = row or {name: (text or b"").decode() for name, text in one.headers or ()}
            start, end = (
                ms(datetime.fromisoformat(bounds[f"window_{n}"])) for n in ("start", "end")
            )
            place = ((one.key or b"").decode(), start, end)
            last.pop(place, None)
            if row is not None:
                last[place] = row["every"]
    return last


def aligned(arrived: Iterable[Arrived], size: int, step: int) -> Windows:
    windows = defaultdict(list)
    for one in arrived:
        for start in range(-size, 30_000, step):
            if start <= one.time < start + size and start + size > one.floor:
                windows[one.key, start, start + size].append(one.number)
    return {bounds: sorted(numbers, key=_by_time(arrived)) for bounds, numbers in windows.items()}


def _by_time(arrived: Iterable[Arrived]) -> Callable[[int], tuple[int, int]]:
    times = {one.number: one.time for one in arrived}
    return lambda number: (times[number], number)


@anything
def test_promise_02_tumbling(drawn: Any, seed: int) -> None:
    found, arrived = run(drawn, seed, lambda s: s.tumbling("5s"))
    assert found == aligned(arrived, 5000, 5000)


@anything
def test_promise_02_hopping(drawn: Any, seed: int) -> None:
    found, arrived = run(drawn, seed, lambda s: s.hopping("6s", "2s"))
    assert found == aligned(arrived, 6000, 2000)


@anything
def test_promise_02_sessions(drawn: Any, seed: int) -> None:
    found, arrived = run(drawn, seed, lambda s: s.session("4s"))
    expected: Windows = {}
    for key in "ab":
        in_time = [one for one in arrived if one.key == key and one.time >= one.floor]
        session: list[Arrived] = []
        for one in sorted(in_time, key=lambda each: (each.time, each.number)):
            if session and one.time - session[-1].time >= 4000:
                expected[key, session[0].time, session[-1].time + 4000] = _numbers(session)
                session = []
            session = [*session, one]
        if session:
            expected[key, session[0].time, session[-1].time + 4000] = _numbers(session)
    assert found == expected


@anything
def test_promise_02_sliding(drawn: Any, seed: int) -> None:
    found, arrived = run(drawn, seed, lambda s: s.sliding("4s"))
    expected: Windows = {}
    for key in "ab":
        mine = [one for one in arrived if one.key == key and one.time + 4000 >= one.floor]
        ends = {one.time for one in mine if one.time >= one.floor}
        for end in ends | {one.time + 4001 for one in mine}:
            members = [one for one in mine if end - 4000 <= one.time <= end and end >= one.floor]
            if members:
                ordered = sorted(members, key=lambda each: (each.time, each.number))
                expected[key, end - 4000, end + 1] = _numbers(ordered)
    assert found == expected


def _numbers(members: list[Arrived]) -> list[int]:
    return [one.number for one in members]
