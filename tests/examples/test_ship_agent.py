"""ship_agent.py: games are not shipped, and come back from the dead-letter topic."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.examples.programs import Running, create_topic, read, run


def moldau(servers: str, *arguments: str) -> str:
    command = [sys.executable, "-m", "moldau", *arguments, "-b", servers]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def shipped_in(lines: list[str]) -> list[int]:
    """Of what the agent says; its worker may say something too."""
    return [int(line.split()[1]) for line in lines if line.startswith("order ")]


@pytest.mark.slow
def test_games_come_back_when_somebody_ships_them(bootstrap_servers: str) -> None:
    topic = create_topic(bootstrap_servers, partitions=2)
    run("produce_orders.py", bootstrap_servers, "--topic", topic, "--count", "30")
    orders = [json.loads(one.value() or b"") for one in read(bootstrap_servers, topic, 30)]
    games = sorted(one["order"] for one in orders if one["category"] == "games")
    assert games
    out = f"{topic}-shipments"
    arguments = ("--topic", topic, "--shipments", out)
    with Running("ship_agent.py", bootstrap_servers, *arguments) as agent:
        agent.wait_for(lambda lines: len(shipped_in(lines)) == 30 - len(games))
        agent.interrupt()
    letters = json.loads(moldau(bootstrap_servers, "dlq", "list", "ship-agent-dlq", "--json"))
    assert [one["message"] for one in letters] == ["nobody ships games"] * len(games)
    said = moldau(bootstrap_servers, "dlq", "redrive", "ship-agent-dlq")
    assert said.startswith(f"{len(games)} letter")
    with Running("ship_agent.py", bootstrap_servers, *arguments, "--games") as agent:
        lines = agent.wait_for(lambda lines: len(shipped_in(lines)) == len(games))
        agent.interrupt()
    assert sorted(shipped_in(lines)) == games
    shipped = [json.loads(one.value() or b"") for one in read(bootstrap_servers, out, 30)]
    assert sorted(one["order"] for one in shipped) == list(range(30))
