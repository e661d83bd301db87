"""Stories of tables and joins, with results computed by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

import msgspec
import pytest

import moldau
from moldau.streams.engine.history import History
from moldau.streams.engine.state import State
from moldau.streams.errors import DefinitionError, StreamsError
from moldau.streams.stream import Stream
from moldau.streams.tables import Table
from tests.streams.priced import Group, Order, Price, priced
from tests.streams.sales import MIDNIGHT


def order(number: int, second: float, product: str | None = "tea") -> Order:
    return Order(number, product, _at(second))


def price(cents: int, second: float, product: str = "tea") -> Price:
    return Price(product, cents, _at(second))


def _at(second: float) -> datetime:
    return MIDNIGHT + timedelta(seconds=second)


def program(lateness: str = "5s") -> tuple[moldau.App, Stream, Table]:
    app = moldau.App("joins")
    orders = app.topic("orders", Order, event_time="time", lateness=lateness)
    prices = app.topic("prices", Price, event_time="time", key="product", lateness=lateness)
    return app, app.stream(orders), app.table(prices)


# --- streams with tables ------------------------------------------------------------------------


def test_promise_15_a_record_waits_until_the_table_has_passed_it() -> None:
    with moldau.testing.run(priced()) as t:
        t["groups"].send(Group("tea", "drinks"))
        t["prices"].send(price(100, 0))
        t["orders"].send(order(1, 10), order(2, 4), order(3, 16))
        assert t["priced"].values() == []
        t["prices"].send(price(120, 10))  # at the very time of the order: it counts
        assert [one["number"] for one in t["priced"].values()] == [2]
        t["prices"].send(price(130, 11))
        t["orders"].send(order(4, 17))
        told = [(one["number"], one["cents"], one["group"]) for one in t["priced"].values()]
        assert told == [(2, 100, "drinks"), (1, 120, "drinks")]
        t.end()
        assert [one["cents"] for one in t["priced"].values()] == [100, 120, 130, 130]


def test_a_join_has_the_fields_of_both_under_their_names() -> None:
    with moldau.testing.run(priced()) as t:
        t["groups"].send(Group("tea", "drinks"))
        t["prices"].send(price(100, 0))
        t["orders"].send(order(1, 10))
        t.end()
        assert t["priced"].values() == [
            {
                "number": 1,
                "product": "tea",
                "time": "2026-01-01T00:00:10Z",
                "cents": 100,
                "time_right": "2026-01-01T00:00:00Z",
                "group": "drinks",
            }
        ]


def test_promise_12_a_record_without_a_value_deletes_and_without_a_key_counts_for_nothing() -> None:
    app, orders, prices = program()
    orders.join(prices, on="product", how="left").to("out")
    with moldau.testing.run(app, partitions=2) as t:
        t["prices"].send(price(100, 0), price(7, 1, "milk"))
        t["prices"].send(price(999, 2), key=b"")  # an empty key is a key, though
        t["orders"].send(order(1, 5), order(2, 5, "milk"), order(3, 5, None))
        t.now_ms = int(_at(6).timestamp() * 1000)
        t["prices"].send(None, key="tea")  # at the time that Kafka gives it
        t["orders"].send(order(4, 7), order(5, 7, "milk"))
        t.end()
        told = sorted((one["number"], one["cents"]) for one in t["out"].values() if one["cents"])
        assert told == [(1, 100), (2, 7), (5, 7)]
        missed = sorted(one["number"] for one in t["out"].values() if one["cents"] is None)
        assert missed == [3, 4]


def test_promise_12_an_inner_join_leaves_out_what_has_no_key() -> None:
    app, orders, prices = program()
    orders.join(prices, on="product").to("out")
    with moldau.testing.run(app) as t:
        t["prices"].send(price(100, 0))
        t["orders"].send(order(1, 5, None), order(2, 5))
        t.end()
        assert [one["number"] for one in t["out"].values()] == [2]


def test_a_late_record_meets_what_the_table_was_and_a_later_one_goes_where_it_is_told() -> None:
    app = moldau.App("late")
    orders = app.topic("orders", Order, event_time="time", key="product")
    prices = app.topic("prices", Price, event_time="time", key="product")
    table = app.table(prices, history="10s")
    app.stream(orders).join(table, late="too-late").to("out")
    with moldau.testing.run(app) as t:
        t[prices].send(price(100, 0), price(120, 50), price(130, 100))
        t[orders].send(order(1, 55), order(2, 46), order(3, 40))
        t.end()
        assert [(one["number"], one["cents"]) for one in t["out"].values()] == [(1, 120), (2, 100)]
        assert [one.number for one in t["too-late"].values()] == [3]


def test_history_is_kept_for_so_long_and_no_longer() -> None:
    history = History(State(), "prices", int, history=10)
    for since, value in ((0, 1), (20, 2), (30, None)):
        assert history.put("tea", since, (since,), value)
    history.purge(30)
    assert [history.at("tea", time) for time in (19, 20, 29, 30)] == [1, 2, 2, None]
    history.purge(31)  # from 21 on
    assert [history.at("tea", time) for time in (19, 21)] == [None, 2]
    history.purge(41)
    assert history.at("tea", 29) is None


def test_a_late_price_counts_from_its_partition_s_watermark_on() -> None:
    app, orders, prices = program("0s")
    orders.join(prices, on="product", how="left").to("out")
    with moldau.testing.run(app) as t:
        t["prices"].send(price(5, 20, "milk"), price(100, 10))  # the second comes late
        t["orders"].send(order(1, 15), order(2, 20), order(3, 30))
        t.end()
        assert [one["cents"] for one in t["out"].values()] == [None, 100, 100]


def test_promise_15_at_now_takes_what_is_there_when_the_record_comes() -> None:
    app, orders, prices = program()
    orders.join(prices, on="product", at="now", how="left").to("out")
    with moldau.testing.run(app) as t:
        t["orders"].send(order(1, 100))
        t["prices"].send(price(100, 500))
        t["orders"].send(order(2, 90))
        t.end()
        told = sorted((one["number"], one["cents"] or 0) for one in t["out"].values())
        assert told == [(1, 0), (2, 100)]


def test_a_join_with_a_running_aggregate_sees_it_as_it_was() -> None:
    app = moldau.App("running")
    orders = app.topic("orders", Order, event_time="time", key="product", lateness="9s")
    asked = app.topic("asked", Price, event_time="time", key="product", lateness="9s")
    so_far = app.stream(orders).group_by("product").agg(orders=moldau.count())
    app.stream(asked).join(so_far, how="left").to("out")
    with moldau.testing.run(app) as t:
        t[orders].send(order(1, 6), order(2, 3), order(3, 1))
        t[asked].send(price(1, 0), price(2, 2), price(3, 3), price(4, 9))
        t.end()
        assert [one["orders"] for one in t["out"].values()] == [None, 1, 2, 3]


def test_promise_17_a_function_that_fails_costs_the_record_that_it_fails_at() -> None:
    app, orders, prices = program()
    orders.join(prices, lambda one, other: 100 // (other.cents - 5), on="product").to("out")
    with moldau.testing.run(app) as t:
        t["prices"].send(price(7, 0), price(5, 0, "milk"))
        t["orders"].send(order(1, 1), order(2, 2, "milk"), order(3, 3))
        t.end()
        assert t["out"].values() == [50, 50]
        assert len(t["joins-dlq"].records()) == 1


# --- streams with streams -----------------------------------------------------------------------


def streams(**settings: Any) -> moldau.App:
    app = moldau.App("pairs")
    times: Any = {"event_time": "time", "key": "product", "lateness": "3s"}
    orders, prices = app.topic("orders", Order, **times), app.topic("prices", Price, **times)
    app.stream(orders).join(app.stream(prices), **settings).to("out")
    return app


def test_promise_15_outer_misses_come_out_once_after_interval_and_lateness() -> None:
    with moldau.testing.run(streams(within=("2s", "4s"), how="outer")) as t:
        t["orders"].send(order(1, 10), order(2, 20))
        t["prices"].send(price(5, 8), price(6, 14), price(7, 15))
        t["prices"].send(price(8, 17))
        rows = [(one["number"], one["cents"]) for one in t["out"].values()]
        assert rows == [(1, 5)]  # both are behind us: 17 - 3 s
        t["prices"].send(price(9, 30))
        rows = [(one["number"], one["cents"]) for one in t["out"].values()]
        assert rows == [(1, 5), (1, 6)]  # the orders are at 20 - 3 s
        t["orders"].send(order(3, 30))
        t.end()
        t.end()
        told = [(one["number"], one["cents"], one["product"]) for one in t["out"].values()]
        assert told == [
            (1, 5, "tea"),
            (1, 6, "tea"),
            (None, 7, "tea"),
            (None, 8, "tea"),
            (2, None, "tea"),
            (3, 9, "tea"),
        ]


def test_a_pair_has_the_time_of_its_later_record_and_a_miss_that_of_its_end() -> None:
    with moldau.testing.run(streams(within="5s", how="left")) as t:
        t["orders"].send(order(1, 10), order(2, 30))
        t["prices"].send(price(1, 13))
        t.end()
        seconds = [one.timestamp / 1000 - MIDNIGHT.timestamp() for one in t["out"].records()]
        assert seconds == [13, 35]


@pytest.mark.parametrize(("strategy", "cents"), [("backward", 2), ("forward", 3), ("nearest", 3)])
def test_as_of_takes_one_record_of_the_other_stream(strategy: Any, cents: int) -> None:
    app = moldau.App("as-of")
    times: Any = {"event_time": "time", "key": "product", "lateness": "3s"}
    orders, quotes = app.topic("orders", Order, **times), app.topic("prices", Price, **times)
    app.stream(orders).join_asof(app.stream(quotes), strategy=strategy, tolerance="20s").to("out")
    with moldau.testing.run(app) as t:
        t["prices"].send(price(1, 0), price(2, 10), price(3, 18), price(4, 19))
        t["orders"].send(order(1, 15), order(2, 90))
        t.end()
        assert [one["cents"] for one in t["out"].values()] == [cents, None]


# --- tables with tables -------------------------------------------------------------------------


class Account(msgspec.Struct):
    name: str
    branch: str
    balance: int
    time: datetime


class Branch(msgspec.Struct):
    branch: str
    city: str
    time: datetime


def bank(use: Callable[[Table, Table], Table]) -> moldau.App:
    app = moldau.App("bank")
    accounts = app.table(app.topic("accounts", Account, key="name", event_time="time"))
    branches = app.table(app.topic("branches", Branch, key="branch", event_time="time"))
    use(accounts, branches).to("out")
    return app


def account(name: str, branch: str, balance: int, second: int) -> Account:
    return Account(name, branch, balance, _at(second))


def changes(t: Any) -> list[tuple[str, Any]]:
    """In the order of event time: the key, and the row or None."""
    decode = msgspec.json.decode
    return [
        (one.key.decode(), one.value and decode(one.value))
        for one in sorted(t["out"].records(), key=lambda one: one.timestamp)
    ]


@pytest.mark.parametrize("partitions", [1, 3])
def test_promise_12_what_changes_leaves_the_group_that_it_was_in(partitions: int) -> None:
    app = bank(
        lambda accounts, _: accounts.group_by("branch").agg(
            total=moldau.sum("balance"), most=moldau.max("balance")
        )
    )
    with moldau.testing.run(app, partitions=partitions) as t:
        t["accounts"].send(
            account("ann", "north", 10, 1),
            account("bob", "north", 5, 2),
            account("ann", "south", 10, 3),
        )
        t["accounts"].send(account("bob", "north", 6, 4), account("bob", "south", 6, 5))
        t.end()
        told = [(branch, row and (row["total"], row["most"])) for branch, row in changes(t)]
    assert sorted(told[:2]) == [("north", (10, 10)), ("north", (15, 10))]
    assert sorted(told[2:4]) == [("north", (5, 5)), ("south", (10, 10))]
    assert told[4] == ("north", (6, 6))
    assert sorted(told[5:], key=str) == [("north", None), ("south", (16, 10))]


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_foreign_key_follows_both_tables(partitions: int) -> None:
    app = bank(lambda accounts, branches: accounts.join(branches, on="branch"))
    with moldau.testing.run(app, partitions=partitions) as t:
        t["branches"].send(Branch("north", "Praha", _at(0)), Branch("south", "Brno", _at(0)))
        t["accounts"].send(account("ann", "north", 10, 1), account("bob", "west", 5, 1))
        t["branches"].send(Branch("north", "Plzen", _at(2)))
        t["accounts"].send(account("ann", "south", 10, 3))
        t["branches"].send(Branch("west", "Cheb", _at(4)))
        t.end()
        told = [(name, row and row["city"]) for name, row in changes(t)]
    # Ann leaves the partition of one branch and enters that of another at one time.
    assert [one for one in told if one != ("ann", None)] == [
        ("ann", "Praha"),
        ("ann", "Plzen"),
        ("ann", "Brno"),
        ("bob", "Cheb"),
    ]


def test_a_table_joined_to_itself_by_another_field() -> None:
    """What it makes comes back to where it reads: the topology parts them."""

    class Person(msgspec.Struct):
        name: str
        boss: str
        time: datetime

    app = moldau.App("people")
    people = app.table(app.topic("people", Person, key="name", event_time="time"))
    bosses = people.select("name", above="boss")
    people.join(bosses, on="boss").join(people.select("name", "time")).to("out")
    with moldau.testing.run(app, partitions=2) as t:
        t["people"].send(
            Person("ann", "bob", _at(1)), Person("bob", "eve", _at(2)), Person("eve", "", _at(3))
        )
        t.end()
        last = {key: row for key, row in changes(t) if row}
    assert {name: row["above"] for name, row in last.items()} == {"ann": "eve", "bob": ""}


# --- where keys lie -----------------------------------------------------------------------------


def joined(**settings: Any) -> moldau.App:
    app = moldau.App("placed")
    orders = app.topic("orders", Order, event_time="time", key="product", **settings)
    prices = app.topic("prices", Price, event_time="time", key="product", **settings)
    app.stream(orders).join(app.table(prices)).to("out")
    return app


def test_promise_13_keys_that_lie_elsewhere_are_refused_instead_of_joined_to_nothing() -> None:
    def by_crc32(t: Any) -> None:  # as librdkafka does, unless it is told otherwise
        for product in ("tea", "milk", "rice"):
            place = crc32(product.encode()) % 2
            t["prices"].send(price(1, 0, product), partition=place)
            t["orders"].send(order(1, 1, product), partition=place)

    with moldau.testing.run(joined(partitioner="crc32"), partitions=2) as t:
        by_crc32(t)
        t.end()
        assert len(t["out"].values()) == 3
    with (
        pytest.raises(StreamsError, match=r"prices is joined .* partitioner='crc32'"),
        moldau.testing.run(joined(), partitions=2) as t,
    ):
        by_crc32(t)


def test_promise_12_a_key_is_what_its_field_is_whichever_way_it_came() -> None:
    """A key that came as bytes and one that was read of a value."""
    app = moldau.App("typed")
    orders = app.topic("orders", Order, event_time="time")
    numbered = app.topic("numbered", Numbered, event_time="time", key="number")
    app.stream(orders).join(app.table(numbered), on="number").to("out")
    with moldau.testing.run(app, partitions=2) as t:
        t["numbered"].send(Numbered(7, _at(0)))
        t["orders"].send(order(7, 1))
        t.end()
        assert [one["number"] for one in t["out"].values()] == [7]


class Numbered(msgspec.Struct):
    number: int
    time: datetime


# --- wrong as written ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("use", "text"),
    [
        (
            lambda s, t: s.join(t, on="prodct"),
            "Order has no field 'prodct'; did you mean 'product'",
        ),
        (lambda s, t: s.join(s, on="product"), "two streams need within="),
        (lambda s, t: s.join(t, on="product", how="right"), "not one of inner, left, outer"),
        (lambda s, t: s.join(t, on="product", within="5s"), "within= is for two streams"),
        (lambda s, t: s.join(t, on="product", left_on="x"), "give on=, or left_on= and right_on="),
        (lambda s, t: s.join(t, left_on="number", right_on="cents"), "by its key, 'product'"),
        (lambda s, t: s.join(t, on="product").select("cent"), "did you mean 'cents'"),
        (lambda s, t: t.join(t, on="prodct"), "did you mean 'product'"),
        (lambda s, t: t.group_by("prodct"), "did you mean 'product'"),
        (lambda s, t: s.join_asof(s, on="product", tolerance="1s", strategy="x"), "backward, for"),
    ],
)
def test_promise_11_what_is_wrong_is_said_where_it_is_written(use: Any, text: str) -> None:
    app = moldau.App("wrong")
    orders = app.topic("orders", Order, event_time="time")
    prices = app.topic("prices", Price, event_time="time", key="product")
    with pytest.raises(DefinitionError, match=text):
        use(app.stream(orders), app.table(prices))
