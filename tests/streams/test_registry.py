"""What a schema registry may answer, and not: no record is to blame for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import moldau
from moldau.streams.errors import BadRecord, DefinitionError, Trouble
from moldau.streams.formats.named import format_of
from moldau.streams.formats.registry import Registry, header
from tests.streams.schema_registry import SchemaRegistry, schema_registry

LONG = json.dumps("long")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[SchemaRegistry]:
    monkeypatch.setattr("moldau.streams.formats.registry.PAUSES_S", (0.0, 0.0))
    with schema_registry() as server:
        yield server


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([(404, b"no such page")], "404"),
        ([(404, {"error_code": 404, "message": "HTTP 404 Not Found"})], "HTTP 404 Not Found"),
        ([(401, {"error_code": 401, "message": "Unauthorized"})], "Unauthorized"),
        ([(200, b"<html>a proxy</html>")], "what it says is not JSON"),
        ([(200, {"name": "something else"})], "it says no schema"),
        ([(500, b"")], "500"),
    ],
)
def test_promise_17_what_is_no_registry_is_no_bad_record(
    registry: SchemaRegistry, answers: Any, said: str
) -> None:
    registry.answers["/schemas/ids/1"] = answers
    format = format_of(Any, moldau.Avro(registry=registry.url), "numbers")
    with pytest.raises(Trouble, match=said):
        format.decode(header(1) + b"\2")


def test_it_is_asked_again_when_it_has_too_much_to_do(registry: SchemaRegistry) -> None:
    registry.answers["/schemas/ids/1"] = [
        (429, {"error_code": 429, "message": "slow down"}),
        (503, b""),
        (200, {"schema": LONG}),
    ]
    format = format_of(Any, moldau.Avro(registry=registry.url), "numbers")
    assert format.decode(header(1) + b"\2") == 1


def test_an_id_that_it_does_not_know_is_not_asked_for_with_each_record(
    registry: SchemaRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Registry(registry.url)
    for _ in range(3):
        with pytest.raises(BadRecord, match="has no schema 9"):
            asked.schema(9)
    assert registry.asked == ["/schemas/ids/9"]
    monkeypatch.setattr("moldau.streams.formats.registry.MISSED_S", 0.0)
    with pytest.raises(BadRecord):
        asked.schema(8)
    registry.answers["/schemas/ids/8"] = [(200, {"schema": LONG})]
    assert asked.schema(8).text == LONG


def test_a_password_may_have_any_letters(registry: SchemaRegistry) -> None:
    registry.answers["/schemas/ids/1"] = [(200, {"schema": LONG})]
    Registry(registry.url.replace("://", "://us%40er:p%3Aa%2Fs@")).schema(1)
    assert registry.authorizations == {"Basic dXNAZXI6cDphL3M="}  # us@er:p:a/s


@pytest.mark.parametrize("url", ["localhost:8081", "registry", "ftp://a", "http://"])
def test_an_address_is_checked_where_it_is_written(url: str) -> None:
    with pytest.raises(DefinitionError, match=r"its address is http://HOST:PORT"):
        format_of(Any, moldau.Avro(registry=url), "numbers")


def test_a_schema_that_is_refused_is_no_records_fault(registry: SchemaRegistry) -> None:
    app = moldau.App("shop")
    numbers = app.topic("numbers", int)
    app.stream(numbers).to(app.topic("refuse", int, format=moldau.Avro(registry=registry.url)))
    with moldau.testing.run(app) as t:
        with pytest.raises(Trouble, match="refuses the schema of refuse-value"):
            t[numbers].send(1)
        assert t["shop-dlq"].records() == []


def test_a_schema_that_must_be_there_is_only_looked_for(registry: SchemaRegistry) -> None:
    registry.answers["/subjects/numbers-value"] = [(200, {"id": 5, "version": 1})]
    registry.answers["/subjects/others-value"] = [
        (404, {"error_code": 40403, "message": "Schema not found"})
    ]
    how = moldau.Avro(registry=registry.url, register=False)
    assert format_of(int, how, "numbers").encode(1) == header(5) + b"\2"
    with pytest.raises(Trouble, match="has no such schema of others-value: register it"):
        format_of(int, how, "others").encode(1)
    assert registry.schemas == []


def test_avro_schemas_that_name_others(registry: SchemaRegistry) -> None:
    """Which name others in turn, and one of them twice."""
    currency = {"type": "enum", "name": "Currency", "symbols": ["CZK", "EUR"]}
    money = {
        "type": "record",
        "name": "Money",
        "fields": [{"name": "n", "type": "long"}, {"name": "of", "type": "Currency"}],
    }
    order = {
        "type": "record",
        "name": "Order",
        "fields": [{"name": "price", "type": "Money"}, {"name": "paid", "type": "Currency"}],
    }
    to_currency = {"name": "Currency", "subject": "a/currency", "version": 2}
    to_money = {"name": "Money", "subject": "money", "version": 1}
    registry.answers |= {
        "/subjects/a%2Fcurrency/versions/2": [(200, {"schema": json.dumps(currency)})],
        "/subjects/money/versions/1": [
            (200, {"schema": json.dumps(money), "references": [to_currency]})
        ],
        "/schemas/ids/1": [
            (200, {"schema": json.dumps(order), "references": [to_money, to_currency]})
        ],
    }
    format = format_of(dict, moldau.Avro(registry=registry.url), "orders")
    value = format.decode(header(1) + b"\x06\x02\x00")
    assert value == {"price": {"n": 3, "of": "EUR"}, "paid": "CZK"}
    assert len(registry.asked) == 3


def test_what_is_only_read_needs_no_schema(registry: SchemaRegistry) -> None:
    registry.answers["/schemas/ids/7"] = [(200, {"schema": LONG})]
    app = moldau.App("shop")
    numbers = app.topic("numbers", format=moldau.Avro(registry=registry.url))
    app.stream(numbers).to(app.topic("out", int))
    with moldau.testing.run(app) as t:
        t[numbers].send_raw(header(7) + b"\2")
        assert t["out"].values() == [1]
        with pytest.raises(TypeError, match="'numbers' has no type and no Avro schema"):
            t[numbers].send(1)


# --- which message of a Protobuf file it is ----------------------------------------------------


def _messages(order: list[str]) -> Any:
    """The classes of a file with these messages, and a Line in each; and the file."""
    file = descriptor_pb2.FileDescriptorProto(name="shop.proto", package="shop", syntax="proto3")
    for name in order:
        made = file.message_type.add(name=name)
        made.field.add(name="n", number=1, type=3, label=1)
        inner = made.nested_type.add(name="Line")
        inner.field.add(name="n", number=1, type=3, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)

    def of(name: str) -> Any:
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"shop.{name}"))

    return of, file


def test_a_message_is_read_as_what_it_is(registry: SchemaRegistry) -> None:
    from base64 import b64encode

    of, _ = _messages(["Sale", "Refund"])
    other_order, file = _messages(["Refund", "Sale"])
    sale = format_of(of("Sale"), moldau.Protobuf(registry.url), "sales")
    data = sale.encode(of("Sale")(n=1))
    refund = format_of(of("Refund"), moldau.Protobuf(registry.url), "sales")
    told = {"schema": b64encode(file.SerializeToString()).decode()}
    registry.answers["/schemas/ids/1?format=serialized"] = [(200, registry.schemas[0][1])]
    registry.answers["/schemas/ids/2?format=serialized"] = [(200, told)]
    with pytest.raises(BadRecord, match=r"it is a shop\.Sale, not a shop\.Refund"):
        refund.decode(data)
    # The writer's file has them the other way round: its Sale is the second.
    written = other_order("Sale")(n=3).SerializeToString()
    assert sale.decode(header(2) + b"\2\2" + written) == of("Sale")(n=3)


INDEXES = {  # as confluent-kafka 2.16.1 writes them
    "Sale": b"\0",
    "Refund": b"\2\2",
    "Sale.Line": b"\4\0\0",
    "Refund.Line": b"\4\2\0",
}


@pytest.mark.parametrize(("name", "index"), INDEXES.items())
def test_the_index_of_a_message_is_confluents(
    registry: SchemaRegistry, name: str, index: bytes
) -> None:
    of, _ = _messages(["Sale", "Refund"])
    format = format_of(of(name), moldau.Protobuf(registry.url), "sales")
    data = format.encode(of(name)(n=5))
    assert data == header(1) + index + b"\x08\x05"
    assert format.decode(data) == of(name)(n=5)


@pytest.mark.parametrize("index", [b"", b"\x01", b"\x80" * 1_000_000, b"\4\2", b"\xff\xff\xff\x0f"])
def test_an_index_that_is_none_is_a_bad_record(registry: SchemaRegistry, index: bytes) -> None:
    of, _ = _messages(["Sale"])
    format = format_of(of("Sale"), moldau.Protobuf(registry.url), "sales")
    with pytest.raises(BadRecord):
        format.decode(header(1) + index)


def test_another_message_is_not_written_as_this(registry: SchemaRegistry) -> None:
    of, _ = _messages(["Sale", "Refund"])
    for how in (moldau.Protobuf(), moldau.Protobuf(registry.url)):
        with pytest.raises(TypeError, match="it takes messages of Sale, not Refund"):
            format_of(of("Sale"), how, "sales").encode(of("Refund")(n=1))
