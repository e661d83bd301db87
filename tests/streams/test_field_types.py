"""An aggregate of values that it cannot be made of is refused where it is written, with what to
take instead; one of all others is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NewType, TypedDict

import msgspec
import pytest

import moldau
from moldau.streams.errors import DefinitionError


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Price(msgspec.Struct):
    cents: int


class Named(TypedDict):
    name: str


Cents = NewType("Cents", int)
Title = NewType("Title", str)
MOMENTS = "of moments there are min, max, first and last"


def _declared(type_: Any, aggregate: Any) -> None:
    sale = msgspec.defstruct("Sale", [("category", str), ("field", type_)])
    app = moldau.App("shop")
    app.stream(app.topic("sales", sale)).group_by("category").agg(it=aggregate)


@pytest.mark.parametrize("aggregate", [moldau.sum, moldau.mean])
@pytest.mark.parametrize(
    ("type_", "said"),
    [
        (str, "of str; take collect for all of them, first or last for one"),
        (str | None, "of str; take collect"),
        (int | str, "of str; take collect"),
        (Title, "of str; take collect"),
        (Annotated[str, msgspec.Meta(min_length=1)], "of str; take collect"),
        (Literal["a", "b"], "of str; take collect"),
        (bytes, "of bytes; take collect"),
        (Colour, "of Colour; take collect"),
        (list[int], "of list; take collect"),
        (datetime, f"of datetime; {MOMENTS}"),
        (date, f"of date; {MOMENTS}"),
        (time, f"of time; {MOMENTS}"),
        (Price, "of Price; take a number of it"),
        (Named, "of Named; take a number of it"),
        (dict[str, int], "of dict; take a number of it"),
    ],
)
def test_what_does_not_add_up_is_refused(
    aggregate: Callable[[str], Any], type_: Any, said: str
) -> None:
    with pytest.raises(DefinitionError) as refused:
        _declared(type_, aggregate("field"))
    assert str(refused.value).startswith(f"agg: it: there is no {aggregate.__name__} {said}")


@pytest.mark.parametrize("aggregate", [moldau.sum, moldau.mean])
@pytest.mark.parametrize(
    "type_",
    [int, float, Decimal, timedelta, bool, Level, Cents, int | None, int | float, Any, object],
)
def test_what_adds_up_or_is_not_known_is_not(aggregate: Callable[[str], Any], type_: Any) -> None:
    _declared(type_, aggregate("field"))


def test_how_many_are_true_is_their_sum() -> None:
    app = moldau.App("shop")
    sale = msgspec.defstruct("Sale", [("category", str), ("paid", bool)])
    grouped = app.stream(app.topic("sales", sale)).group_by("category")
    grouped.agg(paid=moldau.sum("paid"), share=moldau.mean("paid")).to("out")
    with moldau.testing.run(app) as t:
        t["sales"].send(*(sale("books", paid) for paid in (True, True, False, True)))
        assert t["out"].values()[-1] == {"category": "books", "paid": 3, "share": 0.75}


def test_what_a_function_is_annotated_with_counts_too() -> None:
    def name(sale: Any) -> str:
        return str(sale.field)

    with pytest.raises(DefinitionError, match="there is no sum of str"):
        _declared(int, moldau.sum(name))
    _declared(str, moldau.sum(lambda sale: len(sale.field)))


ORDERING: dict[str, Any] = {
    "min": moldau.min,
    "max": moldau.max,
    "top_k": lambda field: moldau.top_k(field, 2),
    "by": lambda field: moldau.first("category", by=field),
}


@pytest.mark.parametrize("aggregate", ORDERING)
@pytest.mark.parametrize(
    ("type_", "said"),
    [
        (dict, "of two dict none is the greater: take one of its fields"),
        (dict[str, int], "of two dict none"),
        (Named, "of two Named none"),
        (set[int], "of two set none"),
        (frozenset[int], "of two frozenset none"),
        (Price, "of two Price none is the greater: give it an order"),
        (int | str, "of int and str none is the greater: give the field one type"),
        (bool | str | None, "of bool and str none"),
    ],
)
def test_what_has_no_order_is_refused(aggregate: str, type_: Any, said: str) -> None:
    where = "agg: it, by: " if aggregate == "by" else "agg: it: "
    with pytest.raises(DefinitionError) as refused:
        _declared(type_, ORDERING[aggregate]("field"))
    assert str(refused.value).startswith(where + said)


@pytest.mark.parametrize("aggregate", ORDERING)
@pytest.mark.parametrize(
    "type_", [str, bytes, bool, datetime, date, int | float | None, Level, list[int], Any]
)
def test_what_has_an_order_is_not(aggregate: str, type_: Any) -> None:
    _declared(type_, ORDERING[aggregate]("field"))
