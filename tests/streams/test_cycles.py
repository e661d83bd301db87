"""How often Python looks for objects that only keep each other, while a worker runs."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from moldau.streams.running.cycles import MORE, looked_for_seldom
from moldau.streams.running.worker import Worker


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_it_is_seldom_and_then_as_often_as_before() -> None:
    gc.set_threshold(700, 11, 12)
    with looked_for_seldom():
        assert gc.get_threshold() == (MORE, 11, 12)
    assert gc.get_threshold() == (700, 11, 12)


@pytest.mark.parametrize("first", [0, MORE + 1])
def test_what_the_program_says_itself_stays(first: int) -> None:
    gc.set_threshold(first, 11, 12)
    with looked_for_seldom():
        assert gc.get_threshold() == (first, 11, 12)
    assert gc.get_threshold() == (first, 11, 12)


def test_it_is_seldom_while_a_worker_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    gc.set_threshold(700, 10, 10)
    seen: list[int] = []
    monkeypatch.setattr(Worker, "_run", lambda self: seen.append(gc.get_threshold()[0]))
    worker: Any = Worker.__new__(Worker)
    worker._contact = SimpleNamespace(followed=nullcontext)
    Worker.run(worker)
    assert seen == [MORE]
    assert gc.get_threshold()[0] == 700
