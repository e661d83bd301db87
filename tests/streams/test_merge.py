"""What is merged keeps the type that each of it had, behind a repartition and in state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, NamedTuple, TypedDict

import msgspec
import pydantic
import pytest

import moldau
from moldau.streams.engine.frames import Frame, FrameFormat
from moldau.streams.engine.values import ColumnsFormat, PairFormat, ValueFormat
from moldau.streams.errors import BadRecord, DefinitionError
from moldau.streams.stream import Stream
from moldau.streams.types import of_any
from tests.streams.sales import MIDNIGHT
from tests.streams.test_messages import Customer, Total
from tests.streams.world import World


class Order(msgspec.Struct):
    customer: str
    amount: Decimal
    number: int = 0


class Dear(Order):
    bonus: int = 5


@dataclass
class Refund:
    customer: str
    amount: Decimal
    why: str = ""


class Parcel(pydantic.BaseModel):  # type: ignore[misc]
    customer: str
    weight: Decimal = Decimal("1.50")


class Visit(NamedTuple):
    customer: str
    at: datetime


class Note(TypedDict):
    customer: str
    stars: Decimal


VALUES: dict[str, tuple[Any, Any]] = {
    "struct": (Order, Order("ann", Decimal("1.10"), 7)),
    "struct of it": (Dear, Dear("ann", Decimal("1.10"))),
    "dataclass": (Refund, Refund("ann", Decimal("2.20"), "broken")),
    "model": (Parcel, Parcel(customer="ann")),
    "message": (Customer, Customer(customer="ann")),
    "another message": (Total, Total(customer="ann", total=1.5)),
    "named tuple": (Visit, Visit("ann", MIDNIGHT)),
    "TypedDict": (Note, {"customer": "ann", "stars": Decimal(5)}),
    "undeclared": (Any, {"customer": "ann", "free": Decimal("1.5")}),
    "decimal": (Decimal, Decimal("1.50")),
    "text": (str, "1.50"),
    "time": (datetime, MIDNIGHT),
    "list": (list[Order], [Order("ann", Decimal(1))]),
    "none": (Order, None),
}


def _always(value: Any, _: Any) -> Any:
    return value


def _merged(*several: tuple[Any, Any]) -> tuple[moldau.App, Stream]:
    """Streams of which each makes that value, of that type, of each record."""
    app = moldau.App("merged")
    ids = app.stream(app.topic("ids", int))
    first, *others = (ids.map(partial(_always, one), type_) for type_, one in several)
    return app, first.merge(*others)


def _run(app: moldau.App) -> None:
    with moldau.testing.run(app, partitions=2) as t:
        t["ids"].send(1)
        t.end()
        assert t["merged-dlq"].records() == []


@pytest.mark.parametrize("kind", VALUES)
def test_each_comes_back_as_what_it_was_behind_a_repartition(kind: str) -> None:
    for other in VALUES.keys() - {kind}:
        both = [VALUES[kind], VALUES[other]]
        app, merged = _merged(*both)
        rows: list[Any] = []
        merged.group_by(lambda one: f"{type(one)} {one}").agg(
            one=moldau.last(lambda one: one)
        ).stream().peek(rows.append)
        _run(app)
        found = [row["one"] for row in rows]
        for _, value in both:
            assert any(one == value and type(one) is type(value) for one in found), (other, found)


def test_without_a_repartition_all_kinds_go_through_as_they_are() -> None:
    app, merged = _merged(*VALUES.values())
    found: list[Any] = []
    merged.filter(lambda one: True).peek(found.append)
    _run(app)
    assert found == [value for _, value in VALUES.values()]


# --- fields -------------------------------------------------------------------------------------

STRUCTS = [VALUES["struct"], VALUES["dataclass"]]
OBJECT_AND_DICT = [VALUES["struct"], VALUES["TypedDict"]]


@pytest.mark.parametrize("both", [STRUCTS, OBJECT_AND_DICT, OBJECT_AND_DICT[::-1]])
def test_a_field_is_read_of_each_as_it_has_it(both: Any) -> None:
    app, merged = _merged(*both)
    merged.group_by("customer").agg(n=moldau.count()).to("out")
    with moldau.testing.run(app, partitions=2) as t:
        t["ids"].send(1)
        assert t["out"].values()[-1] == {"customer": "ann", "n": 2}


def test_a_field_that_none_of_them_has_is_refused() -> None:
    _, merged = _merged(*STRUCTS)
    with pytest.raises(
        DefinitionError, match=r"Order \| Refund has no field 'custmer'.*'customer'"
    ):
        merged.group_by("custmer")
    with pytest.raises(DefinitionError, match="x: there is no sum of str"):
        merged.group_by("customer").agg(x=moldau.sum("why"))


def test_a_field_of_one_of_them_can_be_named_behind_a_filter() -> None:
    app, merged = _merged(*STRUCTS)
    refunds = merged.filter(lambda one: isinstance(one, Refund))
    refunds.group_by("why").agg(total=moldau.sum("amount")).to("out")
    with moldau.testing.run(app, partitions=2) as t:
        t["ids"].send(1, 2)
        assert t["out"].values()[-1] == {"why": "broken", "total": "4.40"}


def test_with_fields_keeps_those_of_each() -> None:
    app, merged = _merged(*STRUCTS)
    made = merged.with_fields(twice=lambda one: one.amount * 2)
    made.group_by("customer").agg(all=moldau.collect(dict)).to("out")
    with moldau.testing.run(app, partitions=2) as t:
        t["ids"].send(1)
        rows = t["out"].values()[-1]["all"]
    assert [sorted(one) for one in rows] == [
        ["amount", "customer", "number", "twice"],
        ["amount", "customer", "twice", "why"],
    ]


@pytest.mark.parametrize("form", [pytest.param("arrow", marks=pytest.mark.slow), "polars"])
def test_a_table_of_them_has_the_columns_of_all(form: Any) -> None:
    pytest.importorskip({"arrow": "pyarrow", "polars": "polars"}[form])
    app, merged = _merged(*STRUCTS)
    found: list[Any] = []

    @app.agent(merged, batch=form)
    def take(batch: Any) -> None:
        found.extend(batch.to_pylist() if form == "arrow" else batch.to_dicts())

    _run(app)
    assert [(one["amount"], one["number"], one["why"]) for one in found] == [
        (Decimal("1.10"), 7, None),
        (Decimal("2.20"), None, "broken"),
    ]


# --- state --------------------------------------------------------------------------------------


class Sold(msgspec.Struct):
    customer: str
    amount: Decimal
    at: datetime


class Paid(msgspec.Struct):
    customer: str
    at: datetime
    sum: Decimal


def _shown(one: Any) -> str:
    return f"{type(one).__name__} {getattr(one, 'amount', None) or one.sum}"


def _named(left: Any, right: Any) -> list[str]:
    return [_shown(left), _shown(right)]


BEHIND: dict[str, Callable[[Stream, Stream], Any]] = {
    "last": lambda s, _: s.group_by("customer").tumbling("5m").agg(it=moldau.last(_shown)),
    "collect": lambda s, _: s.group_by("customer").session("1m").agg(it=moldau.collect(_shown)),
    "deduplicate": lambda s, _: s.deduplicate("customer", within="90s").map(_shown),
    "join": lambda s, other: s.join(other, _named, on="customer", within="90s"),
    "join_asof": lambda s, other: s.join_asof(
        other, _named, on="customer", tolerance="90s", how="inner"
    ),
    "join_asof with them": lambda s, other: other.join_asof(
        s.filter(lambda one: one.customer == "a" or isinstance(one, Paid)),
        _named,
        on="customer",
        tolerance="90s",
        strategy="nearest",
    ),
    "join of a key": lambda s, other: s.key_by("customer").join(
        other.key_by("customer"), _named, within="90s"
    ),
}


@pytest.mark.parametrize("behind", BEHIND)
def test_promise_06_what_is_kept_of_them_is_the_same_after_a_crash(behind: str) -> None:
    def results(crashes: int, partitions: int = 2) -> Any:
        app = moldau.App("merged")
        sold = app.stream(app.topic("sold", Sold, event_time="at", lateness="1h"))
        paid = app.stream(app.topic("paid", Paid, event_time="at", lateness="1h"))
        BEHIND[behind](sold.merge(paid), sold).to("results")
        world = World(app, partitions, Random(crashes), exactly_once=True)
        for number in range(12):
            at, customer = MIDNIGHT + timedelta(minutes=number // 2), "ab"[number % 3 == 0]
            place = number % partitions
            world.send("sold", Sold(customer, Decimal(number + 1), at), None, place)
            later = at + timedelta(seconds=10 - number if customer == "a" else number)
            world.send("paid", Paid(customer, later, Decimal(-number - 1)), None, place)
        world.run(crashes)
        return sorted(world.results("results"), key=str)

    expected = results(0)
    assert "Sold" in str(expected)
    assert "Paid" in str(expected) or behind == "deduplicate"
    for crashes in (3, 6, 9):
        assert results(crashes) == expected


def test_late_ones_of_all_types_go_to_the_topic_for_them() -> None:
    app = moldau.App("merged")
    sold = app.stream(app.topic("sold", Sold, event_time="at"))
    paid = app.stream(app.topic("paid", Paid, event_time="at"))
    both = sold.merge(paid).group_by("customer").tumbling("1m")
    both.agg(late="late", n=moldau.count()).to("out")
    with moldau.testing.run(app) as t:
        for hour in (1, 0):
            at = MIDNIGHT + timedelta(hours=hour)
            t["sold"].send(Sold("ann", Decimal(1), at))
            t["paid"].send(Paid("ann", at, Decimal(2)))
        late = t["late"].values()
    assert sorted(key for one in late for key in one.keys() - {"at", "customer"}) == [
        "amount",
        "sum",
    ]


@pytest.mark.parametrize("verb", ["map", "join"])
def test_what_fails_behind_a_repartition_is_redriven_as_what_it_was(verb: str) -> None:
    broken = [True]

    def shown(*given: Any) -> str:
        if broken:
            raise ValueError("broken")
        return " ".join(map(_shown, given))

    app = moldau.App("merged")
    sold = app.stream(app.topic("sold", Sold, event_time="at"))
    paid = app.stream(app.topic("paid", Paid, event_time="at"))
    both = sold.merge(paid).deduplicate("at", within="1s")
    made = both.map(shown) if verb == "map" else both.join(sold, shown, on="customer", within="1m")
    made.to("out")
    with moldau.testing.run(app, partitions=2) as t:
        t["sold"].send(Sold("ann", Decimal(1), MIDNIGHT))
        t["paid"].send(Paid("ann", MIDNIGHT + timedelta(seconds=1), Decimal(2)))
        t.end()
        assert t["out"].values() == []
        broken.clear()
        assert t.redrive() == 2
        assert t["merged-dlq"].records()[2:] == []
        found = t["out"].values()
    with_it = " Sold 1" if verb == "join" else ""
    assert sorted(found) == [f"Paid 2{with_it}", f"Sold 1{with_it}"]


# --- how they are kept --------------------------------------------------------------------------


def test_the_order_in_which_they_are_merged_may_change() -> None:
    values = [Order("ann", Decimal(1), 7), Refund("ann", Decimal(2), "late"), None, {"a": 1}]
    data = ColumnsFormat(of_any([Order, Refund, Any])).encode([1, 2, 3, 4], values)
    assert ColumnsFormat(of_any([Any, Refund, Order])).decode(data)[1] == values


@pytest.mark.parametrize("before", [Order, Refund, dict])
def test_what_was_kept_before_another_was_merged_is_taken_for_neither(before: Any) -> None:
    """Orders became refunds without a price, where refunds came first."""
    both = of_any([Refund, Order])
    value = before("ann", Decimal(1)) if before is not dict else {"customer": "ann"}
    frame = Frame("s", 0, 5, False, ["a"], [value], [1], [0], [9])
    empty = frame._replace(keys=[], values=[], times=[], floors=[], offsets=[])
    if before is not dict:
        assert FrameFormat(both).decode(FrameFormat(before).encode(empty)) == empty
    for decode, data in (
        (FrameFormat(both).decode, FrameFormat(before).encode(frame)),
        (ValueFormat(both).decode, ValueFormat(before).encode(value)),
    ):
        with pytest.raises(BadRecord, match=r"does not say of which type .* or reset it"):
            decode(data)


@pytest.mark.parametrize("is_named", [False, True])
def test_pairs_of_them_come_back(is_named: bool) -> None:
    pairs = PairFormat(of_any([Order, Refund]), Order, is_named=is_named)
    one, other = Refund("ann", Decimal(1)), Order("bob", Decimal(2))
    for pair in ((one, other), (None, other), (one, None), None):
        parts = (b"name", pair) if is_named else pair
        assert pairs.decode(pairs.encode(parts)) == parts


def test_what_is_kept_of_a_type_that_is_merged_no_longer_is_told_by_name() -> None:
    data = ValueFormat(of_any([Order, Refund])).encode(Refund("ann", Decimal(1)))
    with pytest.raises(ValueError, match="kept as a Refund, and the program has only Order, Paid"):
        ValueFormat(of_any([Order, Paid])).decode(data)


def test_two_types_of_one_name_are_two() -> None:
    other = msgspec.defstruct("Order", [("x", int)])
    format_ = ValueFormat(of_any([Order, other]))
    for value in (Order("ann", Decimal(1)), other(1)):
        found = format_.decode(format_.encode(value))
        assert (type(found), found) == (type(value), value)


def test_lists_of_two_structs_are_refused_with_what_to_do() -> None:
    app, merged = _merged((list[Order], []), (list[Refund], []))
    merged.group_by(len).agg(n=moldau.count()).to("out")
    with (
        pytest.raises(DefinitionError, match=r"merge: a value of list\[.*Order\] or .* one type"),
        moldau.testing.run(app),
    ):
        pass
