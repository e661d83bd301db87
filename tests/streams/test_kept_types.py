"""What state keeps comes back as what it was, so that a restart changes no result (promise 6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pydantic
import pytest

import moldau
from moldau.streams.engine.coding import decode, encode, kept
from moldau.streams.stream import Stream
from moldau.streams.tables import Table
from tests.streams.world import World

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


FIELDS: dict[str, tuple[Any, list[Any]]] = {
    "int": (int, [1, 2]),
    "float": (float, [1.5, 2.5]),
    "bytes": (bytes, [b"a", b"b"]),
    "decimal": (Decimal, [Decimal("1.5"), Decimal("2.5")]),
    "datetime": (datetime, [NOON, NOON + timedelta(1)]),
    "date": (date, [date(2026, 1, 1), date(2026, 1, 2)]),
    "time": (time, [time(1), time(2)]),
    "span": (timedelta, [timedelta(1), timedelta(2, 3, 4)]),
    "uuid": (UUID, [UUID(int=1), UUID(int=2)]),
    "enumeration": (Colour, [Colour.RED, Colour.BLUE]),
    "numbers": (Level, [Level.LOW, Level.HIGH]),
    "tuple": (tuple[date, int], [(date(2026, 1, 1), 1), (date(2026, 1, 2), 1)]),
}
ORDERED = FIELDS.keys() - {"enumeration"}


def results(of: str, key: str, crashes: int, verbs: Callable[[Stream], Stream | Table]) -> Any:
    """Of records that hold each value several times."""
    type_, values = FIELDS[of]
    reading = msgspec.defstruct("Reading", [("key", str), ("field", type_), ("time", datetime)])
    app = moldau.App("kept")
    topic = app.topic("readings", reading, event_time="time", lateness="10h", key=key)
    verbs(app.stream(topic)).to("results")
    world = World(app, 1, Random(crashes), exactly_once=True)
    for number, value in enumerate(values * 4):
        one = reading("k", value, NOON + timedelta(minutes=number))
        world.send("readings", one, topic.key_format.encode(getattr(one, key)).decode())
    world.run(crashes)
    return sorted(world.results("results"), key=repr)


def same_after_crashes(of: str, key: str, verbs: Callable[[Stream], Stream]) -> None:
    expected = results(of, key, 0, verbs)
    assert expected
    for crashes in (3, 6, 9):
        assert results(of, key, crashes, verbs) == expected


@pytest.mark.parametrize("of", FIELDS)
def test_promise_06_aggregates_of_any_field_are_the_same_after_a_crash(of: str) -> None:
    aggregates: dict[str, Any] = {
        "first": moldau.first("field"),
        "every": moldau.collect("field"),
        "different": moldau.distinct("field"),
        "how_many": moldau.count_distinct("field"),
    }
    if of in ORDERED:
        aggregates["least"], aggregates["most"] = moldau.min("field"), moldau.max("field")
        aggregates["best"] = moldau.top_k("field", 3)
    same_after_crashes(of, "key", lambda s: s.group_by("key").tumbling("1h").agg(**aggregates))


WINDOWS: dict[str, Callable[[Stream], Stream]] = {
    "tumbling": lambda s: s.group_by("field").tumbling("1h").agg(n=moldau.count()),
    "session": lambda s: s.group_by("field").session("5m").agg(n=moldau.count()),
    "sliding": lambda s: s.group_by("field").sliding("3m").agg(n=moldau.count()),
    "deduplicate": lambda s: s.deduplicate("field", within="1h"),
    "join": lambda s: s.join(s.select("field", other="time"), on="field", within="3m"),
}


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("of", [of for of in FIELDS if of != "bytes"])
def test_promise_06_keys_of_any_field_are_the_same_after_a_crash(of: str, window: str) -> None:
    same_after_crashes(of, "field", WINDOWS[window])


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        frozenset({date(2026, 1, 1)}),
        {1: "a", 2: "b"},
        {(1, "a"): {3}},
        {"names": {"ann"}, "at": [time(1), timedelta(2)]},
        (UUID(int=3), (Decimal("1.50"), None)),
        -(1 << 70),
    ],
)
def test_what_handlers_keep_comes_back_as_it_was(value: Any) -> None:
    assert_comes_back(value)


def assert_comes_back(value: Any, *type_: Any) -> None:
    """From what an agent keeps."""
    app = moldau.App("kept")
    orders, found = app.topic("orders", dict), []
    state = app.state("state", *type_)

    @app.agent(orders, states=[state])
    def keep(order: dict[str, Any]) -> None:
        found.append(state.get("k"))
        state["k"] = value

    with moldau.testing.run(app) as t:
        t[orders].send({}, {})
        assert "kept-dlq" not in t.report()
    assert found == [None, value]
    assert type(found[1]) is type(value)


def test_sets_by_key() -> None:
    app = moldau.App("kept")
    orders, customers = app.topic("orders", dict), app.topic("customers")
    seen = app.state("seen", default=set)

    @app.agent(orders, states=[seen])
    def note(order: dict[str, Any]) -> None:
        seen[order["product"]] |= {order["customer"]}
        customers.send(sorted(seen[order["product"]]))

    with moldau.testing.run(app) as t:
        t[orders].send(*({"product": "tea", "customer": who} for who in ("ann", "bob", "ann")))
        assert t[customers].values() == [["ann"], ["ann", "bob"], ["ann", "bob"]]


def test_models_are_kept_as_dicts() -> None:
    class Customer(pydantic.BaseModel):  # type: ignore[misc]
        name: str

    class Order(msgspec.Struct):
        amount: Decimal

    assert decode(encode([Customer(name="ann"), Order(Decimal(1))])) == [
        {"name": "ann"},
        {"amount": "1"},
    ]


def test_equal_values_have_equal_bytes() -> None:
    assert encode({1: "a", 2: "b"}) == encode({2: "b", 1: "a"})
    assert encode({"a": 1, "b": {3, 4}}) == encode({"b": {4, 3}, "a": 1})
    assert encode(Colour.RED) == encode("red")
    assert kept(Level.LOW) == 1
    assert decode(encode([Colour.RED, {Colour.BLUE: 1}])) == ["red", {"blue": 1}]


def test_a_struct_as_key_is_a_dead_letter_and_not_the_end_of_the_worker() -> None:
    class Place(msgspec.Struct, frozen=True):
        street: str

    class Order(msgspec.Struct):
        place: Any
        time: datetime

    app = moldau.App("kept")
    orders = app.topic("orders", Order, event_time="time")
    placed = app.stream(orders).group_by(lambda order: Place(order.place))
    placed.tumbling("1h").agg(n=moldau.count()).to("counts")
    with moldau.testing.run(app) as t:
        t[orders].send(Order("Main Street", NOON))
        t.end()
        (letter,) = t["kept-dlq"].records()
        assert dict(letter.headers or [])["moldau-dlq-error"] == b"TypeError"
