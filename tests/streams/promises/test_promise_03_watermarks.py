"""Watermarks cross a repartition in order with the data, whoever made it and by whatever ways."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.engine.operators import MOST_BYTES
from tests.streams.world import World

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Sale(msgspec.Struct):
    shop: str
    time: datetime
    amount: int
    note: str = ""


def sale(second: int, shop: str = "a", note: str = "") -> Sale:
    return Sale(shop, EPOCH + timedelta(seconds=second), 1, note)


def same(one: Sale) -> Sale:
    return one


def run(app: moldau.App, sales: list[Sale], seed: int, crashes: int = 0) -> list[Any]:
    world = World(app, 2, random.Random(seed), exactly_once=bool(seed % 2))
    for number, one in enumerate(sales):
        world.send("sales", one, None, number % 2)
    world.run(crashes)
    return [row for _, row, _ in world.results("out")]


@pytest.mark.parametrize("seed", range(10))
def test_promise_03_windows_of_windows_wait_for_all_that_closes_at_one_watermark(seed: int) -> None:
    """What closes at one watermark leaves in several frames; the watermark is behind the last."""
    app = moldau.App("shop")
    sales = app.topic("sales", Sale, event_time="time")
    seconds = app.stream(sales).group_by("shop").tumbling("1s").agg(sold=moldau.sum("amount"))
    tens = seconds.group_by(lambda row: "all").tumbling("10s").agg(sold=moldau.sum("sold"))
    tens.to("out")
    rows = run(app, [sale(n, "ab"[n % 2]) for n in range(40)], seed, crashes=seed % 3)
    assert [row["sold"] for row in rows] == [10, 10, 10, 10]


@pytest.mark.parametrize("seed", range(4))
def test_promise_03_what_several_branches_make_of_one_record_crosses_together(seed: int) -> None:
    app = moldau.App("shop")
    sales = app.stream(app.topic("sales", Sale, event_time="time"))
    both = sales.map(same).merge(sales.map(same))
    both.group_by("shop").tumbling("10s").agg(sold=moldau.sum("amount")).to("out")
    rows = run(app, [sale(n) for n in range(20)], seed, crashes=seed % 3)
    assert [row["sold"] for row in rows] == [20, 20]


def test_promise_03_a_frame_that_is_too_large_is_cut_between_records() -> None:
    app = moldau.App("shop")
    rows = app.stream(app.topic("rows", dict, event_time=lambda row: row["time"], unit="ms"))
    twice = rows.flat_map(lambda row: [row, row])
    twice.group_by("shop").tumbling("10s").agg(rows=moldau.count()).to("out")
    row = {"shop": "a", "note": "n" * (MOST_BYTES // 5)}
    with moldau.testing.run(app) as t:
        t["rows"].send(*({**row, "time": 1000 * n} for n in range(10)))
        frames = [one.value or b"" for one in t["shop-agg-1-repartition"].records()]
        t.end()
        assert [row["rows"] for row in t["out"].values()] == [20]
    assert max(map(len, frames)) <= MOST_BYTES
