"""Compaction is accepted, and who asks for it is told what it means here."""

from __future__ import annotations

from tests.broker.stage import Stage


def test_a_compacted_topic_is_told_that_cleaning_comes_later() -> None:
    stage = Stage()
    stage.topic("plain")
    assert stage.said == []
    stage.topic("table", cleanup_policy="compact")
    (line,) = stage.said
    assert "cleaning comes later" in line
    assert "table" in line


def test_a_default_of_the_broker_counts_too() -> None:
    stage = Stage(log_cleanup_policy="compact,delete")
    stage.topic("both")
    assert any("both" in line for line in stage.said)
