"""Timers run when they are due, in order, once; a cancelled one never."""

from __future__ import annotations

from moldau.broker.timers import Timers


def test_due_timers_run_in_the_order_of_their_deadlines() -> None:
    timers, ran = Timers(), list[str]()
    timers.at(30, lambda _now: ran.append("c"))
    timers.at(10, lambda _now: ran.append("a"))
    timers.at(20, lambda _now: ran.append("b"))
    assert timers.next_deadline() == 10
    timers.run(25)
    assert ran == ["a", "b"]
    assert timers.next_deadline() == 30


def test_a_cancelled_timer_neither_runs_nor_wakes() -> None:
    timers, ran = Timers(), list[str]()
    timers.at(10, lambda _now: ran.append("a")).cancel()
    assert timers.next_deadline() is None
    timers.run(100)
    assert ran == []


def test_a_timer_may_cancel_another_that_is_due_too() -> None:
    timers, ran = Timers(), list[str]()
    second = timers.at(20, lambda _now: ran.append("second"))
    timers.at(10, lambda _now: second.cancel())
    timers.run(30)
    assert ran == []


def test_the_clock_is_set_and_a_while_is_still_a_while() -> None:
    timers, ran = Timers(), list[str]()
    timers.at(20, lambda _now: ran.append("b"))
    first = timers.at(10, lambda _now: ran.append("a"))
    timers.clock_moved(-1000)
    assert (timers.next_deadline(), first.deadline_ms) == (-990, -990)
    timers.run(-981)
    assert ran == ["a"]
    timers.clock_moved(5000)
    timers.run(4019)
    timers.run(4020)
    assert ran == ["a", "b"]


def test_cancelled_timers_do_not_pile_up() -> None:
    timers = Timers()
    timers.at(10**9, lambda _now: None)
    for i in range(20_000):
        timers.at(10**8 + i, lambda _now: None).cancel()
    assert len(timers._heap) < 10_000
