"""Aggregates of all time, and state over a restart."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.engine.coding import decode, encode
from moldau.streams.engine.reading import Records
from moldau.streams.engine.state import BEGUN, MARKER, State
from moldau.streams.engine.task import Task
from moldau.streams.errors import StreamsError
from moldau.streams.topology import topology
from tests.streams.sales import Sale, revenue, row, sale


def test_the_last_result_of_a_key_holds_all_its_records() -> None:
    app = moldau.App("running")
    sales = app.topic("sales", Sale, event_time="timestamp")
    app.stream(sales).group_by("category").agg(
        total=moldau.sum("amount"), latest=moldau.last("amount"), mean=moldau.mean("amount")
    ).to("totals")
    with moldau.testing.run(app, partitions=2) as t:
        t["sales"].send(sale(5, amount="3.00"), partition=0)
        t["sales"].send(sale(1, amount="1.00"), sale(2, "toys"), partition=1)
        last = {one["category"]: one for one in t["totals"].values()}
    assert last["books"] == {
        "category": "books",
        "total": "4.00",
        "latest": "3.00",
        "mean": "2.00",
    }
    assert last["toys"]["total"] == "1.10"


def test_promise_08_a_task_goes_on_from_its_last_marker() -> None:
    """What was written to the changelog behind the last marker was never checkpointed."""
    app = revenue(key="category")
    made = topology(app.id, app.nodes)
    (stage,) = made.stages
    counts = {"sales": 1, "revenue-per-minute": 1}

    def feed(task: Task, first: int, seconds: list[float]) -> None:
        values = [msgspec.json.encode(sale(second)) for second in seconds]
        count = len(values)
        offsets = range(first, first + count)
        task.feed("sales", Records(offsets, [0] * count, [b"books"] * count, values), 0)

    task = Task(made, stage, 0, counts, State())
    feed(task, 0, [1, 2, 69])
    changelog = [(one.key or b"", one.value) for one in task.checkpoint()]
    feed(task, 3, [3])  # and killed before the next marker
    lost = [(key, value) for key, value in task._state.save()]

    state = State()
    marker = state.restore([*changelog, *lost])
    again = Task(made, stage, 0, counts, state, marker)
    assert again.positions == {"sales": 3}
    feed(again, 3, [3, 80])
    again.ended("sales")
    results: list[Any] = [msgspec.json.decode(one.value) for one in again.outputs if one.value]
    assert results == [row(0, "books", "3.30", 3), row(1, "books", "2.20", 2)]
    assert Decimal(results[0]["revenue"]) == Decimal("3.30")


def test_promise_05_silence_is_counted_from_the_last_record_after_a_restart_too() -> None:
    app = revenue(key="category", close_after_silence="5s")
    made = topology(app.id, app.nodes)
    (stage,) = made.stages
    counts = {"sales": 1, "revenue-per-minute": 1}
    task = Task(made, stage, 0, counts, State())
    assert task.checkpoint() == []  # nothing has happened
    value = msgspec.json.encode(sale(1))
    task.feed("sales", Records([0], [0], [b"books"], [value]), now_ms=1_000_000)
    changelog = [(one.key or b"", one.value) for one in task.checkpoint()]
    assert changelog
    assert task.checkpoint() == []

    state = State()
    again = Task(made, stage, 0, counts, state, state.restore(changelog))
    assert again.checkpoint() == []
    again.tick("sales", now_ms=1_005_000)
    assert again.outputs == []  # 1 s + 5 s - 10 s of lateness: the minute is not over
    again.tick("sales", now_ms=1_069_000)
    assert len(again.outputs) == 1


def test_promise_11_a_program_that_no_longer_fits_its_state_is_refused() -> None:
    kept = _kept(revenue(key="category"))

    def other(
        aggregates: dict[str, Any], window: str = "1m", name: str | None = None
    ) -> moldau.App:
        app = moldau.App("revenue")
        sales = app.topic("sales", Sale, event_time="timestamp", lateness="10s", key="category")
        mapped = app.stream(sales).filter(bool).group_by("category").tumbling(window)
        mapped.agg(name=name, **aggregates).to("revenue-per-minute")
        return app

    same = {"revenue": moldau.sum("amount"), "orders": moldau.count()}
    _again(other(same), kept)  # another stateless step
    with pytest.raises(StreamsError, match=r"'agg-1'.* was tumbling\(1m\) and is tumbling\(2m\)"):
        _again(other(same, "2m"), kept)
    with pytest.raises(StreamsError, match=r"revenue was sum\(amount\) and is max\(amount\) now"):
        _again(other({**same, "revenue": moldau.max("amount")}), kept)
    with pytest.raises(StreamsError, match=r"state of step 'agg-1'.*which the program no longer"):
        _again(other(same, name="other"), kept)
    with pytest.raises(StreamsError, match="from 1 partitions of sales, which has 2 now"):
        _again(other(same), kept, partitions=2)


def _kept(app: moldau.App) -> list[tuple[bytes, bytes | None]]:
    """A changelog of one record."""
    task = _again(app, [])
    value = msgspec.json.encode(sale(1))
    task.feed("sales", Records([0], [0], [b"books"], [value]), 0)
    return [(one.key or b"", one.value) for one in task.checkpoint()]


def _again(app: moldau.App, kept: list[tuple[bytes, bytes | None]], partitions: int = 1) -> Task:
    made = topology(app.id, app.nodes)
    state = State()
    marker = state.restore(kept)
    counts = {"sales": partitions, "revenue-per-minute": 1}
    return Task(made, made.stages[0], 0, counts, state, marker)


def test_promise_08_what_was_cut_off_does_not_come_back_behind_the_next_marker() -> None:
    """A killed checkpoint leaves changes without a marker; the next one may be shorter than it."""
    state = State()
    table = state.table("sums")
    table.saver = lambda: [("kept", 1)]
    marker = encode({"watermark": 0})
    changelog = [*state.save(), (MARKER, marker)]
    table.saver = lambda: [("kept", 2), ("new", 2)]
    changelog += state.save()  # and killed before the marker

    for _ in range(2):
        again = State()
        again.restore(changelog)
        assert dict(again.table("sums").load()) == {"kept": 1}
        changelog += [*again.save(), (MARKER, marker)]


def test_a_changelog_whose_beginning_is_gone_is_not_taken_for_whole() -> None:
    """As when it was deleted, and a producer had it made anew under a worker that ran on."""
    app = revenue(key="category")
    task = _again(app, [])
    changelog: list[tuple[bytes, bytes | None]] = []

    def sell(second: float) -> None:
        value = msgspec.json.encode(sale(second))
        offset = task.positions.get("sales", 0)
        task.feed("sales", Records([offset], [0], [b"books"], [value]), 0)
        changelog.extend((one.key or b"", one.value) for one in task.checkpoint())

    def is_whole(kept: list[tuple[bytes, bytes | None]]) -> bool:
        state = State()
        assert state.restore(kept) is not None
        return state.is_whole

    sell(1)
    first = len(changelog)
    sell(2)
    assert is_whole(changelog)
    assert is_whole(list(dict(changelog).items()))  # compacted
    assert not is_whole(changelog[first:])

    last = decode(dict(changelog)[MARKER] or b"")
    del last["begun"]
    of_before = [one for one in changelog if one[0] != BEGUN]  # a version that wrote none
    assert is_whole([*of_before, (MARKER, encode(last))])
