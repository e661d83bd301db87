"""`moldau groups`, further than its first steps: every way to reset, and to describe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from tests.tools.conftest import Moldau

pytestmark = pytest.mark.slow  # each starts a tool, or several


@pytest.fixture
def moldau(moldau_here: Moldau) -> Moldau:
    return moldau_here


Offsets = dict[tuple[str, int], int]


@pytest.fixture
def group(moldau: Moldau, topic: str) -> str:
    """Has committed 6 of 10 of the topic's partition 0; partition 1 is empty."""
    name = f"g-{topic}"
    lines = "".join(
        json.dumps({"value": str(i), "timestamp": 1_700_000_000_000 + 1000 * i}) + "\n"
        for i in range(10)
    )
    assert moldau("produce", topic, "-p", "0", "-i", "json", stdin=lines).returncode == 0
    done = moldau("groups", "reset", name, "-t", f"{topic}:0", "--to", "6", "--execute")
    assert done.returncode == 0, done.stderr
    return name


def planned(moldau: Moldau, *words: str) -> list[tuple[int, int | None, int]]:
    ran = moldau("groups", "reset", *words, "--json")
    assert ran.returncode == 0, ran.stderr
    (plan,) = map(json.loads, ran.stdout.splitlines())
    return [(row["partition"], row["offset"], row["new"]) for row in plan["offsets"]]


@pytest.mark.parametrize(
    ("how", "new"),
    [
        ("--to earliest", 0),
        ("--to latest", 10),
        ("--to current", 6),
        ("--to 3", 3),
        ("--to 99", 10),
        ("--to -2", 8),
        ("--to +2", 2),
        ("--to @1700000004000", 4),
        ("--to @2023-11-14T22:13:23", 3),
        ("--to @-1h", 10),
        ("--shift-by 1", 7),
        ("--shift-by -99", 0),
    ],
)
def test_a_reset_is_planned(moldau: Moldau, topic: str, group: str, how: str, new: int) -> None:
    assert planned(moldau, group, "-t", f"{topic}:0", *how.split()) == [(0, 6, new)]


def test_a_plan_goes_through_a_file(moldau: Moldau, topic: str, group: str, tmp_path: Path) -> None:
    csv = tmp_path / "plan.csv"
    exported = moldau("groups", "reset", group, "--all-topics", "--to", "2", "--export")
    assert exported.stdout == f"{topic},0,2\n"
    csv.write_text(exported.stdout)
    done = moldau("groups", "reset", group, "--from-file", str(csv), "--execute")
    assert done.returncode == 0, done.stderr
    assert "Nothing was changed" not in done.stdout
    shown = json.loads(moldau("groups", "describe", group, "--json").stdout)
    assert [row["offset"] for row in shown["offsets"]] == [2]
    assert shown["lag"] == 8


def test_offsets_are_forgotten(moldau: Moldau, topic: str, group: str) -> None:
    assert moldau("groups", "delete-offsets", group, "-t", f"{topic}:1").returncode == 1
    ran = moldau("groups", "delete-offsets", group, "-t", topic, "--json")
    assert json.loads(ran.stdout) == [{"topic": topic, "partition": 0, "error": None}]
    assert json.loads(moldau("groups", "describe", group, "--json").stdout)["offsets"] == []


@pytest.fixture
def live(moldau: Moldau, topic: str, group: str, bootstrap_servers: str) -> Iterator[str]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": group,
            "client.id": "the-reader",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    assert consumer.consume(1, 20)
    yield group
    consumer.close()


def test_members_and_state_are_described(moldau: Moldau, topic: str, live: str) -> None:
    (line,) = moldau("groups", "describe", live, "--members", "-v").stdout.splitlines()[2:]
    assert "the-reader" in line
    assert f"{topic}:0,1" in line
    (state,) = json.loads(moldau("groups", "describe", live, "--state", "--json").stdout)
    assert (state["state"], state["members"], state["lag"]) == ("Stable", 1, 4)
    listed = moldau("groups", "list", f"{live[:-1]}*", "--state", "Stable", "--json").stdout
    assert [row["group"] for row in json.loads(listed)] == [live]
    assert moldau("groups", "list", live, "--state", "Empty").returncode == 1


def test_a_group_with_members_is_left_alone(moldau: Moldau, topic: str, live: str) -> None:
    for words, why in (
        (("reset", live, "-t", topic, "--to", "latest", "--execute"), "stop its consumers"),
        (("delete", live), "stop its consumers first"),
    ):
        ran = moldau("groups", *words)
        assert (ran.returncode, ran.stdout) == (1, ""), words
        assert why in ran.stderr
    ran = moldau("groups", "delete-offsets", live, "-t", topic)
    assert ran.returncode == 1
    assert "stop them first" in ran.stdout


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("reset {g} --to 1", "Say which topics"),
        ("reset {g} -t {t}:9 --to 1", "it has 0 to 1"),
        ("reset {g} -t {t}:x --to 1", "write partitions as"),
        ("reset {g} -t {t}x --to 1", "did you mean '{t}'?"),
        ("reset {g} -t {t}:1 --shift-by 1", "use --to"),
        ("reset {g} --from-file missing.csv", "Check the path"),
        ("reset --to latest -t {t}", "Name groups, or say --all."),
        ("describe", "Name groups, or say --all."),
        ("delete {g}x", "did you mean '{g}'?"),
    ],
)
def test_bad_wishes_are_told(
    moldau: Moldau, topic: str, group: str, words: str, advice: str
) -> None:
    ran = moldau("groups", *words.format(g=group, t=topic).split())
    assert (ran.returncode, ran.stdout) == (1, "")
    assert advice.format(g=group, t=topic) in ran.stderr
