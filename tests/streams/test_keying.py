"""What can be no key is refused where it is written; what can comes out as what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import msgspec
import pytest

import moldau
from moldau.streams.errors import DefinitionError


class Colour(Enum):
    RED = "red"


class Place(msgspec.Struct, frozen=True):
    town: str
    street: str


@dataclass(frozen=True)
class Corner:
    north: int
    east: int


class Point(NamedTuple):
    x: int
    y: int


class Shop(NamedTuple):
    name: str
    place: Place


class Tagged(NamedTuple):
    tags: list[str]


def _topic(app: moldau.App, type_: Any) -> Any:
    sale = msgspec.defstruct("Sale", [("field", type_), ("n", int)])
    return app.topic("sales", sale)


NO_KEYS: dict[str, tuple[Any, str]] = {
    "struct": (Place, "field is a Place, which can be no key"),
    "may be none": (Place | None, "(lambda it: (it.field.town, it.field.street))"),
    "dataclass": (Corner, "(lambda it: (it.field.north, it.field.east))"),
    "in a tuple": (tuple[Place, int], "field is a Place, which can be no key"),
    "in a tuple that may be none": (tuple[Place, int] | None, "field is a Place"),
    "in a named tuple": (Shop, "(lambda it: (it.field.place.town, it.field.place.street))"),
    "list in a named tuple": (Tagged, "(lambda it: tuple(it.field.tags))"),
    "in a frozenset": (frozenset[Place], "field is a Place, which can be no key"),
    "list": (list[str], "(lambda it: tuple(it.field))"),
    "set": (set[str], "field is a set, which can be no key"),
    "dict": (dict[str, int], "field is a dict, which can be no key"),
}
VERBS: dict[str, Callable[[Any, Any], Any]] = {
    "group_by": lambda app, topic: app.stream(topic).group_by("field"),
    "key_by": lambda app, topic: app.stream(topic).key_by("field"),
    "deduplicate": lambda app, topic: app.stream(topic).deduplicate("field", within="1h"),
    "join": lambda app, topic: app.stream(topic).join(app.table(topic), on="field"),
    "a table's": lambda app, topic: app.table(topic).group_by("field"),
    "foreign": lambda app, topic: app.table(topic).join(app.table(topic), on="field"),
    "global": lambda app, topic: app.stream(topic).join(app.global_table(topic), on="field"),
    "topic": lambda app, topic: app.topic("other", topic.type, key="field"),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("what", NO_KEYS)
def test_what_can_be_no_key_is_refused(what: str, verb: str) -> None:
    type_, said = NO_KEYS[what]
    app = moldau.App("shop")
    topic = _topic(app, type_)
    with pytest.raises(DefinitionError) as refused:
        VERBS[verb](app, topic)
    assert said in str(refused.value)


def test_what_a_function_gives_is_refused_where_it_is_annotated() -> None:
    def place(sale: Any) -> Place:
        return Place(sale.town, "")

    app = moldau.App("shop")
    with pytest.raises(DefinitionError, match="the key is a Place"):
        app.stream(_topic(app, str)).group_by(place)


def test_and_is_a_dead_letter_that_says_so_where_it_is_not() -> None:
    app = moldau.App("shop")
    sales = _topic(app, str)
    places = app.stream(sales).group_by(lambda sale: Place(sale.field, ""))
    places.agg(n=moldau.count()).to("out")
    with moldau.testing.run(app) as t:
        t[sales].send(sales.type("Prague", 1))
        (letter,) = t["shop-dlq"].records()
    message = dict(letter.headers or [])["moldau-dlq-message"] or b""
    assert message.startswith(b"a Place can be no key")


@pytest.mark.parametrize("on", ["of", lambda order: order["of"]], ids=["field", "function"])
def test_what_is_looked_up_in_a_global_table_too(on: Any) -> None:
    """Such an order ended the worker, at every start."""
    app = moldau.App("shop")
    places = app.global_table(app.topic("places", dict))
    app.stream(app.topic("orders", dict)).join(places, on=on, how="left").to("out")
    with moldau.testing.run(app) as t:
        t["places"].send({"town": "Prague"}, key="a")
        named: list[Any] = ["a", ["a"], {"a": 1}, ["b"], "b"]
        t["orders"].send(*({"of": of} for of in named))
        assert t["out"].values() == [{"of": "a", "town": "Prague"}, {"of": "b"}]
        letters = t["shop-dlq"].records()
    told = [dict(one.headers or [])["moldau-dlq-message"] for one in letters]
    assert told == [b"unhashable type: 'list'", b"unhashable type: 'dict'", *told[:1]]


@pytest.mark.parametrize(
    ("type_", "value", "key", "shown"),
    [
        (Colour, Colour.RED, b"red", "red"),
        (Point, Point(1, 2), b"[1,2]", [1, 2]),
        (tuple[str, int], ("a", 1), b'["a",1]', ["a", 1]),
    ],
)
@pytest.mark.parametrize("key_field", [None, "field"])
def test_what_can_be_one_is_in_the_results(
    type_: Any, value: Any, key: bytes, shown: Any, key_field: str | None
) -> None:
    app = moldau.App("shop")
    sale = msgspec.defstruct("Sale", [("field", type_), ("n", int)])
    sales = app.topic("sales", sale, key=key_field)
    app.stream(sales).group_by("field").agg(n=moldau.count()).to("out")
    with moldau.testing.run(app) as t:
        t[sales].send(sale(value, 1), sale(value, 2))
        assert t["out"].values()[-1] == {"field": shown, "n": 2}
        assert t["out"].records()[-1].key == key
