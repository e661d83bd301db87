"""Timers, cron, tasks, hooks and punctuation, on the virtual clock."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

import pytest

import moldau
from moldau.streams.chores import RunningChores
from moldau.streams.errors import DefinitionError, StreamsError
from moldau.streams.running import hooks
from moldau.streams.running.hooks import Hooks
from moldau.streams.running.host import AsyncHost
from moldau.streams.running.patience import Patience
from moldau.streams.running.worker import Worker
from tests.streams.sales import Sale, sale
from tests.streams.test_agents_on_a_broker import fill, servers
from tests.streams.test_windowed_sum import read

__all__ = ["servers"]


def program() -> tuple[moldau.App, Any, Any]:
    app = moldau.App("chores")
    sales = app.topic("sales", Sale, event_time="timestamp", lateness="10s")
    return app, sales, app.topic("out")


@pytest.mark.parametrize("is_async", [False, True])
def test_a_timer_fires_at_the_multiples_of_its_interval(is_async: bool) -> None:
    app, sales, out = program()
    app.stream(sales)
    if is_async:

        @app.timer("10s")
        async def tick() -> None:
            await out.send(1)

    else:

        @app.timer("10s")
        def tock() -> None:
            out.send(1)

    with moldau.testing.run(app, start=datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC)) as t:
        t.advance("6999ms")
        assert t[out].records() == []
        t.advance("1ms")
        assert [one.timestamp % 60_000 for one in t[out].records()] == [10_000]
        t.advance("25s")
        assert [one.timestamp % 60_000 for one in t[out].records()] == [10_000, 20_000, 30_000]


def test_a_timer_that_takes_longer_than_its_interval_is_not_called_twice_at_once() -> None:
    app, sales, out = program()
    app.stream(sales)

    @app.timer("10s")
    async def tick() -> None:
        await asyncio.sleep(15)
        await out.send(1)

    with moldau.testing.run(app) as t:
        t.advance("60s")
        assert len(t[out].records()) == 2  # at 25 s and 45 s


def test_cron_follows_the_clocks_of_its_zone() -> None:
    """In Prague 2:30 is skipped on 2026-03-29, as the clocks go from 2 to 3."""
    app, sales, out = program()
    app.stream(sales)

    @app.cron("30 8 * * *", "Europe/Prague")
    def each_morning() -> None:
        out.send(1)

    with moldau.testing.run(app, start=datetime(2026, 3, 28, tzinfo=UTC)) as t:
        t.advance("2d")
        hours = [datetime.fromtimestamp(o.timestamp / 1000, UTC).hour for o in t[out].records()]
    assert hours == [7, 6]


def test_hooks_and_tasks() -> None:
    app, sales, out = program()
    app.stream(sales)
    done = []

    @app.on_start
    async def open_it() -> None:
        await asyncio.sleep(0)
        done.append("start")

    @app.on_stop
    def close_it() -> None:
        done.append("stop")

    @app.task
    async def beside() -> None:
        while True:
            await asyncio.sleep(5)
            await out.send("beside")

    with moldau.testing.run(app) as t:
        assert done == ["start"]
        t.advance("11s")
        assert t[out].values() == ["beside", "beside"]
        t.stop()
    assert done == ["start", "stop"]


def test_a_hook_that_fails_is_shown_as_the_program_has_it() -> None:
    """A sentence, and the frames of the program's own code."""
    app, _, _ = program()

    @app.on_start
    async def connect() -> None:
        int("no number")

    host = AsyncHost()
    with pytest.raises(StreamsError) as failed:
        RunningChores(app.chores, host, lambda: 0, print).start()
    host.close()
    first, *frames, last = str(failed.value).split("\n")
    assert first.startswith("on_start connect has failed: ValueError: invalid literal")
    assert [line.split(", ")[-1] for line in frames if "File" in line] == ["in connect"]
    assert last.startswith("ValueError: invalid literal")


def test_where_the_start_has_failed_there_is_nothing_to_stop() -> None:
    host, patience, done = AsyncHost(), Patience(), []
    app, _, _ = program()

    @app.on_start
    async def connect() -> None:
        patience.end()
        await asyncio.Event().wait()

    app.on_start(lambda: done.append("the next"))
    app.on_stop(lambda: done.append("stop"))
    said: list[str] = []
    wait = Hooks(host, patience, said.append).wait
    chores = RunningChores(app.chores, host, lambda: 0, said.append, wait=wait)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hooks, "HOOK_S", 0.0)
        patched.setattr(hooks, "LOOK_S", 0.001)
        chores.start()
    chores.stop()
    host.close()
    assert done == []
    assert [one.partition(" has not ended")[0] for one in said] == ["on_start connect"]


def test_a_task_that_fails_stops_the_program() -> None:
    app, sales, _ = program()
    app.stream(sales)

    @app.task
    async def beside() -> None:
        await asyncio.sleep(1)
        raise OSError("no disk")

    with moldau.testing.run(app) as t, pytest.raises(StreamsError, match="task beside: OSError"):
        t.advance("2s")


def test_what_is_cancelled_in_a_task_or_a_timer_is_a_failure_like_others() -> None:
    """It was never heard of again."""
    app, sales, _ = program()
    app.stream(sales)

    @app.timer("1s")
    async def tick() -> None:
        raise asyncio.CancelledError

    cancelled = pytest.raises(AssertionError, match="timer tick: CancelledError")
    with moldau.testing.run(app) as t, cancelled:
        t.advance("2s")

    @app.task
    async def beside() -> None:
        await asyncio.sleep(0.1)
        raise asyncio.CancelledError

    failed = pytest.raises(StreamsError, match="task beside: CancelledError")
    with moldau.testing.run(app) as t, failed:
        t.advance("500ms")


def test_a_timer_that_fails_fails_the_test_and_sends_nothing() -> None:
    app, sales, out = program()
    app.stream(sales)

    @app.timer("1s")
    def tick() -> None:
        out.send(1)
        raise ValueError("no")

    with moldau.testing.run(app) as t:
        with pytest.raises(AssertionError, match="timer tick: ValueError: no"):
            t.advance("2s")
        assert t[out].records() == []


@pytest.mark.parametrize(
    "parts", [[[20, 69.999, 70, 75, 250]], [[20], [69.999], [70], [75], [250]], [[20, 250]]]
)
def test_punctuation_follows_stream_time(parts: list[list[float]]) -> None:
    app, sales, out = program()

    @app.punctuate(sales, "1m")
    def each_minute(now: datetime) -> None:
        out.send(now)

    with moldau.testing.run(app) as t:
        t.advance("1h")  # of the wall clock
        for part in parts:
            t[sales].send(*map(sale, part))
        t.end()
        minutes = [f"2026-01-01T00:0{minute}:00Z" for minute in (1, 2, 3, 4)]
        assert t[out].values() == minutes
        assert t[out].records()[0].timestamp == 1_767_225_660_000


def test_what_is_no_time_is_said() -> None:
    app, sales, _ = program()
    with pytest.raises(DefinitionError, match=r"cron: '61 .*' cannot be read"):
        app.cron("61 * * * *")
    with pytest.raises(DefinitionError, match="cron: there is no time zone 'Prague'"):
        app.cron("* * * * *", "Prague")
    with pytest.raises(DefinitionError, match="longer than nothing"):
        app.timer("0s")
    with pytest.raises(DefinitionError, match="needs a plain function"):

        @app.punctuate(sales, "1m")
        async def each_minute(now: datetime) -> None:
            pass


@pytest.mark.slow
@pytest.mark.parametrize("where", ["timer", "task", "agent", "hook"])
def test_sys_exit_ends_a_worker_in_order_and_with_its_code(servers: str, where: str) -> None:
    """The records before it are committed, the hooks of its end are called."""
    fill(servers, "sales", [json.dumps({"n": n}).encode() for n in range(3)])
    app = moldau.App("chores", servers)
    sales, out = app.topic("sales", dict), app.topic("out")
    done: list[int] = []

    def end_behind(count: int) -> None:
        if len(done) >= count:
            sys.exit(3)

    @app.agent(sales)
    async def each(sale: dict[str, int]) -> None:
        if where == "agent":
            end_behind(2)
        done.append(sale["n"])
        await out.send(sale["n"])

    if where == "timer":
        app.timer("10ms")(lambda: end_behind(3))
    elif where == "hook":
        app.on_start(lambda: sys.exit(3))
    elif where == "task":

        @app.task
        async def beside() -> None:
            while True:
                await asyncio.sleep(0.01)
                end_behind(3)

    app.on_stop(lambda: out.send("stopped"))
    with pytest.raises(SystemExit) as ended:
        Worker(app).run()
    assert ended.value.code == 3
    out_of = read(servers, "out")
    if where in ("timer", "task"):
        assert out_of == [0, 1, 2, "stopped"]
    elif where == "agent":  # those that were not done are taken again
        assert out_of[-1] == "stopped"
    else:
        assert out_of == []


@pytest.mark.slow
def test_a_timer_in_a_worker(servers: str) -> None:
    fill(servers, "sales", [])
    app = moldau.App("chores", servers)
    sales, out = app.topic("sales", Sale), app.topic("out")
    app.stream(sales).to("copies")
    at: list[float] = []

    @app.timer("100ms")
    async def tick() -> None:
        await out.send("tick")
        at.append(time.monotonic())
        if len(at) == 3:
            worker.stop()

    @app.on_stop
    def stopped() -> None:
        out.send("stopped")

    worker = Worker(app)
    worker.run()
    *ticks, last = read(servers, "out")
    assert (set(ticks), last) == ({"tick"}, "stopped")
    assert len(ticks) == len(at) >= 3
    assert at[2] - at[0] > 0.09, "a late one may come close before the next, not before two"
