"""Protobuf messages in the verbs: what their fields are, and what goes out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    message_factory,
    timestamp_pb2,
)

import moldau
from moldau.streams.errors import DefinitionError
from moldau.streams.formats.named import format_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_KINDS = {"int64": 3, "string": 9, "double": 1, "bytes": 12}


def _classes() -> dict[str, Any]:
    """As protoc makes them; the digits are the fields' numbers."""
    file = descriptor_pb2.FileDescriptorProto(name="shop.proto", package="shop", syntax="proto3")
    file.dependency.extend(["google/protobuf/timestamp.proto", "google/protobuf/duration.proto"])
    _message(file, "Line", "string sku", "int64 count")
    order = _message(
        file,
        "Order",
        "int64 number",
        "string customer",
        "double amount",
        ".google.protobuf.Timestamp time",
        ".google.protobuf.Duration took",
        "repeated .shop.Line lines",
        "repeated string tags",
        ".shop.Line gift",
        "repeated .shop.Order.PricesEntry prices",
        "bytes seal",
    )
    entry = order.nested_type.add(name="PricesEntry")
    entry.options.map_entry = True
    _add(entry, "string key", "int64 value")
    note = order.field.add(name="note", number=11, type=9, label=1, proto3_optional=True)
    note.oneof_index = 0
    order.oneof_decl.add(name="_note")
    _message(
        file,
        "Total",
        "string customer",
        ".google.protobuf.Timestamp window_start",
        ".google.protobuf.Timestamp window_end",
        "double total",
    )
    _message(file, "Customer", "string customer", "string town", "repeated string tags")
    pool = descriptor_pool.DescriptorPool()
    for known in (timestamp_pb2, duration_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    names = ("Line", "Order", "Total", "Customer")
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"shop.{name}"))
        for name in names
    }


def _message(file: Any, name: str, *fields: str) -> Any:
    message = file.message_type.add(name=name)
    _add(message, *fields)
    return message


def _add(message: Any, *fields: str) -> None:
    for number, field in enumerate(fields, 1):
        *label, kind, name = field.split()
        made = message.field.add(name=name, number=number, label=3 if label else 1)
        made.type = _KINDS.get(kind, 11)
        if made.type == 11:
            made.type_name = kind


_CLASSES = _classes()
Line, Order, Total, Customer = (_CLASSES[one] for one in ("Line", "Order", "Total", "Customer"))


def order(number: int, customer: str, amount: float, seconds: int, **more: Any) -> Any:
    at = timestamp_pb2.Timestamp()
    at.FromDatetime(NOON + timedelta(seconds=seconds))
    made = Order(number=number, customer=customer, amount=amount, **more)
    made.time.MergeFromString(at.SerializeToString())
    return made


PLAIN = {
    "number": 1,
    "customer": "ann",
    "amount": 2.5,
    "time": "2026-01-01T12:00:00Z",
    "took": None,
    "lines": [{"sku": "a", "count": 2}],
    "tags": ["x"],
    "gift": None,
    "prices": {"a": 3},
    "seal": "/w==",
    "note": None,
}


def _full() -> Any:
    lines = [Line(sku="a", count=2)]
    return order(1, "ann", 2.5, 0, lines=lines, tags=["x"], prices={"a": 3}, seal=b"\xff")


def test_a_timestamp_is_an_event_time_and_results_become_messages() -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", Order, event_time="time")
    windows = app.stream(orders).group_by("customer").tumbling("1m")
    windows.agg(total=moldau.sum("amount")).to(app.topic("totals", Total))
    with moldau.testing.run(app, partitions=2) as t:
        t[orders].send(order(1, "ann", 2.5, 0), order(2, "ann", 1, 59), order(3, "ann", 4, 60))
        t.end()
        first, second = t["totals"].values()
        assert (first.customer, first.total, second.total) == ("ann", 3.5, 4)
        assert first.window_end.ToDatetime(UTC) == NOON + timedelta(minutes=1)


@pytest.mark.parametrize("read", ["time", lambda one: one.time])
def test_a_timestamp_that_was_not_set_is_no_event_time(read: Any) -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", Order, event_time=read)
    app.stream(orders).select("number").to("out")
    with moldau.testing.run(app) as t:
        t[orders].send(Order(number=1), order(2, "ann", 1, 0))
        assert t["out"].values() == [{"number": 2}]
        assert len(t["shop-dlq"].records()) == 1
        assert t["out"].records()[0].timestamp == NOON.timestamp() * 1000


def test_messages_go_to_json_as_their_fields() -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", Order)
    app.stream(orders).to("whole")
    app.stream(orders).select(*PLAIN).to("selected")
    app.stream(orders).map(lambda one: {"lines": one.lines, "prices": one.prices}).to("by-function")
    with moldau.testing.run(app) as t:
        t[orders].send(_full())
        assert t["whole"].values() == t["selected"].values() == [PLAIN]
        assert t["by-function"].values() == [{"lines": PLAIN["lines"], "prices": {"a": 3}}]


def test_json_of_messages_is_read_again() -> None:
    json = format_of(Order, "json", "orders")
    for one in (_full(), Order(note=""), Order(gift=Line(sku="g"))):
        assert json.decode(json.encode(one)) == one


def test_joins_of_messages_have_the_fields_of_both() -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", Order, event_time="time", key="customer")
    customers = app.topic("customers", Customer, key="customer", idle_after="1s")
    by_key = app.stream(orders).join(app.table(customers), at="now")
    by_key.select("number", "lines", "town", "tags_right", "time").to("joined")
    with moldau.testing.run(app, partitions=2) as t:
        t[customers].send(Customer(customer="ann", town="Praha", tags=["y"]))
        t[orders].send(_full())
        assert t["joined"].values() == [
            {
                "number": 1,
                "lines": PLAIN["lines"],
                "town": "Praha",
                "tags_right": ["y"],
                "time": PLAIN["time"],
            }
        ]


def test_aggregates_of_messages_and_times() -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", Order, event_time="time")
    by_tag = app.stream(orders).group_by("time")
    by_tag.agg(last=moldau.max("time"), lines=moldau.last("lines"), note=moldau.last("note")).to(
        "x"
    )
    with moldau.testing.run(app, partitions=2) as t:
        t[orders].send(order(1, "ann", 1, 0, lines=[Line(sku="a")], note="n"))
        [row] = t["x"].values()
        lines = [{"sku": "a", "count": 0}]
        assert row == {"time": PLAIN["time"], "last": PLAIN["time"], "lines": lines, "note": "n"}


def test_what_its_fields_cannot_is_refused_when_it_is_defined() -> None:
    app = moldau.App("shop")
    orders = app.stream(app.topic("orders", Order))
    with pytest.raises(DefinitionError, match="there is no sum of str"):
        orders.group_by("number").agg(x=moldau.sum("customer"))
    with pytest.raises(DefinitionError, match="lines is a list"):
        orders.group_by("lines")
    with pytest.raises(DefinitionError, match="gift is a Line"):
        orders.key_by("gift")
    with pytest.raises(DefinitionError, match="number is a number; say of what"):
        app.topic("others", Order, event_time="number")
