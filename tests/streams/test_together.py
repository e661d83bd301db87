"""Many records of a key and window are taken in with one call: as if they came one by one."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.clock import AFTER_ALL
from moldau.streams.engine.counts import Counts
from moldau.streams.engine.reading import Records
from moldau.streams.engine.state import State
from moldau.streams.engine.task import Task
from moldau.streams.topology import topology
from tests.streams.sales import Sale, sale

WINDOWS: dict[str, Callable[[Any], Any]] = {
    "tumbling": lambda grouped: grouped.tumbling("10s"),
    "hopping": lambda grouped: grouped.hopping("10s", "4s"),
    "calendar": lambda grouped: grouped.calendar("day"),
}


class Keyed(msgspec.Struct):
    category: str | None
    amount: Decimal
    timestamp: datetime


def keyless(one: Sale) -> Keyed:
    return Keyed(None, one.amount, one.timestamp)


def results(
    window: Callable[[Any], Any], records: list[tuple[bytes | None, Sale]], size: int
) -> Any:
    """What comes of the records, in batches of so many; and how many were late."""
    app = moldau.App("together")
    sales = app.topic("sales", Keyed, event_time="timestamp", lateness="3s", key="category")
    window(app.stream(sales).group_by("category")).agg(
        revenue=moldau.sum("amount"),
        orders=moldau.count(),
        least=moldau.min("amount"),
        most=moldau.max("amount"),
        mean=moldau.mean("amount"),
        seconds=moldau.sum(lambda one: one.timestamp.timestamp()),
        own=moldau.fold(int, lambda state, one: state + len(one.category)),
        name="sums",
    ).to("out")
    made = topology(app.id, app.nodes)
    (stage,) = made.stages
    counts = Counts()
    task = Task(made, stage, 0, {"sales": 1, "out": 1}, State(), counts=counts)
    for first in range(0, len(records), size):
        part = records[first : first + size]
        offsets = range(first, first + len(part))
        values = [msgspec.json.encode(value if key else keyless(value)) for key, value in part]
        task.feed("sales", Records(offsets, [0] * len(part), [key for key, _ in part], values), 0)
    task.ended("sales")
    assert task._clock.watermark == AFTER_ALL
    late = sum(one.late for one in counts.steps.values())
    return [msgspec.json.decode(one.value or b"") for one in task.outputs], late


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("steady", [True, False], ids=["in time", "some late"])
def test_promise_06_batches_of_any_size_give_the_same(
    window: Callable[[Any], Any], steady: bool
) -> None:
    dice = random.Random(8)
    records: list[tuple[bytes | None, Sale]] = []
    for number in range(1200):
        category = dice.choice(["books", "toys", "food"])
        second = number / 20 - dice.uniform(0, 2 if steady else 20)
        one = sale(max(second, 0.0), category, f"{dice.randrange(1, 100_000) / 100:.2f}")
        records.append((None if number % 50 == 0 else category.encode(), one))
    alone, late = results(window, records, 1)
    assert late == 0 if steady else late > 0 or window is WINDOWS["calendar"]
    assert sum(row["orders"] for row in alone) > 1000 - late
    for size in (7, 100, 1200):
        assert results(window, records, size) == (alone, late)
