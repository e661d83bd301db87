"""Quiet means: read to the end, and nothing new for that long."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

import moldau
from moldau.streams.engine.placing import partition_of
from moldau.streams.engine.reading import Records
from moldau.streams.engine.state import State
from moldau.streams.engine.task import Task
from moldau.streams.topology import topology
from tests.streams.sales import revenue, sale


def test_promise_04_lag_is_never_idleness() -> None:
    """A partition that has not been read to its end is told of no silence."""
    app = moldau.App("shop", idle_after="10s")
    rows = app.stream(app.topic("in", dict, event_time="at", unit="ms"))
    rows.group_by(lambda row: "all").tumbling("1s").agg(n=moldau.count()).to("out")
    with moldau.testing.run(app, partitions=2) as t:
        t["in"].send({"at": 0}, {"at": 60_000}, partition=0)
        t.advance("1s")  # of the other partition nothing is known, since now
        t.advance("9s")
        t["in"].send({"at": 120_000}, partition=0)
        assert t["out"].values() == []
        t.advance("1s")
        assert [row["n"] for row in t["out"].values()] == [1, 1]


def test_promise_05_silence_closes_only_windows_whose_end_has_passed() -> None:
    app = revenue(close_after_silence="5s")
    with moldau.testing.run(app) as t:
        t["sales"].send(sale(30))
        t.advance("10s")  # 30 s + 10 s - 10 s of lateness
        assert t["revenue-per-minute"].values() == []
        t.advance("29s")  # 30 s + 39 s - 10 s
        assert t["revenue-per-minute"].values() == []
        t.advance("1s")
        assert [row["orders"] for row in t["revenue-per-minute"].values()] == [1]


class Restarted:
    """A task in which orders wait for prices, which are quiet. Its worker was stopped at 1000 s
    of the wall clock, and is back."""

    def __init__(self) -> None:
        app = moldau.App("shop", idle_after="30s")
        orders, prices = (
            app.topic(name, dict, event_time="at", unit="ms", key="of")
            for name in ("orders", "prices")
        )
        app.stream(orders).join(app.table(prices), on="of").to("priced")
        made = topology(app.id, app.nodes)
        (stage,) = made.stages
        counts = {"orders": 1, "prices": 1, "priced": 1}
        self.task = Task(made, stage, 0, counts, State())
        self.read("prices", 0, 1_000_000)
        for at in (60_000, 61_000):  # time passes the first one
            self.read("orders", at, 1_000_000)
        changelog = [(one.key or b"", one.value) for one in self.task.checkpoint()]
        state = State()
        self.task = Task(made, stage, 0, counts, state, state.restore(changelog))

    def read(self, topic: str, at: int, now_ms: int) -> None:
        offset = self.task.positions.get(topic, 0)
        value = msgspec.json.encode({"of": "tea", "at": at, topic: at})
        self.task.feed(topic, Records([offset], [0], [b"tea"], [value]), now_ms)

    def of_prices(self) -> list[int]:
        """When those came that the orders have."""
        return [msgspec.json.decode(one.value or b"")["prices"] for one in self.task.outputs]


def test_promise_04_quiet_is_counted_from_the_last_record_after_a_restart_too() -> None:
    restarted = Restarted()
    assert restarted.of_prices() == []
    restarted.task.tick("prices", 1_029_000)
    assert restarted.of_prices() == []
    restarted.task.tick("prices", 1_030_000)
    assert restarted.of_prices() == [0]


def test_promise_04_what_came_while_no_worker_ran_is_not_late() -> None:
    """A worker tells of quiet when a partition is read to its end, and that is behind it."""
    restarted = Restarted()
    restarted.read("prices", 500, 5_000_000)
    for now_ms in (5_001_000, 5_029_000):
        restarted.task.tick("prices", now_ms)
        assert restarted.of_prices() == []
    restarted.task.tick("prices", 5_030_000)
    assert restarted.of_prices() == [500]


def test_promise_04_what_is_closed_while_a_partition_is_quiet_is_closed_for_all_of_it() -> None:
    """Also behind a split into partitions: from the second record on, it opened windows again."""
    app = moldau.App("shop", idle_after="10s")
    rows = app.stream(app.topic("in", dict, event_time="at", unit="ms"))
    seconds = rows.group_by("k").tumbling("1s")
    seconds.agg(n=moldau.count(), late="late").to("out")
    with moldau.testing.run(app, partitions=2) as t:
        t["in"].send({"k": "a", "at": 100}, partition=1)
        t["in"].send(*({"k": "a", "at": 1000 * n} for n in range(20)), partition=0)
        t.advance("10s")
        t["in"].send({"k": "a", "at": 20_000}, partition=0)
        for at in (5000, 6000, 7000):
            t["in"].send({"k": "a", "at": at}, partition=1)
        t.end()
        assert [row["n"] for row in t["out"].values()] == [2] + [1] * 20
        assert [row["at"] for row in t["late"].values()] == [5000, 6000, 7000]


def test_promise_04_what_is_closed_is_closed_after_a_restart_too() -> None:
    """It was neither joined nor late, and gone."""
    app = moldau.App("shop", idle_after="10s")
    left, right = (app.topic(n, dict, event_time="at", unit="ms", key="k") for n in ("a", "b"))
    joined = app.stream(left).join(
        app.stream(right), lambda one, _: one, on="k", within="100ms", how="left", late="late"
    )
    joined.to("out")
    task = Restarting(app, 0)
    task.read("b", [500], 1_000_000)
    task.read("a", range(0, 20_000, 1000), 1_000_000)
    task.now.tick("b", 1_010_000)
    task.restart()
    task.read("b", [5000, 30_000], 1_011_000)
    task.read("a", [30_000], 1_011_000)
    assert [msgspec.json.decode(one)["at"] for one in task.sent("late")] == [5000]


def test_promise_04_what_came_while_no_worker_ran_is_not_late_in_another_partition() -> None:
    """The task that counts has heard that partition 1 is quiet."""
    app = moldau.App("shop", idle_after="10s")
    rows = app.stream(app.topic("in", dict, event_time="at", unit="ms"))
    rows.group_by("k").tumbling("1s").agg(n=moldau.count()).to("out")
    sources, counts = [Restarting(app, 0, partition=n) for n in range(2)], Restarting(app, 1)

    def go_on() -> list[int]:
        for one in sources:
            counts.take(one.sent(counts.topic))
        return [msgspec.json.decode(one)["n"] for one in counts.sent("out")]

    for one, until in zip(sources, (20_000, 1000), strict=True):
        one.read("in", range(0, until, 1000), 1_000_000)
        one.now.announce()
    sources[1].now.tick("in", 1_010_000)
    sources[1].now.announce()
    assert go_on() == [2] + [1] * 18
    for one in (*sources, counts):
        one.restart()
    assert go_on() == []  # as a worker does, before it reads
    sources[0].read("in", range(20_000, 30_000, 1000), 5_000_000)
    assert go_on() == []  # the other is not read to its end yet
    sources[1].read("in", range(20_000, 30_000, 1000), 5_000_000)
    assert go_on() == [1] + [2] * 9


class Restarting:
    """A task of a program, over restarts."""

    def __init__(self, app: moldau.App, stage: int, partition: int = 0) -> None:
        self._topology = topology(app.id, app.nodes)
        self._stage = self._topology.stages[stage]
        self._partition = partition
        self.topic = self._stage.topics[0]
        self._counts = dict.fromkeys([*self._stage.topics, "out", "late"], 1) | {"in": 2}
        for other in self._topology.stages:
            self._counts |= {one: 1 for one in other.topics if one not in self._counts}
        state = State()
        self.now = Task(self._topology, self._stage, partition, self._counts, state)

    def restart(self) -> None:
        changelog = [(one.key or b"", one.value) for one in self.now.checkpoint()]
        state = State()
        marker = state.restore(changelog)
        self.now = Task(self._topology, self._stage, self._partition, self._counts, state, marker)

    def read(self, topic: str, times: Sequence[int], now_ms: int) -> None:
        values = [msgspec.json.encode({"k": "a", "at": at}) for at in times]
        self._feed(topic, values, now_ms)

    def take(self, values: Sequence[bytes]) -> None:
        self._feed(self.topic, values, 0)

    def _feed(self, topic: str, values: Sequence[bytes], now_ms: int) -> None:
        count, begin = len(values), self.now.positions.get(topic, 0)
        if count:
            offsets, keys = range(begin, begin + count), [b"a"] * count
            self.now.feed(topic, Records(offsets, [0] * count, keys, list(values)), now_ms)

    def sent(self, topic: str) -> list[bytes]:
        """Since it was asked last."""
        values = [one.value or b"" for one in self.now.outputs if one.topic == topic]
        self.now.outputs[:] = [one for one in self.now.outputs if one.topic != topic]
        return values


def _seconds_of_all(app: moldau.App) -> None:
    """Counts by key, in the partitions that the keys lie in, and of these counts the sum."""
    rows = app.stream(app.topic("in", dict, event_time="at", unit="ms", key="k"))
    seconds = rows.group_by("k").tumbling("1s").agg(n=moldau.count())
    seconds.group_by(lambda row: "all").tumbling("10s").agg(n=moldau.sum("n")).to("out")


def test_promise_04_a_task_that_hears_of_nothing_does_not_hold_back_what_is_behind_it() -> None:
    """One of two partitions is empty."""
    app = moldau.App("shop", idle_after="10s")
    _seconds_of_all(app)
    with moldau.testing.run(app, partitions=2) as t:
        t["in"].send(*({"k": "a", "at": 1000 * n} for n in range(22)))
        t.advance("1s")
        assert t["out"].values() == []
        t.advance("10s")
        t["in"].send(*({"k": "a", "at": 1000 * n} for n in range(22, 32)))
        assert [row["n"] for row in t["out"].values()] == [10, 10, 10]


def test_promise_04_what_a_quiet_task_has_still_to_tell_is_waited_for() -> None:
    """It would be late: its window is open, and its next record may come a minute later."""
    app = moldau.App("shop", idle_after="10s")
    _seconds_of_all(app)
    with moldau.testing.run(app, partitions=2) as t:
        t["in"].send({"k": "c", "at": 500})
        other = next(key for key in "abdef" if _place(key) != _place("c"))
        t["in"].send(*({"k": other, "at": 1000 * n} for n in range(32)))
        t.advance("1s")
        t.advance("10s")
        t["in"].send({"k": other, "at": 33_000})
        assert t["out"].values() == []
        t["in"].send({"k": "c", "at": 33_000})
        assert [row["n"] for row in t["out"].values()] == [11, 10, 10]


def _place(key: str) -> int:
    return partition_of(key.encode(), 2)
