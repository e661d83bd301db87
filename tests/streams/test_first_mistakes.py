"""What people write first and wrong, who come from elsewhere: it is told where it is written."""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import msgspec
import pytest

import moldau
from moldau.streams.errors import DefinitionError, StreamsError
from moldau.tools.worker import load


class Line(msgspec.Struct):
    item: str


class Order(msgspec.Struct):
    number: int
    customer: str
    time: datetime
    lines: list[Line] = []
    first: Line | None = None


class Bare:
    number: int


def _yielding(order: Order) -> Iterator[str]:
    yield order.customer
    yield "and more"


APP: Any = moldau.App
REFUSED: list[tuple[Any, str]] = [
    (lambda app, s: s.map(lambda key, value: value), r"map: .* called with the record alone, and"),
    (lambda app, s: s.filter(lambda key, value: True), r"cannot be with \(key, value\)"),
    (lambda app, s: s.group_by(lambda key, value: key), "group_by: its function"),
    (lambda app, s: s.join(app.table(s), lambda one: one), "table: a Stream is no topic"),
    (lambda app, s: s.join(s, lambda one: one, within="1m"), "with both values alone"),
    (lambda app, s: s.map(_yielding), "_yielding yields, .* is for flat_map"),
    (lambda app, s: s.filter(_yielding), "is for flat_map"),
    (lambda app, s: s.select(["number", "customer"]), r"select\('number', 'customer'\)"),
    (lambda app, s: s.select(lambda one: one.number), r"select\(total=function\)"),
    (lambda app, s: s.group_by(["number"]), "give the field itself, 'number'"),
    (
        lambda app, s: s.group_by("number").agg(x=moldau.distinct("lines")),
        "x: list cannot be told apart",
    ),
    (
        lambda app, s: s.group_by("number").agg(x=moldau.count_distinct("first")),
        "x: Line cannot be told apart",
    ),
    (lambda app, s: app.state("counts", int, default=0), "write it as in default=int"),
    (lambda app, s: app.timer("10s")(lambda now: None), r"cannot be with \(now\)"),
    (lambda app, s: app.on_start(lambda app: None), "on_start <lambda>: it is called with nothing"),
    (lambda app, s: app.topic("bare", Bare), "make it a msgspec.Struct, a dataclass or"),
    (lambda app, s: APP("x", ["a:1", "b:2"]), "is no text: write 'a:1,b:2'"),
]


@pytest.mark.parametrize(("use", "text"), REFUSED)
def test_it_is_refused_with_what_to_do(use: Any, text: str) -> None:
    app = moldau.App("shop")
    with pytest.raises(DefinitionError, match=text):
        use(app, app.stream(app.topic("orders", Order)))


@pytest.mark.parametrize(
    ("verb", "here"),
    [("groupby", "group_by"), ("where", "filter"), ("rename", "select"), ("left_join", "join")],
)
def test_a_verb_that_is_called_otherwise_is_told(verb: str, here: str) -> None:
    app = moldau.App("shop")
    with pytest.raises(AttributeError, match=rf"here it is \.{here}\("):
        getattr(app.stream(app.topic("orders", Order)), verb)


@pytest.mark.parametrize("verb", ["count", "sum", "reduce", "aggregate"])
def test_so_is_what_is_done_to_groups(verb: str) -> None:
    app = moldau.App("shop")
    grouped = app.stream(app.topic("orders", Order)).group_by("customer")
    for one in (grouped, grouped.tumbling("1m")):
        with pytest.raises(AttributeError, match=r"here it is \.agg\("):
            getattr(one, verb)


@pytest.mark.parametrize("made", ["ann", b"ann", {"a": 1}])
def test_one_value_is_not_taken_apart_by_flat_map(made: Any) -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", Order)
    app.stream(orders).flat_map(lambda _: made).to("out")
    with moldau.testing.run(app) as t:
        t[orders].send(Order(1, "ann", datetime(2026, 1, 1)))
        assert t["out"].values() == []
        (letter,) = t["shop-dlq"].records()
    message = dict(letter.headers or [])["moldau-dlq-message"] or b""
    assert message.startswith(b"flat_map: a list of values is wanted, and not one ")


def test_times_of_pandas_and_numbers_of_numpy_are_written_as_pythons() -> None:
    numpy: Any = pytest.importorskip("numpy", reason="comes with the extra grocery")
    pandas: Any = pytest.importorskip("pandas", reason="comes with the extra grocery")
    app = moldau.App("shop")
    orders = app.topic("orders", Order, event_time="time")
    made = {"i": numpy.int64(3), "f": numpy.float64(1.5), "a": numpy.array([1, 2])}
    app.stream(orders).map(lambda one: {"time": pandas.Timestamp(one.time), **made}).to("out")
    with moldau.testing.run(app) as t:
        t[orders].send(Order(1, "ann", pandas.Timestamp("2026-01-01T12:00Z")))
        assert t["out"].values() == [
            {"time": "2026-01-01T12:00:00Z", "i": 3, "f": 1.5, "a": [1, 2]}
        ]
        noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
        assert t["out"].records()[0].timestamp == noon.timestamp() * 1000


def test_what_is_empty_and_what_has_no_event_time_is_told_as_that() -> None:
    app = moldau.App("shop")
    rows = app.topic("rows", dict, event_time="at")
    app.stream(rows).to("out")
    with moldau.testing.run(app) as t:
        t[rows].send_raw(b"", b'{"n":1}')
        told = [dict(one.headers or []) for one in t["shop-dlq"].records()]
    assert [one["moldau-dlq-message"] for one in told] == [
        b"its value is empty: no bytes; what deletes has none at all",
        b"the field of its event time is not there: 'at'",
    ]


def test_a_module_whose_app_is_made_elsewhere_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_main.py").write_text("if __name__ == '__main__':\n    app = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(StreamsError, match="it makes none where it is imported"):
        load("only_main:app")


@pytest.mark.parametrize("where", ["./shop.py:app", "./shop.py", "shop.py:app", "shop/main.py:app"])
def test_a_file_behind_a_is_told_as_a_module(where: str) -> None:
    module = "shop.main" if "/main" in where else "shop"
    with pytest.raises(StreamsError, match=rf"is a file, and a module is wanted: {module}\b"):
        load(where)


# --- topics of other types ----------------------------------------------------------------------


class Total(msgspec.Struct):
    customer: str
    total: int
    note: str = ""


class Renamed(msgspec.Struct, rename="camel"):
    customer_name: str


@dataclass
class Sum:
    customer: str
    total: int
    many: list[str] = field(default_factory=list)


class Both(TypedDict):
    customer: str
    total: int


@pytest.mark.parametrize("type_", [Total, Sum, Both])
def test_what_lacks_what_a_topic_holds_is_not_sent_there(type_: Any) -> None:
    app = moldau.App("shop")
    orders = app.stream(app.topic("orders", Order))
    counts = orders.group_by("customer").agg(count=moldau.count())
    windows = orders.group_by("customer").tumbling("1m").agg(count=moldau.count())
    out = app.topic("out", type_)
    for one in (orders, counts, windows, orders.select("customer")):
        with pytest.raises(DefinitionError, match=f"'out' holds {type_.__name__}, which needs tot"):
            one.to(out)


@pytest.mark.parametrize("type_", [Total, Sum, Both, dict, Any, Renamed, Total | None])
def test_what_has_it_or_may_have_it_is(type_: Any) -> None:
    app = moldau.App("shop")
    orders = app.stream(app.topic("orders", Order))
    orders.group_by("customer").agg(total=moldau.count()).to(app.topic("out", type_))
    orders.map(lambda order: order).to(app.topic("others", type_))


class Fills:
    """A format that gives a value what it lacks."""

    def encode(self, value: Any) -> bytes:
        return msgspec.json.encode({"customer": "ann", **value})

    def decode(self, data: bytes) -> Order:
        return msgspec.json.decode(data, type=Order)


def _generates(_: int, order: Any) -> Iterator[Any]:
    yield order


def test_what_could_be_right_is_not_refused() -> None:
    app = moldau.App("shop")
    orders = app.stream(app.topic("orders", Order))
    orders.select("number").to(app.topic("filled", Order, format=Fills()))
    by_function = orders.group_by(lambda one: one.customer)
    best = by_function.agg(customer=moldau.last("customer"), n=moldau.count())
    best.to(app.topic("best", dict, key="customer"))
    app.topic("anything", object)
    app.topic("numbers", numbers.Number)
    with pytest.raises(DefinitionError, match="_generates yields"):
        orders.map(partial(_generates, 1))


def test_a_dict_that_may_be_none_has_fields() -> None:
    def some(order: Order) -> dict[str, Any] | None:
        return {"n": order.number} if order.number else None

    app = moldau.App("shop")
    app.stream(app.topic("orders", Order)).map(some).filter(bool).select("n").to("out")
    with moldau.testing.run(app) as t:
        noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
        t["orders"].send(Order(0, "ann", noon), Order(1, "bob", noon))
        assert t["out"].values() == [{"n": 1}]
        assert t["shop-dlq"].values() == []
