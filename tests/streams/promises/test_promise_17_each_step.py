"""Every step that may fail can have its own way (promise 17)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.errors import StreamsError
from moldau.streams.program import Topic
from moldau.streams.stream import Stream
from moldau.streams.tables import Table

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Order(msgspec.Struct):
    product: str
    time: datetime


def fails(*_: Any) -> Any:
    raise ValueError("it fails")


def itself(record: Any, *_: Any) -> Any:
    return record


Verb = Callable[[moldau.App, Topic, Any], Stream | Table]
_FOLD = moldau.fold(dict, fails)
STEPS: dict[str, Verb] = {
    "map": lambda app, t, way: app.stream(t).map(fails, on_error=way),
    "filter": lambda app, t, way: app.stream(t).filter(fails, on_error=way),
    "flat_map": lambda app, t, way: app.stream(t).flat_map(fails, on_error=way),
    "peek": lambda app, t, way: app.stream(t).peek(fails, on_error=way),
    "select": lambda app, t, way: app.stream(t).select(n=fails, on_error=way),
    "with_fields": lambda app, t, way: app.stream(t).with_fields(n=fails, on_error=way),
    "branch": lambda app, t, way: app.stream(t).branch(fails, on_error=way)[1],
    "key_by": lambda app, t, way: app.stream(t).key_by(fails, on_error=way),
    "group_by": lambda app, t, way: app.stream(t).group_by(fails, on_error=way).agg(n=_FOLD),
    "agg": lambda app, t, way: app.stream(t).group_by("product").agg(n=_FOLD, on_error=way),
    "agg in windows": lambda app, t, way: (
        app.stream(t).group_by("product").tumbling("1m").agg(n=_FOLD, on_error=way)
    ),
    "deduplicate": lambda app, t, way: app.stream(t).deduplicate(fails, within="1m", on_error=way),
    "deduplicate by": lambda app, t, way: app.stream(t).deduplicate(
        "product", by=fails, within="1m", on_error=way
    ),
    "join": lambda app, t, way: app.stream(t).join(
        app.stream(t).map(itself, Order), fails, on="product", within="1m", on_error=way
    ),
    "join by": lambda app, t, way: app.stream(t).join(
        app.table(t), itself, left_on=fails, on_error=way
    ),
    "join with a table": lambda app, t, way: app.stream(t).join(
        app.table(t), fails, on="product", on_error=way
    ),
    "join with a global table": lambda app, t, way: app.stream(t).join(
        app.global_table(t), fails, on="product", on_error=way
    ),
    "join_asof": lambda app, t, way: app.stream(t).join_asof(
        app.stream(t).map(itself, Order), fails, on="product", tolerance="1m", on_error=way
    ),
    "table.map": lambda app, t, way: app.table(t).map(fails, on_error=way),
    "table.filter": lambda app, t, way: app.table(t).filter(fails, on_error=way),
    "table.select": lambda app, t, way: app.table(t).select(n=fails, on_error=way),
    "table.agg": lambda app, t, way: app.table(t).group_by("product").agg(n=_FOLD, on_error=way),
    "table.group_by": lambda app, t, way: (
        app.table(t).group_by(fails).agg(n=moldau.count(), on_error=way)
    ),
    "table.join": lambda app, t, way: app.table(t).join(
        app.table(t).map(itself, Order), fails, on_error=way
    ),
    "table.join by": lambda app, t, way: app.table(t).join(
        app.table(t).map(itself, Order), itself, on=fails, on_error=way
    ),
}


def letters(verb: Verb, way: Any, topic: str = "shop-dlq") -> int:
    """Of a program that fails at that step only; none go to the program's own topic instead."""
    app = moldau.App("shop")
    orders = app.topic("orders", Order, event_time="time", key="product")
    verb(app, orders, way).to("out")
    with moldau.testing.run(app) as t:
        t[orders].send(Order("tea", NOON))
        t.end()
        assert t["out"].records() == []
        assert topic == "shop-dlq" or t["shop-dlq"].records() == []
        return len(t[topic].records())


@pytest.mark.parametrize("step", STEPS)
def test_promise_17_each_step_may_have_its_own_way(step: str) -> None:
    assert letters(STEPS[step], moldau.retry(1, topic="mine"), "mine") > 0
    assert letters(STEPS[step], "skip") == 0
    with pytest.raises(StreamsError, match="it fails"):
        letters(STEPS[step], "stop")


def test_promise_17_what_cannot_be_written_goes_its_step_s_way() -> None:
    app = moldau.App("shop")
    orders = app.topic("orders", Order, event_time="time", key="product")
    app.stream(orders).map(lambda order: object()).to("out", on_error="skip")
    app.table(orders).map(lambda order: object()).to("rows", on_error="skip")
    with moldau.testing.run(app) as t:
        t[orders].send(Order("tea", NOON))
        t.end()
        assert t["shop-dlq"].records() == []
