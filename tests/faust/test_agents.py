"""Agents of programs that were written for Faust."""

from __future__ import annotations

import logging
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

import moldau
import moldau.faust as faust


class Address(faust.Record):
    city: str


class Order(faust.Record, serializer="json"):
    customer: str
    amount: Decimal
    address: Address
    note: str = "none"


class Sale(Order, coerce=True):
    pass


def made(**options: Any) -> faust.App:
    return faust.App("shop", **{"broker": "kafka://localhost", **options})


ORDER = {"customer": "ann", "amount": "2.50", "address": {"city": "Praha"}}


def test_records_are_nested_coerced_and_named() -> None:
    app = made()
    orders, shipped = app.topic("orders", value_type=Sale), app.topic("shipped", value_type=Sale)

    @app.agent(orders, sink=[shipped])
    async def ship(stream: Any) -> Any:
        async for order in stream:
            assert isinstance(order.address, Address)
            yield order.derive(amount=order.amount * 2)

    with moldau.testing.run(app) as t:
        t[orders].send(ORDER)
        (sale,) = t[shipped].values()
        assert sale == Sale("ann", Decimal("5.00"), Address("Praha"))
        assert t[shipped].records()[0].value == (
            b'{"customer":"ann","amount":"5.00","address":{"city":"Praha","__faust":'
            b'{"ns":"tests.faust.test_agents.Address"}},"note":"none",'
            b'"__faust":{"ns":"tests.faust.test_agents.Sale"}}'
        )
    with pytest.raises(TypeError, match="misses amount, address"):
        Order.from_data({"customer": "ann"})
    with pytest.raises(ValueError, match=r"Sale\.amount"):
        Sale.from_data({**ORDER, "amount": "much"})


def test_group_by_and_items_and_a_failure_that_is_tried_again() -> None:
    app = made()
    orders = app.topic("orders", value_type=Order)
    sums = app.Table("sums", default=float, value_type=float)
    seen: list[tuple[str, float]] = []

    @app.agent(orders)
    async def add(stream: Any) -> None:
        async for key, order in stream.group_by(Order.customer).items():
            sums[order.customer] += float(order.amount)
            if order.customer == "bob" and len(seen) < 4:
                seen.append(("failed", sums["bob"]))
                raise ValueError("not yet")
            seen.append((key, sums[order.customer]))

    with moldau.testing.run(app, partitions=3) as t:
        t[orders].send(ORDER, ORDER, key="1")
        t[orders].send({**ORDER, "customer": "bob"}, key="2")
        assert seen[:2] == [("ann", 2.5), ("ann", 5.0)]
        assert seen[2:] == [("failed", 2.5), ("failed", 2.5), ("bob", 2.5)]
        assert dict(sums.items()) == {"ann": 5.0, "bob": 2.5}


def test_windows_follow_the_time_of_the_records() -> None:
    app = made()
    views = app.topic("views", value_type=dict)
    closed = app.topic("closed")

    async def on_close(key: Any, value: int) -> None:
        await closed.send(value=[key, value])

    table = app.Table("views", default=int, on_window_close=on_close)
    hits = table.tumbling(10.0, expires=timedelta(seconds=20))
    last = app.Table("last", default=int).hopping(10, 5, expires=15)
    told: list[Any] = []

    @app.agent(views)
    async def view(stream: Any) -> None:
        async for one in stream:
            hits[one["page"]] += 1
            last[one["page"]] += 1
            page = hits[one["page"]]
            told.append([page.current(), page.value(), page.now(), page.delta(10)])
            told[-1].append(last[one["page"]].current())

    with moldau.testing.run(app) as t:
        t[views].send({"page": "a"}, {"page": "a"})
        t.advance("6s")
        t[views].send({"page": "a"})
        t.advance("6s")
        t[views].send({"page": "a"})
        assert told == [[1, 1, 1, 0, 1], [2, 2, 2, 0, 2], [3, 3, 3, 0, 1], [1, 1, 1, 3, 1]]
        assert t[closed].values() == []
        t.advance("10s")
        t[views].send({"page": "b"})
        start = 1_767_225_600.0
        assert t[closed].values() == [[["a", [start, start + 10]], 3]]
        t.end()
        assert len(t[closed].values()) == 3


def test_a_table_of_lists_is_kept_when_changed_in_place_and_another_key_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = made()
    orders = app.topic("orders", value_type=dict, key_type=str)
    kept = app.Table("kept", default=list)

    def put(customer: str, number: int) -> None:
        kept[customer].append(number)

    @app.agent(orders)
    async def keep(stream: Any) -> None:
        async for order in stream:
            put(order["customer"], order["number"])

    with caplog.at_level(logging.WARNING), moldau.testing.run(app) as t:
        t[orders].send({"customer": "ann", "number": 1}, key="ann")
        assert caplog.messages == []
        t[orders].send({"customer": "ann", "number": 2}, key="7")
        t[orders].send({"customer": "ann", "number": 3})
        assert kept["ann"] == [1, 2, 3]
    (told,) = caplog.messages
    assert "it is used under 'ann', the record's key is '7'" in told


def test_operations_timers_and_agents_of_their_own_topic() -> None:
    app = made(value_serializer="json")
    numbers, copies = app.topic("numbers", value_type=int), app.topic("copies")
    seen: list[Any] = []

    @app.agent()
    async def note(stream: Any) -> None:
        async for value in stream:
            seen.extend([value])

    @app.agent(numbers, concurrency=2)
    async def pick(stream: Any) -> None:
        async for at, number in stream.filter(lambda n: n > 1).echo(copies).enumerate():
            event = faust.current_event()
            assert event is not None
            await event.forward(copies, value=f"{at}-{event.message.offset}")
            await note.cast(number)

    @app.timer(interval=5.0)
    async def tick(app: Any) -> None:
        await copies.send(value=app.id)

    @app.crontab("* * * * *")
    async def each_minute() -> None:
        await copies.send(value="cron")

    with moldau.testing.run(app) as t:
        t[numbers].send(1, 2, 3, key="k")
        assert seen == [2, 3]
        assert t[copies].values() == [2, "0-1", 3, "1-2"]
        t.advance("60s")
        assert t[copies].values()[4:] == ["shop"] * 11 + ["shop", "cron"]


def test_take_ends_records_with_their_list() -> None:
    app = made()
    numbers = app.topic("numbers", value_type=int)
    lists: list[list[int]] = []

    @app.agent(numbers)
    async def some(stream: Any) -> None:
        async for many in stream.take(3, within=10):
            lists.append(many)
            if 5 in many:
                raise ValueError("five")

    with moldau.testing.run(app) as t:
        t[numbers].send(*range(8))
        handled = [number for many in lists for number in many if 5 not in many]
        assert handled[-2:] == [6, 7]
        assert set(handled) == {0, 1, 2, 3, 4, 6, 7}
        assert len(t["shop-dlq"].records()) == 1


REFUSED: list[tuple[Any, str]] = [
    (lambda app: app.channel(), "channel; instead: use a topic"),
    (lambda app: app.GlobalTable("x"), "GlobalTable; instead"),
    (lambda app: app.topic("a", "b"), "an agent of each"),
    (lambda app: app.timer(1, on_leader=True), "a worker of its own"),
    (lambda app: faust.Service, "Service; instead"),
    (lambda app: made(value_serializer="pickle").topic("x"), "serializer 'pickle'"),
    (lambda app: made(broker="memory://"), r"moldau\.testing\.run"),
    (lambda app: made(topic_partition=3), "did you mean topic_partitions"),
]


@pytest.mark.parametrize(("use", "text"), REFUSED)
def test_what_there_is_not_is_refused_by_name(use: Any, text: str) -> None:
    with pytest.raises(moldau.streams.errors.DefinitionError, match=text):
        use(made())


def test_settings_that_do_nothing_are_said(caplog: pytest.LogCaptureFixture) -> None:
    app = made(store="rocksdb://", web_port=6066, version=2, broker="kafka://a;kafka://b:1")
    assert [one.split(" does")[0] for one in caplog.messages] == [
        "App(store='rocksdb://')",
        "App(web_port=6066)",
    ]
    assert (app.id, app.core.bootstrap_servers) == ("shop-v2", "a:9092,b:1")
