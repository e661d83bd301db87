"""Agents of programs that were written for Faust."""

from __future__ import annotations

import logging
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

import moldau
import moldau.faust as faust
from moldau.streams.engine.coding import encode
from moldau.streams.engine.keyed_store import KeyedStore
from moldau.streams.engine.state import MARKER, State
from moldau.streams.errors import StreamsError
from moldau.streams.program import Kept


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


class Reading(faust.Record):
    at: datetime
    value: int


def test_windows_of_a_field_close_by_that_field_however_old_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = made()
    readings = app.topic("readings", value_type=Reading)
    closed = app.topic("closed")

    async def on_close(key: Any, value: int) -> None:
        await closed.send(value=[key[0], key[1][0], value])

    sums = (
        app.Table("sums", default=int, on_window_close=on_close)
        .tumbling(10, expires=15)
        .relative_to_field(Reading.at)
    )

    @app.agent(readings)
    async def add(stream: Any) -> None:
        async for one in stream:
            sums["all"] += one.value

    begin = datetime(2020, 5, 1, tzinfo=UTC)
    with moldau.testing.run(app) as t:
        for second in (1, 9, 12, 8, 25, 26, 9, 41):  # the second 9 comes when its window is gone
            at = begin + timedelta(seconds=second)
            t[readings].send(Reading(at, second))
        t.end()
        found = [(start - begin.timestamp(), value) for _, start, value in t[closed].values()]
    assert found == [(0, 18), (10, 12), (20, 51), (40, 41)]
    told = [one for one in caplog.messages if "for a window that is gone" in one]
    assert len(told) == 1


def test_promise_19_another_key_that_cannot_be_read_is_warned_of_once(
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


@pytest.mark.parametrize("partitions", [1, 6])
def test_promise_19_two_agents_on_one_topic_each_see_everything(partitions: int) -> None:
    """One has a table under another key than the records', so its records go another way."""
    app = made()
    orders = app.topic("orders", value_type=dict)
    counts = app.Table("counts", default=int)
    seen: list[int] = []
    counted: list[int] = []

    @app.agent(orders)
    async def see(stream: Any) -> None:
        async for order in stream:
            seen.append(order["number"])
            order.clear()

    @app.agent(orders)
    async def count(stream: Any) -> None:
        async for order in stream:
            counts[order["customer"]] += 1
            counted.append(order["number"])

    with moldau.testing.run(app, partitions=partitions) as t:
        for number in range(60):
            t[orders].send({"customer": f"c{number % 4}", "number": number}, key=f"{number}")
        assert sorted(seen) == sorted(counted) == list(range(60))
        assert dict(counts.items()) == {f"c{number}": 15 for number in range(4)}


@pytest.mark.parametrize("has_table", [False, True])
@pytest.mark.parametrize("takes", [False, True])
def test_promise_16_a_value_that_was_changed_before_an_error_comes_as_it_was(
    has_table: bool, takes: bool
) -> None:
    app = made()
    orders = app.topic("orders", value_type=dict)
    counts = app.Table("counts", default=int)
    seen: list[dict[str, Any]] = []

    def handle(order: dict[str, Any]) -> None:
        seen.append(deepcopy(order))
        order["lines"].append(1)
        del order["number"]
        if len(seen) < 3:
            raise ValueError("not yet")

    @app.agent(orders, tables=[counts] if has_table else [])
    async def work(stream: Any) -> None:
        if takes:
            async for many in stream.take(5):
                for one in many:
                    handle(one)
        else:
            async for one in stream:
                handle(one)

    with moldau.testing.run(app) as t:
        t[orders].send({"number": 1, "lines": []}, {"number": 2, "lines": []})
    given = [one["number"] for one in seen]
    assert given[-2:] == [1, 2]
    assert all(one["lines"] == [] for one in seen)
    assert given.count(1) == 3 - given[:-1].count(2)


REFUSED: list[tuple[Any, str]] = [
    (lambda app: app.channel().__aiter__(), r"async for … in channel; instead: @app\.agent"),
    (lambda app: app.GlobalTable("x"), "GlobalTable; instead"),
    (lambda app: app.topic("a", "b"), "an agent of each"),
    (lambda app: app.command(lambda: None), r"from moldau\.faust\.cli import argument, option"),
    (lambda app: app.topic("x").stream(), r"topic\.stream\(\); instead: @app\.agent\(topic\)"),
    (lambda app: app.stream(app.topic("x")), r"app\.stream; instead: an agent"),
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
    app = made(
        store="rocksdb://",
        web_transport="tcp://",
        web_port=6067,
        version=2,
        broker="kafka://a;kafka://b:1",
    )
    assert [one.split(" does")[0] for one in caplog.messages] == [
        "App(store='rocksdb://')",
        "App(web_transport='tcp://')",
    ]
    assert (app.id, app.core.bootstrap_servers) == ("shop-v2", "a:9092,b:1")
    assert app.conf.http == "localhost:6067"


def test_a_window_that_cannot_be_told_of_stops_the_program() -> None:
    app = made()
    views = app.topic("views", value_type=str)

    def on_close(key: Any, value: int) -> None:
        raise ValueError("no space left")

    hits = app.Table("hits", default=int, on_window_close=on_close).tumbling(10, expires=10)

    @app.agent(views)
    async def view(stream: Any) -> None:
        async for page in stream:
            hits[page] += 1

    with moldau.testing.run(app) as t:
        t[views].send("a")
        with pytest.raises(StreamsError, match=r"'hits': on_window_close of 'a'.*no space left"):
            t.end()


def test_a_window_that_closed_before_a_restart_stays_closed() -> None:
    state = State()
    records = [(b"table-hits\0" + encode((90_000, "a")), encode(b"3"))]
    state.restore([*records, (MARKER, encode({"watermark": 100_000}))])
    node = Kept("table-hits", (), made=lambda store: None, keeps=10_000)
    store = KeyedStore(node, state.table("table-hits"), [])
    assert [store.is_closed(start) for start in (80_000, 90_000, 95_000)] == [True, True, False]


def test_a_worker_knows_whether_it_leads() -> None:
    app, told = made(), []

    @app.agent(app.topic("orders"))
    async def see(stream: Any) -> None:
        async for _ in stream:
            pass

    @app.timer(1.0)
    async def each() -> None:
        told.append(app.is_leader())

    assert not app.is_leader()
    with moldau.testing.run(app) as t:
        t.advance("1s")
    assert told == [True]
