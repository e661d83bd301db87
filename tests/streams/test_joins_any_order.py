"""Promises 6, 8, 13 and 15 as properties: any order of arrival within the lateness, any split into
partitions and batches, and crashes at any point give what a plain computation over the records
gives."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moldau
from moldau.streams.program import Topic
from tests.drawn import share
from tests.streams.world import World

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATENESS_MS = 4000


class Order(msgspec.Struct, frozen=True):
    product: str
    time: datetime
    number: int


class Price(msgspec.Struct, frozen=True):
    product: str
    time: datetime
    price: int


drawn = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 20)), max_size=10)
seeds = st.integers(0, 1 << 32)
Arrival = tuple[Any, int, tuple[int, int]]  # a record, its time in ms, its partition and offset


class Shop:
    """Orders and prices, sent in an order that the lateness allows."""

    def __init__(
        self, orders: list[Any], prices: list[Any], seed: int, *, is_keyed: bool = True
    ) -> None:
        self.chance = random.Random(seed)
        self.partitions = self.chance.randint(1, 3)
        self.app = moldau.App("shop")
        key = "product" if is_keyed else None
        times: Any = {"event_time": "time", "lateness": "4s"}
        self.orders = self.app.topic("orders", Order, key=key, **times)
        self.prices = self.app.topic("prices", Price, key="product", **times)
        self._made: list[tuple[Topic, Any]] = [
            (self.orders, Order(key, at(time), number)) for number, (key, time) in enumerate(orders)
        ]
        self._made += [
            (self.prices, Price(key, at(time), price)) for price, (key, time) in enumerate(prices)
        ]
        self._is_keyed = is_keyed
        self.of_orders: list[Arrival] = []
        self.of_prices: list[Arrival] = []

    def run(self, topic: str = "out", spread_ms: int = LATENESS_MS) -> list[Any]:
        exactly_once = self.chance.random() < 0.5
        world = self.world = World(self.app, self.partitions, self.chance, exactly_once)
        self._made.sort(key=lambda one: ms(one[1].time) + self.chance.uniform(0, spread_ms))
        for to, value in self._made:
            place = None
            if to is self.orders and not self._is_keyed:
                place = self.chance.randrange(self.partitions)
            where = world.send(to.name, value, value.product, place)
            arrivals = self.of_orders if to is self.orders else self.of_prices
            arrivals.append((value, ms(value.time), where))
        world.run(crashes=self.chance.choice((0, 1, 4)))
        return world.results(topic)


def at(second: int) -> datetime:
    return EPOCH + timedelta(seconds=second)


def ms(time: datetime) -> int:
    return (time - EPOCH) // timedelta(milliseconds=1)


def pairs(found: list[Any]) -> list[Any]:
    """Which order met which price, and when it was told."""
    return sorted(
        ((row["number"], row["price"], time) for _, row, time in found),
        key=lambda one: tuple((part is None, part) for part in one),
    )


def _sorted(rows: list[Any]) -> list[Any]:
    return sorted(rows, key=lambda one: tuple((part is None, part) for part in one))


def anything(function: Any) -> Any:
    return settings(deadline=None, max_examples=share(60))(given(drawn, drawn, seeds)(function))


def last_before(prices: list[Arrival], product: str, time: int) -> int | None:
    versions = [
        (when, place, one.price)
        for one, when, place in prices
        if one.product == product and when <= time
    ]
    return max(versions)[2] if versions else None


@anything
def test_promise_15_a_table_is_looked_up_as_of_the_record_s_time(
    orders: Any, prices: Any, seed: int
) -> None:
    shop = Shop(orders, prices, seed, is_keyed=bool(seed % 2))
    table = shop.app.table(shop.prices)
    shop.app.stream(shop.orders).join(table, on="product", how="left").to("out")
    found = pairs(shop.run())
    expected = [
        (one.number, last_before(shop.of_prices, one.product, time), time)
        for one, time, _ in shop.of_orders
    ]
    assert found == _sorted(expected)


def floors(arrivals: list[Arrival]) -> list[int]:
    """For each, the watermark of its partition just before it."""
    highest: dict[int, int] = {}
    found = []
    for _, time, (partition, _) in arrivals:
        found.append(highest.get(partition, -(1 << 62)) - LATENESS_MS)
        highest[partition] = max(time, highest.get(partition, time))
    return found


@anything
def test_promise_02_late_orders_and_prices_do_not_depend_on_speed(
    orders: Any, prices: Any, seed: int
) -> None:
    """A late price counts from its partition's watermark on; a late order is left out when it is
    later than the table's history."""
    shop = Shop(orders, prices, seed, is_keyed=bool(seed % 2))
    table = shop.app.table(shop.prices, history="2s")
    shop.app.stream(shop.orders).join(table, on="product", how="left").to("out")
    found = pairs(shop.run(spread_ms=15_000))
    priced = list(zip(shop.of_prices, floors(shop.of_prices), strict=True))
    expected = []
    for (one, time, _), floor in zip(shop.of_orders, floors(shop.of_orders), strict=True):
        if time + 2000 < floor:
            continue
        versions = [
            (when, place, other.price)
            for (other, when, place), since in priced
            if other.product == one.product and max(when, since) <= time
        ]
        expected.append((one.number, max(versions)[2] if versions else None, time))
    assert found == _sorted(expected)


@anything
def test_promise_15_two_streams_within_an_interval(orders: Any, prices: Any, seed: int) -> None:
    """Outer misses come out once."""
    how: Any = ("inner", "left", "outer")[seed % 3]
    shop = Shop(orders, prices, seed, is_keyed=bool(seed % 2))
    stream = shop.app.stream(shop.orders)
    stream.join(shop.app.stream(shop.prices), on="product", how=how, within=("2s", "3s")).to("out")
    found = pairs(shop.run())
    expected: list[Any] = []
    met: set[Any] = set()
    for one, time, _ in shop.of_orders:
        for other, then, _ in shop.of_prices:
            if one.product == other.product and -2000 <= then - time <= 3000:
                expected.append((one.number, other.price, max(time, then)))
                met |= {one, other}
    if how != "inner":
        missed = ((one, time) for one, time, _ in shop.of_orders if one not in met)
        expected += [(one.number, None, time + 3000) for one, time in missed]
    if how == "outer":
        lonely = ((one, time) for one, time, _ in shop.of_prices if one not in met)
        expected += [(None, one.price, time + 2000) for one, time in lonely]
    assert found == _sorted(expected)


@anything
@pytest.mark.slow
def test_promise_15_as_of_joins_of_two_streams(orders: Any, prices: Any, seed: int) -> None:
    strategy: Any = ("backward", "forward", "nearest")[seed % 3]
    shop = Shop(orders, prices, seed, is_keyed=bool(seed // 3 % 2))
    right = shop.app.stream(shop.prices)
    shop.app.stream(shop.orders).join_asof(
        right, on="product", strategy=strategy, tolerance="5s"
    ).to("out")
    found = [one[:2] for one in pairs(shop.run())]
    expected = []
    for one, time, _ in shop.of_orders:
        near = [
            (then - time, place, other.price)
            for other, then, place in shop.of_prices
            if other.product == one.product and abs(then - time) <= 5000
        ]
        back = max((each for each in near if each[0] <= 0), default=None)
        ahead = min((each for each in near if each[0] >= 0), default=None)
        if strategy == "backward" or (
            strategy == "nearest" and back and (not ahead or -back[0] <= ahead[0])
        ):
            ahead = back
        expected.append((one.number, None if ahead is None else ahead[2]))
    assert found == _sorted(expected)


def table_of(arrivals: list[Arrival]) -> dict[str, Any]:
    """The newest of each key."""
    rows: dict[str, Any] = {}
    for one, _, _ in sorted(arrivals, key=lambda each: each[1:]):
        rows[one.product] = one
    return rows


def final(found: list[Any]) -> dict[str, Any]:
    """The last row of each key, by time, then by arrival."""
    rows = {key: row for key, row, _ in sorted(found, key=lambda one: one[2])}
    return {key: row for key, row in rows.items() if row is not None}


@anything
def test_promise_06_two_tables_by_key(orders: Any, prices: Any, seed: int) -> None:
    how: Any = ("inner", "left", "outer")[seed % 3]
    shop = Shop(orders, prices, seed)
    left, right = shop.app.table(shop.orders), shop.app.table(shop.prices)
    left.join(right, lambda a, b: [a and a.number, b and b.price], how=how).to("out")
    rows = final(shop.run())
    lefts, rights = table_of(shop.of_orders), table_of(shop.of_prices)
    keys = {
        "inner": lefts.keys() & rights.keys(),
        "left": lefts.keys(),
        "outer": lefts.keys() | rights.keys(),
    }[how]
    expected = {
        key: [
            lefts[key].number if key in lefts else None,
            rights[key].price if key in rights else None,
        ]
        for key in keys
    }
    assert rows == expected


@anything
def test_promise_08_a_stream_that_is_joined_and_goes_elsewhere_too(
    orders: Any, prices: Any, seed: int
) -> None:
    """What goes elsewhere leaves a task that has state: a repetition must be known as one."""
    shop = Shop(orders, prices, seed)
    stream, other = shop.app.stream(shop.orders), shop.app.stream(shop.prices)
    stream.join(shop.app.table(shop.prices)).to("out")
    both = stream.select("number").merge(other.select(number="price"))
    numbers = moldau.collect("number", by="number")
    both.group_by(lambda one: one["number"] % 3).tumbling("8s").agg(numbers=numbers).to("thirds")
    found = sorted(number for _, row, _ in shop.run("thirds") for number in row["numbers"])
    made = [one.number for one, _, _ in shop.of_orders]
    assert found == sorted([*made, *(one.price for one, _, _ in shop.of_prices)])


class Renamed(msgspec.Struct, frozen=True):
    """A row that is keyed by its name, and names a product."""

    name: str
    time: datetime
    product: str
    number: int


@settings(deadline=None, max_examples=share(60))
@given(
    st.lists(
        st.tuples(st.sampled_from("xyz"), st.sampled_from("abc"), st.integers(0, 20)), max_size=12
    ),
    drawn,
    seeds,
)
@pytest.mark.slow
def test_promise_06_a_foreign_key(rows: Any, prices: Any, seed: int) -> None:
    how: Any = ("inner", "left")[seed % 2]
    shop, sent = Shop([], prices, seed), []
    names = shop.app.topic("names", Renamed, key="name", event_time="time", lateness="4s")
    for number, (name, product, time) in enumerate(rows):
        sent.append((names, Renamed(name, at(time), product, number)))
    shop.app.table(names).join(shop.app.table(shop.prices), on="product", how=how).to("out")
    arrivals = run_with(shop, sent, lambda one: one.name)
    found = final(arrivals.results)
    newest: dict[str, Renamed] = {}
    for one, _, _ in sorted(arrivals.sent, key=lambda each: each[1:]):
        newest[one.name] = one
    priced = table_of(shop.of_prices)
    expected = {
        name: (one.number, priced[one.product].price if one.product in priced else None)
        for name, one in newest.items()
        if how == "left" or one.product in priced
    }
    assert {name: (row["number"], row["price"]) for name, row in found.items()} == expected


@settings(deadline=None, max_examples=share(60))
@given(
    st.lists(
        st.tuples(st.sampled_from("xyz"), st.sampled_from("abc"), st.integers(0, 20)), max_size=12
    ),
    seeds,
)
def test_promise_12_a_table_s_rows_leave_the_group_that_they_were_in(rows: Any, seed: int) -> None:
    shop, sent = Shop([], [], seed), []
    names = shop.app.topic("names", Renamed, key="name", event_time="time", lateness="4s")
    for number, (name, product, time) in enumerate(rows):
        sent.append((names, Renamed(name, at(time), product, number)))
    shop.app.table(names).filter(lambda row: row.number % 5).group_by("product").agg(
        total=moldau.sum("number"), most=moldau.max("number"), rows=moldau.count()
    ).to("out")
    arrivals = run_with(shop, sent, lambda one: one.name)
    newest: dict[str, Renamed] = {}
    for one, _, _ in sorted(arrivals.sent, key=lambda each: each[1:]):
        newest[one.name] = one
    expected = {}
    for product in "abc":
        of = [n.number for n in newest.values() if n.product == product and n.number % 5]
        if of:
            expected[product] = {
                "product": product,
                "total": sum(of),
                "most": max(of),
                "rows": len(of),
            }
    assert final(arrivals.results) == expected


class Run:
    def __init__(self, sent: list[Arrival], results: list[Any]) -> None:
        self.sent = sent
        self.results = results


def run_with(shop: Shop, more: list[tuple[Topic, Any]], key: Callable[[Any], str]) -> Run:
    """The shop's prices, and these."""
    chance = shop.chance
    world = World(shop.app, shop.partitions, chance, chance.random() < 0.5)
    made = [one for one in shop._made if one[0].name in world.logs] + more
    made.sort(key=lambda one: ms(one[1].time) + chance.uniform(0, LATENESS_MS))
    sent: list[Arrival] = []
    for topic, value in made:
        of_prices = topic is shop.prices
        where = world.send(topic.name, value, value.product if of_prices else key(value))
        (shop.of_prices if of_prices else sent).append((value, ms(value.time), where))
    world.run(crashes=chance.choice((0, 1, 4)))
    return Run(sent, world.results("out"))


@settings(deadline=None, max_examples=share(60))
@given(drawn, seeds)
def test_promise_03_a_stream_that_is_joined_to_itself_meets_itself(orders: Any, seed: int) -> None:
    """It comes by two ways, of which one is read before the other, also to its end."""
    shop = Shop(orders, [], seed, is_keyed=False)
    stream = shop.app.stream(shop.orders)
    stream.join(stream, on="product", within="3s").to("out")
    found = sorted((row["number"], row["number_right"]) for _, row, _ in shop.run())
    assert found == sorted(
        (one.number, other.number)
        for one, when, _ in shop.of_orders
        for other, then, _ in shop.of_orders
        if one.product == other.product and abs(when - then) <= 3000
    )
