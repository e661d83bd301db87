"""The form of an agent is told from its code, which each CPython compiles in its own way."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import moldau
from moldau.streams.handlers import form_of

db: Any = None  # no handler here is called


async def loop(stream: Any) -> None:
    async for order in stream:
        print(order)


async def with_keys(stream: Any) -> None:
    async for key, order in stream.items():
        print(key, order)


async def passed_on(database: Any, stream: Any) -> None:
    first, last = 1, 5
    print(first, stream)
    async for order in database.take(stream, last):
        print(order)


async def comprehension(stream: Any) -> list[Any]:
    return [order async for order in stream]


async def captured(stream: Any) -> None:
    def again() -> Any:
        return stream

    async for _ in stream:
        again()


async def after_a_subscript(stream: Any) -> None:
    rows = [[1]]
    print(stream, rows[0])
    async for order in stream:
        print(order)


async def field(order: Any) -> None:
    async for row in db.query(order.key):
        print(row)


async def field_before(order: Any) -> None:
    table, key = "rates", order.key
    async for row in db.query(table, key, order):
        print(row)


async def method(order: Any) -> None:
    async for row in db.query(order.key()):
        print(row)


async def subscript(order: Any) -> None:
    async for row in db.query(order["key"]):
        print(row)


async def subscript_by_name(order: Any) -> None:
    key = "key"
    print(order[key])
    async for row in db.query(order):
        print(row)


async def no_loop(order: Any) -> None:
    await db.store(order)


@pytest.mark.parametrize(
    "handler", [loop, with_keys, passed_on, comprehension, captured, after_a_subscript]
)
def test_what_iterates_over_its_parameter_takes_the_stream(handler: Callable[..., Any]) -> None:
    assert form_of(handler, None) == "stream"


@pytest.mark.parametrize(
    "handler", [field, field_before, method, subscript, subscript_by_name, no_loop]
)
def test_what_reads_a_field_of_its_parameter_takes_records(handler: Callable[..., Any]) -> None:
    assert form_of(handler, None) == "async"


class Shipping:
    """A callable object."""

    async def __call__(self, orders: Any) -> None:
        async for order in orders:
            SEEN.extend([order])

    async def one(self, order: Any) -> None:
        SEEN.append(order["id"])


async def ship(to: list[Any], orders: Any, often: int = 1) -> None:
    async for order in orders:
        to += [order] * often


async def ship_one(order: Any, *, to: list[Any]) -> None:
    to.append(order)


SEEN: list[Any] = []


@pytest.mark.parametrize(
    "handler",
    [
        Shipping(),
        Shipping().one,
        partial(ship, SEEN),
        partial(ship, SEEN, often=2),
        partial(partial(ship_one), to=SEEN),
        lambda order: ship_one(order, to=SEEN),
    ],
)
def test_what_can_be_called_can_be_a_handler(handler: Callable[..., Any]) -> None:
    SEEN.clear()
    app = moldau.App("shop")
    app.agent(app.topic("orders", dict))(handler)
    with moldau.testing.run(app) as t:
        t["orders"].send({"id": 1})
        assert SEEN
        assert t["shop-dlq"].records() == []
