"""Positions that the group does not take, or does not answer for."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from confluent_kafka import TopicPartition

import moldau
from moldau.streams.running import at_least_once, patience
from moldau.streams.running.at_least_once import AtLeastOnce
from moldau.streams.running.patience import Patience

POSITIONS = [TopicPartition("in", 0, 5)]


class Sink:
    """A producer whose brokers take `taken` in each half of the time that is allowed."""

    def __init__(self, records: int, taken: int) -> None:
        self.left = records
        self.now = 0.0
        self._taken = taken

    def monotonic(self) -> float:
        return self.now

    def flush(self, _seconds: float) -> int:
        self.now += at_least_once.TIMEOUT_S / 2
        self.left = max(0, self.left - self._taken)
        return self.left


class Group:
    """Answers the second time."""

    def __init__(self) -> None:
        self.never = threading.Event()
        self.asked = 0

    def commit(self, **_: Any) -> None:
        self.asked += 1
        if self.asked == 1:
            self.never.wait()


def made() -> AtLeastOnce:
    app = moldau.App("some", "localhost:1", config={"log_level": 0})
    app.stream(app.topic("in", dict)).to("out")
    return AtLeastOnce(app, Patience())


@pytest.mark.parametrize(("taken", "left"), [(1, 0), (0, 9)])
def test_brokers_that_are_slow_are_waited_for_and_those_that_stand_still_are_not(
    taken: int, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a worker that a quota holds back ended, began again and never came farther."""
    guarantee, sink = made(), Sink(9, taken)
    monkeypatch.setattr(guarantee, "_producer", sink)
    monkeypatch.setattr(at_least_once, "time", sink)
    assert guarantee._unsent() == left


def test_promise_08_a_commit_that_is_never_answered_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """librdkafka lost one when a group was shared out anew, and the worker stood still for good."""
    monkeypatch.setattr(at_least_once, "COMMIT_S", 0)
    monkeypatch.setattr(patience, "MORE_S", 0.1)
    group: Any = Group()
    guarantee = made()
    guarantee.commit(group, [], POSITIONS)
    assert guarantee.accepted is False
    assert not guarantee.aborted
    guarantee.commit(group, [], POSITIONS)  # it is told again
    assert guarantee.accepted is True
    group.never.set()


def test_promise_08_who_is_called_back_commits_in_that_thread() -> None:
    """The consumer lets no other in meanwhile: a rebalance took ten seconds."""
    threads: list[int] = []

    class Consumer:
        def commit(self, **_: Any) -> None:
            threads.append(threading.get_ident())

    consumer: Any = Consumer()
    app = moldau.App("some", "localhost:1", config={"log_level": 0})
    app.stream(app.topic("in", dict)).to("out")
    AtLeastOnce(app, Patience()).commit(consumer, [], POSITIONS, is_last=True)
    assert threads == [threading.get_ident()]


def test_a_fatal_error_that_a_report_of_delivery_swallows_ends_in_no_other() -> None:
    """confluent-kafka says then that the call returned NULL without setting an exception: seen on a
    busy machine, as a producer was fenced while it was flushed."""
    asked: list[float] = []

    def serve(timeout_s: float) -> int:
        asked.append(timeout_s)
        if len(asked) == 1:
            raise SystemError("returned NULL without setting an exception")
        return 7

    assert at_least_once._served(serve, 0.5) == 7
    assert asked == [0.5, 0]
