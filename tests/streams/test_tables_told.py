"""Promises 6 and 8 for tables that go to a topic every so often: any order of arrival, any split
into partitions and batches, any checkpoints and crashes leave in the topic what the table is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

import moldau
from moldau.streams.tables import Table
from tests.streams.test_joins_any_order import Arrival, Shop, drawn, seeds
from tests.streams.world import World

Rows = dict[str, Any]


def counted(shop: Shop) -> Table:
    stream = shop.app.stream(shop.prices)
    return stream.group_by("product").agg(n=moldau.count(), last=moldau.last("price", by="price"))


def grouped(shop: Shop) -> Table:
    """By another field than its key: groups lose their rows."""
    table = shop.app.table(shop.prices)
    return table.group_by(lambda row: str(row.price % 3)).agg(n=moldau.count())


def newest(arrivals: list[Arrival]) -> Rows:
    found: dict[str, Any] = {}
    for one, time, place in arrivals:
        found[one.product] = max(found.get(one.product, ((-1,), 0)), ((time, *place), one.price))
    return {product: price for product, (_, price) in found.items()}


def of_products(arrivals: list[Arrival]) -> Rows:
    found: dict[str, list[tuple[int, int]]] = {}
    for one, time, _ in arrivals:
        found.setdefault(one.product, []).append((time, one.price))
    return {name: [len(prices), max(prices)[1]] for name, prices in found.items()}


def of_groups(arrivals: list[Arrival]) -> Rows:
    groups = [str(price % 3) for price in newest(arrivals).values()]
    return {group: [groups.count(group)] for group in groups}


def told_last(world: World, topic: str) -> Rows:
    last: Rows = {}
    for log in world.logs[topic]:
        for one in log:
            key = (one.key or b"").decode()
            last.pop(key, None)
            if one.value is not None:
                last[key] = list(json.loads(one.value).values())[1:]
    return last


@pytest.mark.parametrize(
    ("table", "expected"), [(counted, of_products), (grouped, of_groups)], ids=["all", "groups"]
)
def test_promise_06_rows_of_tables_end_with_their_last_value(
    table: Callable[[Shop], Table], expected: Callable[[list[Arrival]], Rows]
) -> None:
    @settings(deadline=None, max_examples=50)
    @given(drawn, seeds)
    def last(prices: Any, seed: int) -> None:
        shop = Shop([], prices, seed)
        table(shop).to("some", every="5s").to("each", emit="updates")
        table(shop).filter(lambda row: row["n"] > 0).to("ordered", every="2s")
        shop.run("some")
        found = expected(shop.of_prices)
        for topic in ("some", "each", "ordered"):
            assert told_last(shop.world, topic) == found

    last()
