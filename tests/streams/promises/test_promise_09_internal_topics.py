"""Internal topics keep what they must, and no more."""

from __future__ import annotations

from typing import Any

import pytest

import moldau
from moldau.streams.running.internal_topics import _internal
from moldau.streams.topology import topology
from tests.streams.sales import revenue


@pytest.mark.parametrize(
    ("settings", "lag_ms"),
    [
        ({}, 86_400_000),
        ({"guarantee": "exactly_once"}, 60_000),
        ({"guarantee": "exactly_once", "checkpoint": "1m"}, 600_000),
    ],
)
def test_promise_09_compaction_does_not_outrun_the_marker(
    settings: dict[str, Any], lag_ms: int
) -> None:
    app = revenue(**settings)
    made = {name: config for name, _, config in _of(app)}
    changelog = made["revenue-agg-1-changelog"]
    assert changelog["cleanup.policy"] == "compact"
    assert int(changelog["min.compaction.lag.ms"]) == lag_ms > app.checkpoint_ms


def test_promise_09_nothing_between_two_stages_goes_by_age() -> None:
    made = {name: config for name, _, config in _of(revenue())}
    assert made["revenue-agg-1-repartition"]["retention.ms"] == "-1"
    assert made["revenue-agg-1-redrive"]["retention.ms"] == "-1"


def _of(app: moldau.App) -> list[tuple[str, int, dict[str, str]]]:
    made = topology(app.id, app.nodes)
    known = {"sales": 3}
    return [one for stage in made.stages for one in _internal(app, made, stage, known)]


def test_promise_14_a_partition_of_all_topics_of_a_stage_is_one_task() -> None:
    """All internal topics of a stage have as many partitions as it has tasks."""
    counts = {name: count for name, count, _ in _of(revenue())}
    assert set(counts.values()) == {3}
