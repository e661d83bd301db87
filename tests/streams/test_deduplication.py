"""The first record of each key, whatever order they come in and however little memory there is."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moldau
from moldau.streams.engine import held
from moldau.streams.engine.coding import encode
from moldau.streams.engine.values import ValueFormat
from tests.drawn import share
from tests.streams.test_held import MOST_ROWS, Row, Run
from tests.streams.world import World

LATENESS_MS = 3000
WITHIN_MS = 4000
drawn = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 20)), max_size=14)


@settings(deadline=None, max_examples=share(60))
@given(drawn, st.integers(0, 1 << 32))
def test_promise_02_the_first_of_each_key_is_there_once(drawn: Any, seed: int) -> None:
    """Of what comes too late for the watermark of its partition, nothing."""
    chance = random.Random(seed)
    partitions = chance.randint(1, 3)
    app = moldau.App("first")
    orders = app.topic("orders", Row, event_time="ms", unit="ms", lateness="3s", key="product")
    app.stream(orders).deduplicate("product", within="4s", by="n").to("out")
    world = World(app, partitions, chance, chance.random() < 0.5)
    rows = [Row(key, number, second * 1000) for number, (key, second) in enumerate(drawn)]
    spread = chance.choice((LATENESS_MS, 12_000))
    rows.sort(key=lambda one: one.ms + chance.uniform(0, spread))
    highest: dict[int, int] = {}
    in_time = []
    for one in rows:
        partition, _ = world.send("orders", one, one.product)
        if one.ms >= highest.get(partition, 0) - LATENESS_MS:
            in_time.append(one)
        highest[partition] = max(highest.get(partition, 0), one.ms)
    world.run(crashes=chance.choice((0, 1, 4)))
    expected, kept = [], dict[str, int]()
    for one in sorted(in_time, key=lambda each: (each.ms, each.n)):
        if one.product not in kept or one.ms > kept[one.product] + WITHIN_MS:
            kept[one.product] = one.ms
            expected.append(one.n)
    assert sorted(row["n"] for _, row, _ in world.results("out")) == sorted(expected)


ORDERS = 10_000


def test_what_waits_is_bounded_and_every_key_is_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program is started anew in the middle."""
    monkeypatch.setattr(held, "CHUNK", 100)
    monkeypatch.setattr(held, "CHUNKS", 4)
    run = Run(first_orders(), tmp_path)
    for first in range(0, ORDERS, 100):
        run.feed("orders", [Row(f"p{n // 2}", n, n) for n in range(first, first + 100)])
        if first == ORDERS // 2:
            run.commit()
            run.begin()
    assert not run.left
    run.end()
    assert [one["n"] for one in run.left] == list(range(0, ORDERS, 2))
    assert 0 < run.most_rows < MOST_ROWS < ORDERS // 4
    run.commit()
    assert run.rows_on_disk(b"deduplicate-1-held") == 0


def test_what_waited_in_an_earlier_release_is_there(tmp_path: Path) -> None:
    """It had a row for each record."""
    run = Run(first_orders(), tmp_path)
    run.feed("orders", [Row("p9", 0, 0)])
    run.commit()
    assert run._store is not None
    assert run._store.stamp is not None
    value = ValueFormat(Row).encode
    rows = [Row("p1", 2, 5), Row("p1", 1, 4), Row("p2", 3, 6)]
    run._store.write(
        {
            b"deduplicate-1-waiting\0" + encode((row.ms, 0, at, 0)): encode(
                [row.product, (0, at, 0), value(row)]
            )
            for at, row in enumerate(rows, 1)
        },
        run._store.stamp,
    )
    run.begin()
    run.commit()
    assert run.rows_on_disk(b"deduplicate-1-waiting") == 0
    run.begin()
    run.end()
    assert [one["n"] for one in run.left] == [0, 1, 3]


def first_orders() -> moldau.App:
    app = moldau.App("first")
    orders = app.topic("orders", Row, event_time="ms", unit="ms", key="product", lateness="20s")
    app.stream(orders).deduplicate("product", within="1s").to("out")
    return app
