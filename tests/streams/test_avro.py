"""Avro from types, judged by fastavro on the schema that is made."""

from __future__ import annotations

import dataclasses
import enum
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from io import BytesIO
from typing import Annotated, Any, Literal, NamedTuple, NewType, TypedDict
from uuid import UUID

import fastavro
import msgspec
import pydantic
import pytest

import moldau
from moldau.streams.errors import BadRecord, DefinitionError
from moldau.streams.formats.avro_schema import schema_of
from moldau.streams.formats.named import format_of
from tests.streams.schema_registry import schema_registry

NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
OrderId = NewType("OrderId", int)


class Side(enum.Enum):
    BUY = "BUY"
    SELL = "SELL"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 5


class Line(msgspec.Struct):
    item: str
    price: Decimal = Decimal("0.10")


class Cash(msgspec.Struct, tag=True):
    paid: int


class Card(msgspec.Struct, tag=True):
    paid: int
    number: str = "none"


class Order(msgspec.Struct, rename="camel", omit_defaults=True):
    order_id: OrderId
    placed_at: datetime
    on_day: date
    side: Side
    level: Level
    how: Literal["web", "shop"]
    key: UUID
    lines: list[Line]
    pair: tuple[int, int]
    tags: frozenset[str]
    by_name: Mapping[str, Sequence[Line]]
    number: Annotated[int, msgspec.Meta(ge=0)]
    payment: Cash | Card
    side_again: Side | None = None
    gift: Line | None = None
    weight: float | None = 1.5
    notes: list[str] = []


ORDER = Order(
    OrderId(7),
    NOON,
    date(2026, 1, 2),
    Side.SELL,
    Level.HIGH,
    "shop",
    UUID(int=5),
    [Line("tea", Decimal("1.10"))],
    (1, 2),
    frozenset(["a"]),
    {"x": [Line("milk")]},
    3,
    Card(4),
)


def read(schema: Any, data: bytes) -> Any:
    """As fastavro reads it."""
    return fastavro.schemaless_reader(BytesIO(data), fastavro.parse_schema(schema), None)


def test_all_that_a_type_can_say_comes_back() -> None:
    format = format_of(Order, "avro", "orders")
    assert format.decode(format.encode(ORDER)) == ORDER
    full = msgspec.structs.replace(
        ORDER, gift=Line("x"), weight=None, notes=["n"], payment=Cash(1), side_again=Side.BUY
    )
    assert format.decode(format.encode(full)) == full
    plain = read(schema_of(Order, "orders"), format.encode(ORDER))
    assert plain["orderId"] == 7
    assert plain["payment"] == {"type": "Card", "paid": 4, "number": "none"}
    assert [plain["side"], plain["level"], plain["weight"]] == ["SELL", 5, 1.5]


def test_a_schema_says_the_defaults_so_that_readers_and_writers_may_differ() -> None:
    fields = {one["name"]: one for one in schema_of(Order, "orders")["fields"]}
    assert "default" not in fields["orderId"]
    assert fields["weight"]["type"] == ["double", "null"]
    told = {name: one["default"] for name, one in fields.items() if "default" in one}
    assert told == {"sideAgain": None, "gift": None, "weight": 1.5, "notes": []}

    class Newer(Line):
        size: int = 3
        colour: str | None = None

    older, newer = schema_of(Line, "lines"), schema_of(Newer, "lines") | {"name": "Line"}
    data = format_of(Line, "avro", "lines").encode(Line("tea"))
    made = fastavro.schemaless_reader(
        BytesIO(data), fastavro.parse_schema(older), fastavro.parse_schema(newer)
    )
    assert made == {"item": "tea", "price": "0.10", "size": 3, "colour": None}


@dataclasses.dataclass
class Plain:
    id: int
    notes: list[str] = dataclasses.field(default_factory=list)
    line: Line | None = None


class Part(pydantic.BaseModel):  # type: ignore[misc]
    at: datetime


class Model(pydantic.BaseModel):  # type: ignore[misc]
    id: int = pydantic.Field(alias="orderId")
    price: Decimal = Decimal("1.5")
    line: Part | None = None
    side: Side = Side.BUY


class Rows(TypedDict):
    id: int
    note: str | None


@pytest.mark.parametrize("named", ["json", "msgpack", "avro"])
@pytest.mark.parametrize(
    "value",
    [
        Plain(1),
        Plain(2, ["x"], Line("tea")),
        Model(orderId=1, line=Part(at=NOON)),
        Model(orderId=2, price=Decimal("2.50"), side=Side.SELL),
        Rows(id=1, note=None),
    ],
)
def test_other_kinds_of_types_come_back(named: str, value: Any) -> None:
    type_ = Rows if isinstance(value, dict) else type(value)
    format = format_of(type_, named, "rows")
    assert format.decode(format.encode(value)) == value


def test_a_model_is_written_under_the_names_by_which_it_is_read() -> None:
    assert json.loads(format_of(Model, "json", "rows").encode(Model(orderId=1)))["orderId"] == 1
    names = [one["name"] for one in schema_of(Model, "rows")["fields"]]
    assert names == ["orderId", "price", "line", "side"]


class Optional(TypedDict, total=False):
    id: int


class Tuple(NamedTuple):
    id: int


def _another() -> Any:
    class Line(msgspec.Struct):
        other: int

    return Line


class Untold(msgspec.Struct):
    pair: tuple[int, str]


REFUSED = [
    (Untold, r"tuple\[int, str\]"),
    (Optional, "Optional, of which keys may be missing"),
    (Tuple, "Tuple"),
    (Plain | Rows, "a union of Plain, Rows, which cannot be told apart"),
    (int | datetime, "a union of int, datetime, which cannot be told apart"),
    (dict[int, str], r"dict\[int, str\]"),
    (set, "set"),
]


@pytest.mark.parametrize(("type_", "said"), REFUSED)
def test_what_avro_has_no_word_for_is_refused(type_: Any, said: str) -> None:
    with pytest.raises(DefinitionError, match=f"Avro has no schema for .*{said}"):
        schema_of(type_, "orders")


def test_two_types_of_one_name_are_refused() -> None:
    both = dataclasses.make_dataclass("both", [("one", Line), ("two", _another())])
    with pytest.raises(DefinitionError, match="two types that are named Line"):
        schema_of(both, "orders")


@pytest.fixture
def in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_new_york")
def test_promise_01_a_time_without_a_zone_is_utc_wherever_it_is_written() -> None:
    assert os.environ["TZ"] == "America/New_York"
    format = format_of(datetime, "avro", "times")
    naive = NOON.replace(tzinfo=None)
    assert format.decode(format.encode(naive)) == NOON
    assert format.decode(format.encode(NOON.astimezone(timezone(timedelta(hours=5))))) == NOON


def test_bytes_behind_the_value_are_another_schemas() -> None:
    format = format_of(Line, "avro", "lines")
    with pytest.raises(BadRecord, match="behind its value are 2 bytes"):
        format.decode(format.encode(Line("tea")) + b"ab")


def test_a_schema_that_is_given_is_how_others_are_read() -> None:
    """Its defaults, its aliases, its wider numbers."""
    written = {
        "type": "record",
        "name": "Line",
        "fields": [{"name": "item", "type": "string"}, {"name": "n", "type": "int"}],
    }
    given = {
        "type": "record",
        "name": "Line",
        "fields": [
            {"name": "product", "type": "string", "aliases": ["item"]},
            {"name": "n", "type": "double"},
            {"name": "size", "type": "string", "default": "M"},
        ],
    }
    with schema_registry() as registry:
        data = format_of(dict, moldau.Avro(written, registry.url), "lines").encode(
            {"item": "tea", "n": 2}
        )
        reader = format_of(dict, moldau.Avro(json.dumps(given), registry.url), "lines")
        assert reader.decode(data) == {"product": "tea", "n": 2.0, "size": "M"}


@pytest.mark.parametrize("schema", ["{", '{"type": "record"}', '"whatever"', "[]["])
def test_a_schema_that_cannot_be_read_is_refused_where_it_is_written(schema: str) -> None:
    with pytest.raises(DefinitionError, match="this Avro schema"):
        format_of(dict, moldau.Avro(schema), "lines")
