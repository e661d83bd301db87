"""Lag is never idleness (promise 4), also where the consumer knows of none: what came is not
fetched, or whoever writes cannot."""

from __future__ import annotations

import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from moldau.streams.running import silence
from moldau.streams.running.silence import Silence
from tests.streams.committed import values
from tests.streams.killed.verdict import wait_until
from tests.streams.silent_shop import silent_shop
from tests.streams.test_state_on_a_broker import running

PLACE = ("in", 0)


class End:
    def __init__(self, offset: int) -> None:
        self.offset = offset


class World:
    """Brokers, and a clock of a worker that listens; `look` is what it learns in a round."""

    def __init__(self) -> None:
        self.now = 100.0
        self.questions: list[Future[Any]] = []
        self.silence = Silence(self, lambda: self.now)

    def list_offsets(self, asked: Any, **_: Any) -> Any:
        self.questions.append(Future())
        return dict.fromkeys(asked, self.questions[-1])

    def look(self, end: int) -> list[int]:
        """How much was no silence, where it was quiet."""
        return [one.deaf_ms for one in self.silence.look({PLACE: end})]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(silence, "EVERY_S", 0)
    return World()


def test_promise_04_what_is_not_fetched_is_no_silence(world: World) -> None:
    assert world.look(5) == []
    world.questions[0].set_result(End(6))
    assert world.look(5) == []
    assert world.look(6) == []  # it is read meanwhile
    world.questions[1].set_result(End(6))
    assert world.look(6) == [0]


def test_promise_04_an_answer_of_before_its_end_was_read_says_nothing(world: World) -> None:
    world.look(5)
    world.now += 1
    world.look(6)
    world.questions[0].set_result(End(6))
    assert world.look(6) == []


def test_promise_04_a_broker_that_is_away_makes_no_silence(world: World) -> None:
    """Whoever writes there cannot either."""
    world.look(5)
    world.now += 40
    world.questions[0].set_exception(KafkaException(KafkaError(KafkaError._TRANSPORT)))
    assert world.look(5) == []
    world.look(5)
    world.questions[1].set_result(End(5))
    assert world.look(5) == [35_000]


@pytest.mark.slow
def test_promise_04_what_came_while_a_partition_was_paused_is_not_late(tmp_path: Path) -> None:
    """As it is while a handler is slow."""
    config = {"fetch.wait.max.ms": 10, "log_level": 3}
    with silent_shop(tmp_path, "5s", config=config) as (app, send), running(app) as worker:
        send(0)
        wait_until(lambda: worker._at_end.get(PLACE) == 1, "the end of the topic", 30)
        worker._consumer.pause([TopicPartition(*PLACE)])
        time.sleep(0.5)  # what was asked for before that is answered
        send(500)
        time.sleep(7)
        worker._consumer.resume([TopicPartition(*PLACE)])
        wait_until(lambda: bool(values(app, "out")), "a result", 30)
        found = values(app, "out")
    assert [one["n"] for one in found] == [2]
