"""Types whose annotations name what the running program cannot see."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypedDict

import pytest

from moldau.streams import fields
from moldau.streams.errors import DefinitionError
from moldau.streams.formats.basic import Json, MessagePack


def order_type() -> Any:
    class Customer(TypedDict):
        name: str

    class Order(TypedDict):
        key: str
        customer: Customer

    return Order


@pytest.mark.parametrize("form", [Json, MessagePack])
def test_a_type_that_is_not_found_is_named(form: Callable[[Any], Any]) -> None:
    with pytest.raises(DefinitionError, match=r"Order.*'Customer' is not defined.*in its module"):
        form(order_type())


@pytest.mark.parametrize("form", [Json, MessagePack])
def test_a_type_without_that_form_is_named(form: Callable[[Any], Any]) -> None:
    with pytest.raises(DefinitionError, match=r"int.*str.*cannot be read from"):
        form(int | str | list[int] | set[int])


def test_the_names_of_its_fields_are_known_all_the_same() -> None:
    assert set(fields.names_of(order_type()) or ()) == {"key", "customer"}
    with pytest.raises(DefinitionError, match="did you mean 'customer'"):
        fields.check(order_type(), "custmer", "select")


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are evaluated at once")
def test_also_where_annotations_are_evaluated_late() -> None:
    names: dict[str, Any] = {"TypedDict": TypedDict}
    source = "class Order(TypedDict):\n    key: str\n    customer: Customer\n"
    exec(compile(source, "orders.py", "exec", dont_inherit=True), names)
    assert set(fields.names_of(names["Order"]) or ()) == {"key", "customer"}
    with pytest.raises(DefinitionError, match="'Customer' is not defined"):
        Json(names["Order"])
