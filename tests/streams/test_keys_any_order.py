"""Promises 6 and 12 for keys that Python takes for equal, or for unequal to themselves: their bytes
decide. A program gives for them, in any order, any split and over crashes and rows that are let go
of, what it gives without any of that for keys that are texts, one for each."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moldau
from moldau.streams.engine.coding import decode, encode, kept
from moldau.streams.engine.keys import parts_in, typed, typed_in
from moldau.streams.engine.typed_keys import plain
from moldau.streams.engine.window_names import of_place, place_in
from moldau.streams.stream import Stream
from moldau.streams.tables import Table
from tests.drawn import share
from tests.streams.awkward_keys import AWKWARD, EAST, NOON
from tests.streams.test_joins_any_order import at, ms
from tests.streams.world import World

SHOWN = msgspec.json.Encoder(order="deterministic").encode
# A text for each: keys of the same bytes have the same.
NAMES = [encode(key) for key in AWKWARD]
TEXTS = [f"k{NAMES.index(name)}" for name in NAMES]


# --- what one key is ------------------------------------------------------------------------------

some_keys = st.sampled_from([*AWKWARD, 1 << 70, float(1 << 70), Decimal(1 << 70)])


@given(some_keys, some_keys)
def test_promise_12_two_keys_are_one_where_their_bytes_are_the_same(one: Any, other: Any) -> None:
    is_same = encode(one) == encode(other)
    assert (typed(one) == typed(other)) is is_same
    assert len({typed(one): 0, typed(other): 0}) == (1 if is_same else 2)
    assert (of_place((7, typed(one))) == of_place((7, typed(other)))) is is_same


@given(some_keys, some_keys)
def test_what_is_read_from_state_is_the_same_key(one: Any, other: Any) -> None:
    one, other = typed(one), typed(other)
    assert typed(one) == one
    assert typed_in(encode(one)) == one
    assert parts_in(encode((one, other, 3))) == (one, other, 3)
    assert place_in(of_place((-7, one))) == (-7, one)
    assert repr(plain(typed_in(encode(one)))) == repr(plain(one)) == repr(kept(plain(one)))
    assert decode(encode([one])) == [decode(encode(one))] or "nan" in repr(one).lower()


def test_what_can_be_no_key_is_none() -> None:
    values: list[Any] = [[1], {}, {1}, ([1], 2), Decimal("sNaN")]
    for value in values:
        with pytest.raises(TypeError):
            typed(value)


# --- verbs ----------------------------------------------------------------------------------------


class Reading(msgspec.Struct, frozen=True):
    which: int
    time: datetime
    number: int
    next: int


Key = Callable[[Reading], Any]
Verbs = Callable[[Stream, Key, Key], Stream | Table]


def _numbers() -> Any:
    return moldau.collect("number", by="number")


def _totals(stream: Stream, key: Key) -> Table:
    return stream.group_by(key).agg(last=moldau.last("number", by="number"), n=moldau.count())


def _mine(stream: Stream) -> Stream:
    return stream.select(other="number", key=lambda one: [one.which, one.next], time="time")


VERBS: dict[str, Verbs] = {
    "tumbling": lambda s, key, _: s.group_by(key).tumbling("5s").agg(every=_numbers()),
    "hopping": lambda s, key, _: s.group_by(key).hopping("6s", "2s").agg(every=_numbers()),
    "session": lambda s, key, _: s.group_by(key).session("4s").agg(every=_numbers()),
    "sliding": lambda s, key, _: s.group_by(key).sliding("4s").agg(every=_numbers()),
    "deduplicate": lambda s, key, _: s.deduplicate(key, within="6s", by="number"),
    "within": lambda s, key, _: s.join(s, on=key, within="4s", how="outer"),
    "as of": lambda s, key, _: s.join_asof(s, on=key, tolerance="5s", strategy="forward"),
    "table": lambda s, key, _: s.join(_totals(s, key), on=key, how="left"),
    "tables": lambda s, key, _: _totals(s, key).join(
        _totals(s.filter(lambda one: one.number % 2), key), how="left"
    ),
    "groups": lambda s, key, other: (
        _totals(s, key).group_by(_of_last(other)).agg(n=moldau.count(), of=moldau.sum("n"))
    ),
    "groups anew": lambda s, key, other: (
        _totals(s, key).group_by(_of_last(other)).agg(most=moldau.max("last"))
    ),
    "foreign": lambda s, key, other: _totals(s, key).join(
        _totals(s, other), on=_of_last(other), how="left"
    ),
}


def _of_last(key: Key) -> Callable[[Any], Any]:
    """Of a row of `_totals`, another key."""
    return lambda row: key(Reading(0, NOON, 0, row["last"] % len(AWKWARD)))


def _results(verbs: Verbs, drawn: Any, keys: list[Any], chance: random.Random | None) -> list[Any]:
    """Without chance: in order, of one partition, with nothing that goes wrong. The keys in the
    results as the awkward ones would be shown."""
    app = moldau.App("keys")
    topic = app.topic("readings", Reading, event_time="time", lateness="4s")
    key: Key = lambda one: keys[one.which]  # noqa: E731
    other: Key = lambda one: keys[one.next]  # noqa: E731
    verbs(app.stream(topic), key, other).to("out")
    partitions = 1 if chance is None else chance.randint(1, 3)
    world = World(app, partitions, chance or random.Random(0), exactly_once=True)
    made = [
        Reading(which, at(second) + timedelta(milliseconds=number), number, 7 * number % len(keys))
        for number, (which, second) in enumerate(drawn)
    ]
    made.sort(key=lambda one: ms(one.time) + (chance.uniform(0, 4000) if chance else 0))
    for one in made:
        world.send("readings", one, None, chance.randrange(partitions) if chance else 0)
    world.run(crashes=chance.choice((0, 1, 4)) if chance else 0)
    # Whether a row goes before another takes its place depends on where both lie.
    found = [(_shown(row), when) for _, row, when in world.results("out") if row is not None]
    return sorted(found, key=repr)


def _shown(row: Any) -> str:
    """Texts that stand for others become those."""
    for name in ("key", "key_right"):
        if row.get(name) in TEXTS:
            row[name] = _of(TEXTS.index(row[name]))
    # As part of a value that crosses to another task a time comes in UTC.
    return json.dumps(row).replace(_said(EAST), _said(NOON))


def _of(number: int) -> Any:
    return json.loads(SHOWN(kept(AWKWARD[number])))


def _said(time: datetime) -> str:
    return str(SHOWN(time).decode())


drawn = st.lists(st.tuples(st.integers(0, len(AWKWARD) - 1), st.integers(0, 20)), max_size=14)


@pytest.mark.parametrize("verb", VERBS)
@settings(deadline=None, max_examples=share(25))
@given(drawn, st.integers(0, 1 << 32))
def test_promise_06_keys_of_equal_values_are_told_apart_by_their_bytes(
    verb: str, drawn: Any, seed: int
) -> None:
    expected = _results(VERBS[verb], drawn, TEXTS, None)
    assert _results(VERBS[verb], drawn, AWKWARD, random.Random(seed)) == expected
