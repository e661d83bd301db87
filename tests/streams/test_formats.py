"""From types to bytes and back: JSON, MessagePack, raw, Avro, Protobuf, with a registry too."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypedDict
from uuid import UUID

import msgspec
import pydantic
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import moldau
from moldau.streams.engine.redriving import told_by
from moldau.streams.errors import DefinitionError, Trouble
from moldau.streams.formats.avro_schema import schema_of
from moldau.streams.formats.basic import Key
from moldau.streams.formats.named import format_of
from moldau.streams.formats.registry import Registry
from tests.streams.sales import Sale, sale
from tests.streams.schema_registry import SchemaRegistry, schema_registry

NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


class Line(msgspec.Struct):
    item: str
    price: Decimal


class Order(msgspec.Struct):
    id: int
    at: datetime
    lines: list[Line]
    gift: Line | None = None
    tags: dict[str, float] = {}


class Typed(TypedDict):
    id: int
    at: datetime


@dataclass
class Plain:
    id: int
    at: datetime


class Model(pydantic.BaseModel):  # type: ignore[misc]
    id: int
    at: datetime


ORDER = Order(7, NOON, [Line("tea", Decimal("1.10"))], None, {"a": 0.5})


def _message(name: str) -> Any:
    """A class as protoc makes it: string category = 1, int64 amount = 2."""
    file = descriptor_pb2.FileDescriptorProto(name="sale.proto", package="shop", syntax="proto3")
    for message in ("Sale", "Refund"):
        made = file.message_type.add(name=message)
        made.field.add(name="category", number=1, type=9, label=1)
        made.field.add(name="amount", number=2, type=3, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"shop.{name}"))


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    with schema_registry() as server:
        yield server


@pytest.mark.parametrize("named", ["json", "msgpack", "avro"])
@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Order, ORDER),
        (Typed, Typed(id=1, at=NOON)),
        (Plain, Plain(1, NOON)),
        (Model, Model(id=1, at=NOON)),
    ],
)
def test_a_value_comes_back_as_its_type(named: str, type_: Any, value: Any) -> None:
    format = format_of(type_, named, "orders")
    assert format.decode(format.encode(value)) == value


def test_an_avro_schema_is_made_from_the_type() -> None:
    schema = schema_of(Order, "orders")
    line = {
        "type": "record",
        "name": "Line",
        "fields": [{"name": "item", "type": "string"}, {"name": "price", "type": "string"}],
    }
    assert schema["fields"] == [
        {"name": "id", "type": "long"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "lines", "type": {"type": "array", "items": line}},
        {"name": "gift", "type": ["null", "Line"], "default": None},
        {"name": "tags", "type": {"type": "map", "values": "double"}, "default": {}},
    ]
    with pytest.raises(DefinitionError, match=r"Avro has no schema for typing.Any"):
        schema_of(Any, "orders")


def test_an_avro_decimal_is_one_where_the_schema_says_so() -> None:
    price = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
    schema = {"type": "record", "name": "Line", "fields": [{"name": "price", "type": price}]}
    format = format_of(dict, moldau.Avro(json.dumps(schema)), "lines")
    assert format.decode(format.encode({"price": Decimal("1.10")})) == {"price": Decimal("1.10")}


def test_avro_in_the_registrys_wire_format(registry: SchemaRegistry) -> None:
    format = format_of(Order, moldau.Avro(registry=registry.url), "orders")
    data = format.encode(ORDER)
    assert data[:5] == b"\0\0\0\0\1"
    assert format.decode(data) == ORDER
    format.encode(ORDER)
    ((path, body),) = registry.schemas  # told once
    assert path == "/subjects/orders-value/versions"
    assert json.loads(body["schema"])["name"] == "Order"


def test_avro_is_read_with_the_schema_of_its_writer(registry: Any) -> None:
    """Which has a field more, and one less."""
    fields = [{"name": "note", "type": "string"}, {"name": "id", "type": "long"}]
    older = {"type": "record", "name": "Order", "fields": fields}

    class Reader(msgspec.Struct):
        id: int
        extra: str = "none"

    written = format_of(dict, moldau.Avro(older, registry.url), "orders")
    data = written.encode({"note": "n", "id": 3})
    read = format_of(Reader, moldau.Avro(registry=registry.url), "orders")
    assert read.decode(data) == Reader(3)


@pytest.mark.parametrize(("name", "index"), [("Sale", b"\0"), ("Refund", b"\2\2")])
def test_protobuf_plain_and_in_the_registrys_wire_format(
    registry: Any, name: str, index: bytes
) -> None:
    type_ = _message(name)
    one = type_(category="books", amount=300)
    plain = format_of(type_, None, "sales")
    assert plain.encode(one) == one.SerializeToString()
    assert plain.decode(plain.encode(one)) == one
    wired = format_of(type_, moldau.Protobuf(registry.url), "sales")
    assert wired.encode(one) == b"\0\0\0\0\1" + index + one.SerializeToString()
    assert wired.decode(wired.encode(one)) == one
    assert registry.schemas[0][1]["schemaType"] == "PROTOBUF"


@pytest.mark.parametrize("named", ["protobuf", "pydantic"])
def test_messages_and_models_cross_a_repartition(named: str) -> None:
    class Model(pydantic.BaseModel):  # type: ignore[misc]
        category: str
        amount: int

    type_ = _message("Sale") if named == "protobuf" else Model
    app = moldau.App("shop")
    sales = app.topic("sales", type_)
    totals = app.stream(sales).group_by("category").agg(total=moldau.sum("amount"))
    totals.to("totals")
    with pytest.raises(DefinitionError, match="did you mean 'category'"):
        app.stream(sales).group_by("categry")
    with moldau.testing.run(app, partitions=2) as t:
        t[sales].send(type_(category="a", amount=1), type_(category="a", amount=2))
        assert t["totals"].values()[-1] == {"category": "a", "total": 3}


def test_promise_17_trouble_with_the_registry_is_never_a_records_fault(registry: Any) -> None:
    format = moldau.Avro(registry=registry.url)
    app = moldau.App("shop")
    sales = app.topic("sales", Sale, format=format)
    app.stream(sales).to("out")
    with moldau.testing.run(app) as t:
        t[sales].send_raw(b"no header", b"\0\0\0\0\x63unknown")
        told = [told_by(one.headers or [])["message"] for one in t["shop-dlq"].records()]
        assert told[0].startswith("it is not in the registry's wire format")
        assert told[1].endswith("has no schema 99")
        t[sales].send(sale(1))
        assert len(t["out"].values()) == 1


def test_a_registry_that_is_away_stops_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moldau.streams.formats.registry.PAUSES_S", (0.0,))
    app = moldau.App("shop")
    sales = app.topic("sales", Sale, format=moldau.Avro(registry="http://127.0.0.1:1"))
    app.stream(sales).to("out")
    with moldau.testing.run(app) as t:
        with pytest.raises(Trouble, match=r"schema registry http://127.0.0.1:1 does not answer"):
            t[sales].send_raw(b"\0\0\0\0\1data")
        assert t["shop-dlq"].records() == []


def test_a_schema_that_is_refused_says_why(registry: Any) -> None:
    made = Registry(registry.url.replace("://", "://user:secret@"))
    with pytest.raises(Trouble, match="refuses the schema of refuse: Schema being registered"):
        made.id("refuse", "{}", "AVRO")


def test_a_format_of_ones_own() -> None:
    class Upper:
        @staticmethod
        def decode(data: bytes) -> str:
            return data.decode().lower()

        @staticmethod
        def encode(value: str) -> bytes:
            return value.upper().encode()

    app = moldau.App("shop")
    words = app.topic("words", str, format=Upper())
    app.stream(words).to(app.topic("out", str, format=Upper()))
    with moldau.testing.run(app) as t:
        t[words].send("a word")
        assert [one.value for one in t["out"].records()] == [b"A WORD"]
    with pytest.raises(DefinitionError, match="format='yaml' is not one of json"):
        app.topic("x", format="yaml")
    with pytest.raises(DefinitionError, match="needs a class that protoc has made"):
        app.topic("x", Sale, format="protobuf")


class Side(enum.StrEnum):
    BUY = "buy"


@pytest.mark.parametrize(
    ("type_", "value", "data"),
    [
        (str, "ann", b"ann"),
        (Side, Side.BUY, b"buy"),
        (UUID, UUID(int=5), b"00000000-0000-0000-0000-000000000005"),
        (date, date(2026, 1, 2), b"2026-01-02"),
        (datetime, NOON, b"2026-01-01T12:00:00.123456Z"),
        (Decimal, Decimal("2.50"), b"2.50"),
        (int, 7, b"7"),
        (tuple[str, int], ("a", 1), b'["a",1]'),
        (Line, Line("tea", Decimal("1.10")), b'{"item":"tea","price":"1.10"}'),
        (Model, Model(id=1, at=NOON), b'{"at":"2026-01-01T12:00:00.123456Z","id":1}'),
        (bytes, b"\xff\0", b"\xff\0"),
    ],
)
def test_promise_12_keys_are_as_others_write_them(type_: Any, value: Any, data: bytes) -> None:
    format = Key(type_)
    assert format.encode(value) == data
    assert format.decode(data) == value


def test_what_is_not_the_type_of_a_raw_topic_is_refused() -> None:
    for value in (5, "text", None, [1, 2]):
        with pytest.raises(TypeError, match="format 'raw' writes bytes, not"):
            format_of(bytes, None, "x").encode(value)
    assert format_of(bytes, None, "x").encode(memoryview(b"ab")) == b"ab"
    with pytest.raises(TypeError, match="format 'text' writes str, not bytes"):
        format_of(str, None, "x").encode(b"ab")
