"""What state keeps comes back as what it is said to be, or is refused before it is lost."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple, NewType, TypedDict

import msgspec
import pydantic
import pytest

import moldau
from moldau.streams.engine.coding import decode, encode
from moldau.streams.engine.returning import strange, strange_at_a_glance, strict_reader
from moldau.streams.errors import DefinitionError, StreamsError
from moldau.streams.stream import Stream
from moldau.streams.tables import Table
from tests.streams.test_kept_types import NOON, Colour, Level, assert_comes_back
from tests.streams.world import World


class Mark(msgspec.Struct, order=True, frozen=True):
    points: int
    at: datetime = NOON
    price: Decimal = Decimal(1)


@dataclass(order=True, frozen=True)
class Grade:
    points: int
    span: timedelta = timedelta(1)


class Customer(pydantic.BaseModel):  # type: ignore[misc]
    name: str
    limit: Decimal = Decimal("1.50")


class Place(NamedTuple):
    street: str
    number: int


class Cart(TypedDict):
    lines: list[Mark]


Marks = NewType("Marks", list[Mark])
VALUES: list[tuple[Any, Any]] = [
    (Mark, Mark(1)),
    (Grade, Grade(2)),
    (Customer, Customer(name="ann")),
    (Place, Place("Main", 1)),
    (Colour, Colour.RED),
    (Level, Level.HIGH),
    (Cart, {"lines": [Mark(1), Mark(2)]}),
    (Marks, [Mark(3)]),
    (list[Mark], [Mark(1), Mark(2)]),
    (dict[str, Grade], {"a": Grade(1)}),
    (dict[Colour, Mark], {Colour.BLUE: Mark(1)}),
    (tuple[Mark, Colour], (Mark(1), Colour.RED)),
    (set[Colour], {Colour.RED, Colour.BLUE}),
    (Mark | None, Mark(4)),
    (dict[str, set[int]], {"a": {1}}),
    (dict[int, Decimal], {1: Decimal("1.50")}),
    (int, 1 << 70),
]


@pytest.mark.parametrize(("type_", "value"), VALUES)
def test_state_comes_back_as_the_type_that_it_was_given(type_: Any, value: Any) -> None:
    assert_comes_back(value, type_)


REFUSED = {
    "Mark": Mark(1),
    "Grade": Grade(1),
    "Customer": Customer(name="ann"),
    "Place": Place("Main", 1),
    "Colour": Colour.RED,
    "list[Mark]": [1, Mark(1)],
    "dict[str, Grade]": {"a": Grade(1)},
    "dict[Colour, int]": {Colour.RED: 1},
    "dict[str, list[Mark]]": {"a": [Mark(1)]},
    "tuple[int, Mark]": (1, Mark(1)),
    "set[Colour]": {Colour.RED},
}


@pytest.mark.parametrize("its", REFUSED)
def test_what_would_not_come_back_is_refused_at_once_with_what_to_write(its: str) -> None:
    app = moldau.App("kept")
    orders = app.topic("orders", dict)
    state = app.state("carts")

    @app.agent(orders, states=[state])
    def keep(order: dict[str, Any]) -> None:
        state["k"] = REFUSED[its]

    with moldau.testing.run(app) as t:
        t[orders].send({})
        (letter,) = t["kept-dlq"].records()
    message = dict(letter.headers or [])["moldau-dlq-message"] or b""
    assert message.decode().endswith(f"say what it keeps, app.state('carts', {its})")
    assert strange_at_a_glance(REFUSED[its]) == its


def test_plain_values_are_not_strange() -> None:
    plain = [1, "a", None, [1, {"a": (1, {Decimal(1)})}], {1: [NOON]}, Counter("aab"), set(), {}]
    assert [strange(one) + strange_at_a_glance(one) for one in plain] == [""] * len(plain)


def test_a_default_that_is_such_a_class_says_the_type() -> None:
    class Totals(msgspec.Struct):
        count: int = 0

    app = moldau.App("kept")
    orders, out = app.topic("orders", dict), app.topic("out")
    totals = app.state("totals", default=Totals)

    @app.agent(orders, states=[totals])
    def count(order: dict[str, Any]) -> None:
        mine = totals["k"]
        mine.count += 1
        totals["k"] = mine
        out.send(totals["k"].count)

    with moldau.testing.run(app) as t:
        t[orders].send({}, {}, {})
        assert t[out].values() == [1, 2, 3]


def test_values_of_another_type_are_refused() -> None:
    app = moldau.App("kept")
    orders = app.topic("orders", dict)
    state = app.state("marks", Mark)

    @app.agent(orders, states=[state])
    def keep(order: dict[str, Any]) -> None:
        state["k"] = {"points": 1}

    with moldau.testing.run(app) as t:
        t[orders].send({})
        (letter,) = t["kept-dlq"].records()
    assert (
        dict(letter.headers or [])["moldau-dlq-message"]
        == b"state 'marks' keeps Mark, and not dict"
    )


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        (Counter, "state 'a': Counter cannot be kept"),
        (Mark | Grade, "state 'a': .* cannot be kept"),
        (lambda: 0, "is no type"),
    ],
)
def test_types_that_cannot_come_back_are_refused(type_: Any, said: str) -> None:
    app = moldau.App("kept")
    with pytest.raises(DefinitionError, match=said):
        app.state("a", type_)
    assert app.state("a", Mark)


def test_what_was_kept_before_it_had_a_type_comes_back_as_it() -> None:
    read = strict_reader(Mark, "state 'a'")
    assert read is not None
    assert read(decode(encode(Mark(1)))) == Mark(1)
    assert read(decode(encode({"points": 1, "price": Decimal("1.5")}))) == Mark(
        1, price=Decimal("1.5")
    )
    with pytest.raises(StreamsError, match=r"state 'a': what is kept is no Mark .*points"):
        read(decode(encode({"other": 1})))


# --- aggregates ---------------------------------------------------------------------------------


class Totals(msgspec.Struct):
    count: int = 0
    last: Any = None


def added(totals: Totals, reading: Any) -> Totals:
    return Totals(totals.count + reading.mark.points, reading.key)


def first_totals() -> Totals:
    return Totals()


class Reading(msgspec.Struct):
    key: str
    mark: Mark
    grade: Grade
    colour: Colour
    time: datetime


AGGREGATES: dict[str, Any] = {
    "least": moldau.min("mark"),
    "most": moldau.max("grade"),
    "best": moldau.top_k("mark", 2),
    "shown": moldau.top_k("grade", 2, of="colour"),
    "first": moldau.first("mark"),
    "last": moldau.last("colour"),
    "all": moldau.collect("grade"),
    "own": moldau.fold(
        first_totals, added, lambda a, b: Totals(a.count + b.count, max(a.last, b.last))
    ),
    "typed": moldau.fold(
        list, lambda seen, one: [*seen, one.mark][-2:], lambda a, b: a + b, type=list[Mark]
    ),
}


def facts(row: Any) -> list[Any]:
    """Of the values, what only their own types have."""
    return [
        row["least"].points,
        row["most"].span.days,
        [one.price for one in row["best"]],
        [one.name for one in row["shown"]],
        row["first"].at,
        row["last"].name,
        len([one.span for one in row["all"]]),
        row["own"].count,
        [one.price for one in row["typed"]],
    ]


VERBS: dict[str, Callable[[Stream], Stream | Table]] = {
    "running": lambda s: s.group_by("key").agg(**AGGREGATES),
    "table": lambda s: s.group_by("key").agg(**AGGREGATES).map(lambda row: row),
    "tumbling": lambda s: s.group_by("key").tumbling("1h").agg(**AGGREGATES),
    "session": lambda s: s.group_by("key").session("5m").agg(**AGGREGATES),
    "sliding": lambda s: s.group_by("key").sliding("3m").agg(**AGGREGATES),
    "by another": lambda s: s.group_by(lambda one: one.key).tumbling("1h").agg(**AGGREGATES),
}


@pytest.mark.parametrize("verb", VERBS)
def test_promise_06_aggregates_of_structs_and_own_states_are_the_same_after_a_crash(
    verb: str,
) -> None:
    def results(crashes: int) -> Any:
        app = moldau.App("kept")
        topic = app.topic("readings", Reading, event_time="time", lateness="10h", key="key")
        made = VERBS[verb](app.stream(topic))
        rows = made if isinstance(made, Stream) else made.stream()
        rows.map(facts).to("results")
        world = World(app, 1, Random(crashes), exactly_once=True)
        for number in range(8):
            mark, grade = Mark(number % 5), Grade(number % 3)
            at = NOON + timedelta(minutes=number)
            world.send("readings", Reading("k", mark, grade, list(Colour)[number % 2], at), "k")
        world.run(crashes)
        return world.results("results")[-1:] if verb == "running" else world.results("results")

    expected = results(0)
    assert expected
    for crashes in (3, 6, 9):
        assert results(crashes) == expected


def test_promise_06_what_is_taken_out_of_a_group_is_the_same_after_a_crash() -> None:
    def taken_out(totals: Totals, reading: Reading) -> Totals:
        return Totals(totals.count - reading.mark.points, reading.key)

    def results(crashes: int) -> Any:
        app = moldau.App("kept")
        topic = app.topic("readings", Reading, event_time="time", lateness="10h", key="key")
        groups = app.table(topic).group_by(lambda one: one.colour.name)
        made = groups.agg(
            own=moldau.fold(first_totals, added, remove=taken_out), most=moldau.max("grade")
        )
        made.stream().filter(bool).map(
            lambda row: [row["key"], row["own"].count, row["most"].span.days]
        ).to("results")
        world = World(app, 1, Random(crashes), exactly_once=True)
        for number in range(12):
            mark, grade = Mark(number), Grade(number)
            at, key = NOON + timedelta(minutes=number), str(number % 3)
            world.send("readings", Reading(key, mark, grade, list(Colour)[number % 2], at), key)
        world.run(crashes)
        return world.results("results")

    expected = results(0)
    assert len(expected) > 10
    for crashes in (3, 6, 9):
        assert results(crashes) == expected


def test_fold_takes_the_class_that_begins_it_for_its_type() -> None:
    assert moldau.fold(Totals, added).kept is not None
    assert moldau.fold(int, lambda a, b: a).kept is None
    with pytest.raises(DefinitionError, match="fold: Counter cannot be kept"):
        moldau.fold(Counter, lambda a, b: a)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (moldau.fold(lambda: Totals(), added), "type=Totals)"),
        (moldau.fold(list, lambda state, one: [*state, one.mark]), "type=list[Mark])"),
        (moldau.fold(dict, lambda state, one: {"a": one.grade}), "type=dict[str, Grade])"),
        (moldau.max(lambda one: one.mark), "annotated to return Mark"),
        (moldau.top_k(lambda one: one.mark, 2), "annotated to return Mark"),
    ],
)
def test_states_that_would_come_back_as_something_else_are_refused(made: Any, said: str) -> None:
    app = moldau.App("kept")
    topic = app.topic("readings", Reading, event_time="time", key="key")
    app.stream(topic).group_by("key").agg(one=made).to("out")
    with moldau.testing.run(app) as t:
        t[topic].send(Reading("k", Mark(1), Grade(1), Colour.RED, NOON))
        (letter,) = t["kept-dlq"].records()
    message = dict(letter.headers or [])["moldau-dlq-message"] or b""
    assert message.decode().endswith(said)


def test_an_annotated_function_says_what_is_compared() -> None:
    def mark(one: Reading) -> Mark:
        return one.mark

    app = moldau.App("kept")
    topic = app.topic("readings", Reading, event_time="time", key="key")
    app.stream(topic).group_by("key").agg(one=moldau.max(mark)).to("out")
    with moldau.testing.run(app) as t:
        t[topic].send(*(Reading("k", Mark(n), Grade(1), Colour.RED, NOON) for n in (1, 3, 2)))
        assert t["out"].values()[-1]["one"]["points"] == 3


class Unordered(msgspec.Struct):
    points: int


@dataclass
class Plain:
    points: int


@functools.total_ordering
class Own(msgspec.Struct):
    points: int

    def __lt__(self, other: Any) -> bool:
        return self.points < int(other.points)


@pytest.mark.parametrize("type_", [Unordered, Plain, Customer, Colour, Unordered | None])
@pytest.mark.parametrize(
    "aggregate", [moldau.min, moldau.max, lambda field: moldau.top_k(field, 2)]
)
def test_what_has_no_order_is_refused(aggregate: Any, type_: Any) -> None:
    reading = msgspec.defstruct("Reading", [("key", str), ("field", type_)])
    app = moldau.App("kept")
    grouped = app.stream(app.topic("readings", reading)).group_by("key")
    with pytest.raises(
        DefinitionError, match=r"agg: best: of two \w+ none is the greater: give it"
    ):
        grouped.agg(best=aggregate("field"))


@pytest.mark.parametrize("type_", [Mark, Grade, Level, Own, Mark | None, Any, list[int], object])
def test_what_has_an_order_or_is_not_known_is_not(type_: Any) -> None:
    reading = msgspec.defstruct("Reading", [("key", str), ("field", type_)])
    app = moldau.App("kept")
    grouped = app.stream(app.topic("readings", reading)).group_by("key")
    grouped.agg(least=moldau.min("field"), best=moldau.top_k("field", 2))
