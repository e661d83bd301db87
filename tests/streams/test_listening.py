"""Silence is what a worker that listens does not hear; no clock that is set, and no time in which
it stood still."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from moldau.streams.engine.reading import Records
from moldau.streams.engine.state import State
from moldau.streams.engine.task import Task
from moldau.streams.running.listening import Listening
from moldau.streams.topology import topology
from tests.streams.committed import values
from tests.streams.sales import revenue, sale
from tests.streams.silent_shop import silent_shop
from tests.streams.test_state_on_a_broker import running

HOUR_MS = 3_600_000


class Clocks:
    """In ms."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_000_000, 5_000
        self.listening = Listening(lambda: self.wall, lambda: self.steady / 1000)

    def pass_(self, wall: int, steady: int) -> int:
        self.wall += wall
        self.steady += steady
        return self.listening.not_heard_ms()


@pytest.mark.parametrize(
    ("wall", "steady", "deaf"),
    [
        (200, 200, 0),
        (260, 200, 0),  # it is being corrected
        (9_000, 9_000, 8_000),  # the worker stood still
        (9_000, 0, 9_000),  # the machine slept
        (HOUR_MS + 200, 200, HOUR_MS),  # the clock was set
        (200 - HOUR_MS, 200, -HOUR_MS),
    ],
)
def test_what_is_no_silence(wall: int, steady: int, deaf: int) -> None:
    clocks = Clocks()
    assert clocks.pass_(200, 200) == 0
    assert clocks.pass_(wall, steady) == deaf
    assert clocks.pass_(200, 200) == 0


@pytest.mark.parametrize("set_by", [HOUR_MS, -HOUR_MS])
def test_a_clock_that_is_set_closes_nothing_and_holds_up_nothing(set_by: int) -> None:
    app = revenue(key="category", close_after_silence="5s")
    made = topology(app.id, app.nodes)
    task = Task(made, made.stages[0], 0, {"sales": 1, "revenue-per-minute": 1}, State())
    value = msgspec.json.encode(sale(1))
    now = 2 * HOUR_MS
    task.feed("sales", Records([0], [0], [b"books"], [value]), now)
    now += set_by
    task.was_deaf(set_by)
    task.tick("sales", now + 5_000)
    assert task.outputs == []
    task.tick("sales", now + 69_000)  # 1 s + 69 s - 10 s of lateness
    assert len(task.outputs) == 1


class Stalled:
    """A consumer that stands still for as long as `meanwhile` takes, and has nothing then."""

    def __init__(self, consumer: Any) -> None:
        self.meanwhile: Callable[[], None] | None = None
        self._consumer = consumer

    def consume(self, *words: Any) -> Any:
        if self.meanwhile is None:
            return self._consumer.consume(*words)
        meanwhile, self.meanwhile = self.meanwhile, None
        meanwhile()
        return []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)


@pytest.mark.slow
def test_promise_04_what_came_while_a_worker_stood_still_is_not_late(tmp_path: Path) -> None:
    with silent_shop(tmp_path, "2s") as (app, send):
        stalled: list[Stalled] = []

        def stand_still() -> None:
            send(500)
            time.sleep(3)

        with running(app) as worker:
            send(0)
            stalled.append(Stalled(worker._consumer))
            until = time.monotonic() + 30
            while ("in", 0) not in worker._at_end or not worker._at_end["in", 0]:
                assert time.monotonic() < until
                time.sleep(0.02)
            stalled[0].meanwhile = stand_still
            worker._consumer = stalled[0]
            while not (found := values(app, "out")):
                assert time.monotonic() < until
                time.sleep(0.1)
    assert [one["n"] for one in found] == [2]
