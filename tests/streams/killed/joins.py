"""A stream joined to a table, to another stream, and a table to a table; and what must come of it.

An order every 10 ms of event time. The prices of all products rise by a cent every second, the
groups change every ten; two thirds of the orders are paid, some of them too late for the join."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

import moldau
from tests.streams.killed.generator import Made
from tests.streams.priced import Order, Price
from tests.streams.sales import MIDNIGHT

PARTITIONS = 3
TOPICS = dict.fromkeys(
    ("orders", "prices", "groups", "payments", "priced", "settled", "grouped"), PARTITIONS
)
PRODUCTS = 20
EVERY_PRICE, EVERY_GROUP = 100, 1000  # orders
IN_TIME_MS = 5_000


Rows = list[dict[str, Any]]


class Group(msgspec.Struct):
    product: str
    group: str
    since: datetime


class Payment(msgspec.Struct):
    number: int
    paid: datetime


def joins(bootstrap_servers: str, **settings: Any) -> moldau.App:
    app = moldau.App("joins", bootstrap_servers, **settings)
    orders = app.stream(app.topic("orders", Order, event_time="time"))
    payments = app.stream(app.topic("payments", Payment, event_time="paid", lateness="10s"))
    prices = app.table(app.topic("prices", Price, event_time="time", key="product"))
    groups = app.table(app.topic("groups", Group, event_time="since", key="product"))
    orders.join(prices, on="product").to("priced")
    orders.join(payments, on="number", within=timedelta(milliseconds=IN_TIME_MS), how="left").to(
        "settled"
    )
    prices.join(groups).to("grouped")
    return app


def records(count: int) -> Iterator[Made]:
    for number in range(count):
        when = MIDNIGHT + timedelta(milliseconds=10 * number)
        for product in range(PRODUCTS):
            key = f"p{product}"
            if number % EVERY_PRICE == 0:
                price = Price(key, number // EVERY_PRICE, when)
                yield Made("prices", key, msgspec.json.encode(price))
            if number % EVERY_GROUP == EVERY_PRICE // 2:
                one = Group(key, group_of(product, number), when)
                yield Made("groups", key, msgspec.json.encode(one))
        order = Order(number, f"p{number % PRODUCTS}", when)
        yield Made("orders", None, msgspec.json.encode(order), number % PARTITIONS)
        if number % 3:
            paid = Payment(number, when + timedelta(milliseconds=delay_ms(number)))
            yield Made("payments", None, msgspec.json.encode(paid), number % PARTITIONS)


def group_of(product: int, number: int) -> str:
    return f"g{(product + number // EVERY_GROUP) % 3}"


def delay_ms(number: int) -> int:
    return number * 37 % 8000


def priced(orders: Rows) -> set[tuple[int, str, int]]:
    """Number, product and cents of each order."""
    return {(one["number"], one["product"], one["number"] // EVERY_PRICE) for one in orders}


def settled(orders: Rows, payments: Rows) -> set[tuple[int, bool]]:
    """Number of each order, and whether it was paid in time."""
    in_time = {one["number"] for one in payments if delay_ms(one["number"]) <= IN_TIME_MS}
    return {(one["number"], one["number"] in in_time) for one in orders}


def grouped(prices: Rows, groups: Rows) -> dict[str, list[tuple[int, str]]]:
    """Cents and group of each product, at each change of either, once it has both."""
    changes = [(one["time"], one) for one in prices] + [(one["since"], one) for one in groups]
    now: dict[str, dict[str, Any]] = defaultdict(dict)
    rows: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for _, one in sorted(changes, key=lambda each: datetime.fromisoformat(each[0])):
        row = now[one["product"]]
        row.update(one)
        if "cents" in row and "group" in row:
            rows[one["product"]].append((row["cents"], row["group"]))
    return rows
