"""`moldau topics`, further than its first steps."""

from __future__ import annotations

import json

import pytest

from tests.tools.conftest import Moldau


@pytest.fixture
def moldau(moldau_here: Moldau) -> Moldau:
    return moldau_here


def test_values_may_be_written_as_people_do(moldau: Moldau, topic: str) -> None:
    made = moldau("topics", "create", f"{topic}-b", f"{topic}-c", "-c", "retention.ms=7d",
                  "-c", "segment.bytes=2MB", "--json")  # fmt: skip
    assert [json.loads(line)["topic"] for line in made.stdout.splitlines()] == [
        f"{topic}-b",
        f"{topic}-c",
    ]
    lines = moldau("topics", "describe", f"{topic}-*", "--json").stdout.splitlines()
    for described in map(json.loads, lines):
        assert described["configs"]["retention.ms"] == "604800000"
        assert described["configs"]["segment.bytes"] == "2097152"
    assert len(lines) == 2
    ran = moldau("topics", "delete", f"{topic}-*")
    assert ran.returncode == 1
    assert "add --yes" in ran.stderr
    assert moldau("topics", "delete", f"{topic}-*", "--yes").returncode == 0
    assert moldau("topics", "delete", f"{topic}-b", "--if-exists").returncode == 0


def test_a_creation_is_only_tried(moldau: Moldau, topic: str) -> None:
    tried = moldau("topics", "create", f"{topic}-x", "--dry-run")
    assert tried.stdout == f"Topic {topic}-x could be made.\n"
    assert moldau("topics", "create", f"{topic}-x", "-r", "9", "--dry-run").returncode == 1
    assert moldau("topics", "describe", f"{topic}-x").returncode == 1


def test_replicas_are_assigned(moldau: Moldau, topic: str) -> None:
    name = f"{topic}-a"
    assert moldau("topics", "create", name, "--assignment", "1,1,1").returncode == 0
    assert moldau("topics", "grow", name, "4", "--assignment", "1").returncode == 0
    shown = json.loads(moldau("topics", "describe", name, "--offsets", "--json").stdout)
    assert [p["replicas"] for p in shown["partitions"]] == [[1]] * 4
    assert [p["end"] for p in shown["partitions"]] == [0] * 4
    assert moldau("topics", "create", "y", "--assignment", "1", "-p", "2").returncode == 1


def test_health_has_an_exit_code(moldau: Moldau, topic: str) -> None:
    well = moldau("topics", "health", topic)
    assert (well.returncode, well.stdout) == (0, "2 partitions of 1 topics: nothing to report.\n")
    rows = moldau("topics", "health", topic, "--at-min-isr", "--json")
    assert rows.returncode == 1
    assert [row["problems"] for row in json.loads(rows.stdout)] == [["at-min-isr"]] * 2
    assert moldau("configs", "set", "topic", topic, "min.insync.replicas=2").returncode == 0
    bad = moldau("topics", "health", topic, "--json")
    assert bad.returncode == 1
    assert [row["problems"] for row in json.loads(bad.stdout)] == [["under-min-isr"]] * 2


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("describe", "Name topics, or say --all."),
        ("create x -c =1", "write it as NAME=VALUE"),
        ("create x --assignment 1:1", "may not contain duplicate"),
        ("create x --assignment y", "no broker id"),
        ("list nothing-like-it", "There is no topic"),
        ("health nothing-like-it", "There is no topic"),
    ],
)
def test_bad_wishes_are_told(moldau: Moldau, words: str, advice: str) -> None:
    ran = moldau("topics", *words.split())
    assert (ran.returncode, ran.stdout) == (1, "")
    assert advice in ran.stderr
