"""Records without a key go where there is a leader."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from moldau.tools import led_partitions
from moldau.tools.led_partitions import LedPartitions


class Handle:
    """Tells of one topic, and counts how often it is asked."""

    def __init__(self, leaders: list[int]) -> None:
        self.leaders = leaders
        self.asked = 0

    def partitions(self) -> dict[int, Any]:
        return {i: SimpleNamespace(leader=leader) for i, leader in enumerate(self.leaders)}

    def list_topics(self, topic: str, _patience: float) -> Any:
        self.asked += 1
        return SimpleNamespace(topics={topic: SimpleNamespace(partitions=self.partitions())})


def chosen(leaders: list[int], sizes: list[int]) -> list[int | None]:
    handle = Handle(leaders)
    led = LedPartitions(handle, 100)
    led.learn("t", handle.partitions())
    return [led.choose("t", size) for size in sizes]


def test_only_those_with_a_leader_are_chosen() -> None:
    assert set(chosen([-1, 1, -1, 2], 200 * [100])) == {1, 3}


def test_librdkafka_chooses_where_none_has_one() -> None:
    assert chosen([-1, -1], [1]) == [None]


def test_a_partition_is_kept_for_a_batch() -> None:
    for _ in range(20):
        first, second, third = chosen([0, 1, 2, 3], [40, 40, 40])
        assert first == second == third


def test_many_records_go_to_all_partitions_a_batch_to_each() -> None:
    places = chosen([1, 1, 1, 1], 4000 * [43])  # two of them are a batch of 100 bytes
    assert set(places) == {0, 1, 2, 3}
    assert places[::2] == places[1::2]


def test_a_leader_that_has_come_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = Handle([-1, 1])
    led = LedPartitions(handle, 1)
    led.learn("t", handle.partitions())
    handle.leaders = [2, -1]
    assert (led.choose("t", 1), handle.asked) == (1, 0)
    monkeypatch.setattr(led_partitions, "_AGAIN_S", -1.0)
    assert (led.choose("t", 1), handle.asked) == (0, 1)
