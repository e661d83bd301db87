"""What goes to a topic goes under the key that the topic is said to have."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.errors import DefinitionError


class Order(msgspec.Struct):
    number: int
    customer: str


ORDERS = [Order(1, "ann"), Order(2, "bob")]


def _sent(t: Any, topic: str) -> list[tuple[bytes | None, Any]]:
    return [(one.key, one.value) for one in t[topic].records()]


@pytest.mark.parametrize("keyed_by", [None, "number"])
def test_it_is_the_field_that_the_topic_names(keyed_by: str | None) -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", Order)
    stream = app.stream(orders) if keyed_by is None else app.stream(orders).key_by(keyed_by)
    by_customer = app.topic("by-customer", Order, key="customer")
    stream.to(by_customer)
    # Who reads it refuses records that have another key.
    app.stream(by_customer).group_by("customer").agg(orders=moldau.count()).to("counts")
    with moldau.testing.run(app, partitions=2) as t:
        t[orders].send(*ORDERS)
        assert sorted(key or b"" for key, _ in _sent(t, "by-customer")) == [b"ann", b"bob"]
        assert len(t["counts"].values()) == 2


def test_what_a_function_has_made_too_and_what_is_deleted_keeps_its_own() -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", Order, key="customer")
    out = app.topic("out", Order, key="customer")
    app.stream(orders).map(lambda one: None if one.number == 2 else one).to(out)
    with moldau.testing.run(app) as t:
        t[orders].send(*ORDERS)
        assert _sent(t, "out") == [(b"ann", b'{"number":1,"customer":"ann"}'), (b"bob", None)]


def test_what_has_not_that_field_is_a_dead_letter_that_says_so() -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", Order)
    out = app.topic("out", key="customer")
    app.stream(orders).map(lambda one: one if one.number == 2 else {"number": 1}).to(out)
    with moldau.testing.run(app) as t:
        t[orders].send(*ORDERS)
        assert [key for key, _ in _sent(t, "out")] == [b"bob"]
        (letter,) = t["shop-dlq"].records()
    message = dict(letter.headers or [])["moldau-dlq-message"] or b""
    assert message.startswith(b"topic 'out' is keyed by 'customer' (key=), which this value has")


def test_a_field_that_is_not_there_is_refused() -> None:
    app = moldau.App("shop")
    orders = app.stream(app.topic("orders", Order))
    with pytest.raises(DefinitionError, match="'out', key: Selected has no field 'customer'"):
        orders.select("number").to(app.topic("out", dict, key="customer"))


def test_what_may_be_taken_back_is_not_sent_under_another_key() -> None:
    app = moldau.App("shop")
    counts = app.stream(app.topic("orders", Order)).group_by("customer")
    other = app.topic("out", dict, key="orders")
    with pytest.raises(DefinitionError, match="is keyed by 'customer', and the topic says"):
        counts.agg(orders=moldau.count()).to(other)
    with pytest.raises(DefinitionError, match="is keyed by 'customer', and the topic says"):
        counts.session("1m").agg(orders=moldau.count()).to(other, emit="updates")
