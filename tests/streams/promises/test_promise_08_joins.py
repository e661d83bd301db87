"""What a join keeps: cut back to the marker, and no longer than it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.engine.reading import Records
from moldau.streams.engine.state import State
from moldau.streams.engine.task import Task
from moldau.streams.topology import topology

Changes = list[tuple[bytes, bytes | None]]


class Run:
    """A program's only stage, with its changelog."""

    def __init__(self, app: moldau.App) -> None:
        self._topology = topology(app.id, app.nodes)
        self.changelog: Changes = []
        self.begin()

    def begin(self, *, repairs: bool = True) -> State:
        """Anew, from the changelog."""
        state = State()
        marker = state.restore(self.changelog)
        if not repairs:
            state._repairs.clear()
        (stage,) = self._topology.stages
        counts = dict.fromkeys([*stage.topics, "out"], 1)
        self.state = state
        self.task = Task(self._topology, stage, 0, counts, state, marker)
        return state

    def feed(self, topic: str, *rows: Mapping[str, Any]) -> None:
        begin = self.task.positions.get(topic, 0)
        values: list[bytes | None] = [msgspec.json.encode(row) for row in rows]
        count = len(rows)
        offsets = range(begin, begin + count)
        keys: list[bytes | None] = [row["k"].encode() for row in rows]
        self.task.feed(topic, Records(offsets, [0] * count, keys, values), 0)

    def checkpoint(self) -> None:
        self.changelog += [(one.key or b"", one.value) for one in self.task.checkpoint()]

    def ended(self, *topics: str) -> list[Any]:
        for topic in topics:
            self.task.ended(topic)
        return [one.value for one in self.task.outputs]


@pytest.mark.parametrize(("repairs", "pairs"), [(True, 1), (False, 2)])
def test_promise_08_what_waited_behind_the_last_marker_is_not_joined_twice(
    repairs: bool, pairs: int
) -> None:
    """Without the repair of what was cut off it would be: this test can fail."""
    app = moldau.App("shop")
    left, right = (
        app.topic(name, dict, key="k", event_time="at", unit="ms", lateness="10s")
        for name in ("left", "right")
    )
    app.stream(left).join(app.stream(right), lambda one, two: [one, two], within="5s").to("out")
    run = Run(app)
    run.feed("right", {"k": "a", "at": 1})
    run.checkpoint()
    run.feed("left", {"k": "a", "at": 1})
    run.changelog += run.state.save()  # killed in front of the marker
    run.begin(repairs=repairs)
    run.feed("right", {"k": "b", "at": 2})
    run.checkpoint()
    run.begin()
    run.feed("left", {"k": "a", "at": 1})
    assert len(run.ended("left", "right")) == pairs


def test_promise_11_a_table_forgets_what_it_was_before_its_history() -> None:
    app = moldau.App("shop")
    orders, prices = (
        app.topic(name, dict, key="k", event_time="at", unit="ms") for name in ("orders", "prices")
    )
    table = app.table(prices, history="2s", name="prices")
    app.stream(orders).join(table, lambda one, two: [one, two]).to("out")
    run = Run(app)
    for at in range(0, 100_000, 1000):
        run.feed("prices", {"k": "a", "at": at})
        run.feed("orders", {"k": "a", "at": at})
        run.checkpoint()
    state = State()
    state.restore(run.changelog)
    kept = [since for (_, since), _ in state.table("prices").load()]
    assert len(kept) <= 5
    assert min(kept) >= 95_000
