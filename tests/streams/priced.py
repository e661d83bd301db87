"""A program that prices orders: joined to a table as of their time, and to a global table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

import moldau


class Order(msgspec.Struct):
    number: int
    product: str | None
    time: datetime


class Price(msgspec.Struct):
    product: str
    cents: int
    time: datetime


class Group(msgspec.Struct):
    product: str
    group: str


def priced(bootstrap_servers: str = "localhost:9092", **settings: Any) -> moldau.App:
    """`orders` lie anywhere, `prices` by product."""
    app = moldau.App("priced", bootstrap_servers, **settings)
    orders = app.topic("orders", Order, event_time="time", lateness="5s")
    prices = app.topic("prices", Price, event_time="time", key="product")
    groups = app.topic("groups", Group, key="product")
    (
        app.stream(orders)
        .join(app.table(prices), on="product")
        .join(app.global_table(groups), on="product")
        .to("priced")
    )
    return app
