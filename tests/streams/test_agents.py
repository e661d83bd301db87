"""Agents: when a record ends, and what becomes of what its handler sent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import moldau
from moldau.streams.app import App
from moldau.streams.errors import DefinitionError, StreamsError
from moldau.streams.program import Topic
from tests.streams.sales import Sale, sale


def shop(**settings: Any) -> tuple[App, Topic, Topic]:
    app = moldau.App("shop", **settings)
    orders = app.topic("orders", Sale, event_time="timestamp", key="category")
    return app, orders, app.topic("shipments")


FORMS = ["stream", "async", "sync", "list"]


def declared(app: App, orders: Topic, form: str, handle: Any) -> None:
    """An agent of that form, that gives each record to `handle`."""
    if form == "stream":

        @app.agent(orders)
        async def ship(stream: Any) -> None:
            async for order in stream:
                handle(order)

    elif form == "async":

        @app.agent(orders)
        async def ship_one(order: Sale) -> None:
            handle(order)

    elif form == "sync":

        @app.agent(orders)
        def ship_now(order: Sale) -> None:
            handle(order)

    else:

        @app.agent(orders, batch="list")
        async def ship_many(many: list[Sale]) -> None:
            for order in many:
                handle(order)


@pytest.mark.parametrize("form", FORMS)
def test_an_agent_handles_each_record_once(form: str) -> None:
    app, orders, shipments = shop()

    def handle(order: Sale) -> None:
        shipments.send(str(order.amount), key=order.category)

    declared(app, orders, form, handle)
    with moldau.testing.run(app, partitions=2) as t:
        t[orders].send(sale(0, "books", "1"), sale(1, "toys", "2"), sale(2, "books", "3"))
        t[orders].send(sale(3, "books", "4"))
        sent = t[shipments].records()
        assert sorted(t[shipments].values()) == ["1", "2", "3", "4"]
    assert {one.key for one in sent} == {b"books", b"toys"}
    assert sent[0].timestamp % 1000 == 0
    assert sent[0].timestamp in {1_767_225_600_000 + 1000 * n for n in range(4)}  # the order's


@pytest.mark.parametrize("form", FORMS)
def test_promise_16_what_was_sent_before_an_error_is_dropped_and_the_record_tried_again(
    form: str,
) -> None:
    app, orders, shipments = shop()
    tries: list[str] = []

    def handle(order: Sale) -> None:
        tries.append(str(order.amount))
        shipments.send(str(order.amount))
        if order.amount == 2 and tries.count("2") < 3:
            raise ValueError("not yet")

    declared(app, orders, form, handle)
    with moldau.testing.run(app) as t:
        t[orders].send(*(sale(second, amount=str(second)) for second in range(4)))
        assert t[shipments].values() == ["0", "1", "2", "3"]
    assert tries.count("2") == 3


@pytest.mark.parametrize("form", FORMS)
def test_promise_17_a_handler_gets_three_tries_then_the_record_is_a_dead_letter(form: str) -> None:
    app, orders, shipments = shop()
    tries: list[str] = []

    def handle(order: Sale) -> None:
        tries.append(str(order.amount))
        shipments.send(str(order.amount))
        if order.amount == 2:
            raise ValueError("no such street")

    declared(app, orders, form, handle)
    with moldau.testing.run(app) as t:
        t[orders].send(*(sale(second, amount=str(second)) for second in range(4)))
        assert t[shipments].values() == ["0", "1", "3"]
        (letter,) = t["shop-dlq"].records()
        source = t[orders].records()[2]
        assert (letter.key, letter.value) == (source.key, source.value)  # as it came
    assert letter.headers is not None
    told = {name: (value or b"").decode() for name, value in letter.headers}
    assert told["moldau-dlq-error"] == "ValueError"
    assert told["moldau-dlq-message"] == "no such street"
    assert told["moldau-dlq-step"].startswith("ship")
    place = [told[f"moldau-dlq-{part}"] for part in ("topic", "partition", "offset")]
    assert place == ["orders", "0", "2"]
    assert "in handle" in told["moldau-dlq-trace"]
    assert tries.count("2") == (4 if form == "list" else 3)  # with others thrice, alone once


def test_a_handler_is_called_again_when_it_returns() -> None:
    app, orders, shipments = shop()
    calls = []

    @app.agent(orders)
    async def ship(stream: Any) -> None:
        calls.append(1)
        async for order in stream:
            await shipments.send(str(order.amount))
            if order.amount == 1:
                break

    with moldau.testing.run(app) as t:
        t[orders].send(*(sale(second, amount=str(second)) for second in range(4)))
        assert t[shipments].values() == ["0", "1", "2", "3"]
    assert len(calls) == 2


def test_an_agent_that_fails_before_its_first_record_stops_the_program() -> None:
    app, orders, _ = shop()

    @app.agent(orders)
    async def ship(stream: Any) -> None:
        open_database()
        async for _ in stream:
            pass

    def open_database() -> None:
        raise OSError("no database")

    with (
        pytest.raises(StreamsError, match=r"ship: it fails before its first .*no database"),
        moldau.testing.run(app) as t,
    ):
        t[orders].send(sale(0))


@pytest.mark.parametrize("then", ["skip", "stop"])
def test_promise_17_a_record_may_be_skipped_or_stop_the_program(then: Any) -> None:
    app, orders, shipments = shop()

    @app.agent(orders, on_error=moldau.retry(1, then=then))
    def ship(order: Sale) -> None:
        shipments.send(str(order.amount))
        if order.amount == 1:
            raise ValueError("no")

    with moldau.testing.run(app) as t:
        if then == "skip":
            t[orders].send(sale(0, amount="1"), sale(1, amount="2"))
            assert t[shipments].values() == ["2"]
            assert t["orders"].values()
        else:
            with pytest.raises(StreamsError, match="ship: ValueError: no, of orders-0 at offset 1"):
                t[orders].send(sale(0, amount="2"), sale(1, amount="1"))


def test_promise_16_concurrency_keeps_the_order_of_each_key() -> None:
    """And nothing goes out before all that was taken before it is done."""
    app, orders, shipments = shop()
    under_way: list[int] = [0]
    most: list[int] = [0]

    @app.agent(orders, concurrency=3)
    async def ship(order: Sale) -> None:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        await asyncio.sleep(float(order.amount))
        under_way[0] -= 1
        await shipments.send(f"{order.category} {order.timestamp.second}")

    with moldau.testing.run(app) as t:
        names = ["a", "b", "c", "d", "e"]
        t[orders].send(*(sale(n, names[n % 5], str(5 - n % 4)) for n in range(20)))
        t.advance("10s")
        assert t[shipments].values() == []
        t.advance("200s")
        sent = t[shipments].values()
    assert most == [3]
    assert sent == [f"{names[n % 5]} {n}" for n in range(20)]


def test_promise_19_two_agents_on_one_topic_each_see_everything() -> None:
    app, orders, shipments = shop()
    invoices = app.topic("invoices")

    @app.agent(orders)
    async def ship(stream: Any) -> None:
        async for order in stream:
            await shipments.send(str(order.amount))

    @app.agent(orders)
    def invoice(order: Sale) -> None:
        invoices.send(str(order.amount))

    with moldau.testing.run(app) as t:
        t[orders].send(sale(0, amount="1"), sale(1, amount="2"))
        assert t[shipments].values() == t[invoices].values() == ["1", "2"]


def test_promise_16_a_record_has_an_id_that_is_the_same_at_every_try() -> None:
    app, orders, _ = shop()
    seen = []

    @app.agent(orders)
    def ship(order: Sale) -> None:
        now = moldau.current()
        seen.append((now.id, now.key, now.timestamp, now.topic, now.offset))
        if len(seen) == 1:
            raise ValueError("once")

    with moldau.testing.run(app) as t:
        t[orders].send(sale(7))
    assert seen == [("orders-0-0", "books", sale(7).timestamp, "orders", 0)] * 2


@pytest.mark.parametrize("form", [pytest.param("arrow", marks=pytest.mark.slow), "polars"])
def test_a_batch_may_be_a_table(form: Any) -> None:
    pytest.importorskip({"arrow": "pyarrow", "polars": "polars"}[form])
    app, orders, shipments = shop()

    @app.agent(orders, batch=form)
    def ship(table: Any) -> None:
        shipments.send([str(one) for one in table["amount"]])

    with moldau.testing.run(app) as t:
        t[orders].send(sale(0, amount="1"), sale(1, amount="2"))
        assert [float(one) for part in t[shipments].values() for one in part] == [1, 2]


def test_an_agent_behind_verbs() -> None:
    app, orders, shipments = shop()

    @app.agent(app.stream(orders).filter(lambda o: o.amount > 1).select("category", "amount"))
    def ship(order: dict[str, Any]) -> None:
        shipments.send(str(order["amount"]), key=moldau.current().key)

    with moldau.testing.run(app) as t:
        t[orders].send(sale(0, amount="1"), sale(1, amount="2"))
        assert t[shipments].values() == ["2"]


def test_what_cannot_be_an_agent_is_said() -> None:
    app, orders, shipments = shop()
    with pytest.raises(DefinitionError, match="batch='pandas' is not one of"):
        app.agent(orders, batch="pandas")(lambda _: None)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="it yields"):

        @app.agent(orders)
        async def ship(order: Sale) -> Any:
            yield order

    with pytest.raises(StreamsError, match="send works in the handlers"):
        shipments.send(1)


def test_what_is_sent_is_keyed_by_the_field_that_its_topic_names() -> None:
    app, orders, _ = shop()
    by_category = app.topic("by-category", dict, key="category")

    @app.agent(orders)
    def ship(order: Sale) -> None:
        by_category.send(order)
        by_category.send({"category": "a"})
        by_category.send({"category": "b"}, key="c")
        by_category.send({"category": None})
        by_category.send(key="d")

    app.agent(orders, name="ship_nothing")(lambda order: by_category.send({}))
    with moldau.testing.run(app) as t:
        t[orders].send(sale(1))
        keys = [one.key for one in t[by_category].records()]
        assert keys == [b"books", b"a", b"c", None, b"d"]
        (letter,) = t["shop-dlq"].records()
        told = str(dict(letter.headers or ())["moldau-dlq-message"])
        assert "keyed by 'category' (key=)" in told


def test_a_test_that_fails_shows_the_records() -> None:
    app, orders, shipments = shop()

    @app.agent(orders)
    def ship(order: Sale) -> None:
        shipments.send(str(order.amount), key="k")

    def fails() -> None:
        with moldau.testing.run(app) as t:
            t[orders].send(sale(1))
            assert t[shipments].values() == ["2"]

    with pytest.raises(AssertionError) as failure:
        fails()
    (note,) = failure.value.__notes__
    assert "shipments: 1 record\n  0:0 2026-01-01T00:00:01+00:00 k '1.10'" in note
    assert "orders: 1 record" in note


@pytest.mark.parametrize("form", FORMS)
def test_what_was_cancelled_fails_its_record_and_no_other(form: str) -> None:
    """An agent that awaits what another cancels was never heard of again."""
    app, orders, _ = shop(on_error=moldau.retry(2))
    taken = []

    def handle(order: Sale) -> None:
        taken.append(order.category)
        if order.category == "toys":
            raise asyncio.CancelledError

    declared(app, orders, form, handle)
    with moldau.testing.run(app, partitions=1) as t:
        t[orders].send(sale(1, "books"), sale(2, "toys"), sale(3, "tea"))
        (letter,) = t["shop-dlq"].records()
        said = dict(letter.headers or [])["moldau-dlq-message"]
        assert said is not None
        assert said.endswith(b"was cancelled")
    assert "tea" in taken
