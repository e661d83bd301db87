"""Three processes of `moldau worker` behind one address."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka.admin import AdminClient
from prometheus_client.parser import text_string_to_metric_families

import moldau
from moldau.streams.upkeep.progress import Upkeep
from moldau.streams.watching.asking import Unanswered, ask
from tests.streams.sales import revenue
from tests.streams.shop_worker import worker
from tests.tools.test_worker import children, fill, wait_for

SHOP = """
from tests.streams.sales import revenue
settings = {{"session.timeout.ms": 2000, "heartbeat.interval.ms": 500}}
app = revenue({address!r}, checkpoint="200ms", config=settings)
"""

OPEN = 7  # windows of the last minute: one of each category


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"http://localhost:(\d+)", line)
        if found:
            return int(found[1])
    raise AssertionError("it does not say where it listens")


def told(port: int, path: str = "/metrics.json") -> Any:
    try:
        return msgspec.json.decode(ask("localhost", port, path).body)
    except Unanswered:
        return {"processes": [], "silent": []}


@pytest.mark.slow
def test_three_processes_tell_at_one_address(tmp_path: Path) -> None:
    """One is killed: its tasks and its counts are seen to go, and to come back."""
    with moldau.Broker(config={"group.min.session.timeout.ms": "1000"}) as broker:
        fill(broker.bootstrap_servers)
        (tmp_path / "shop.py").write_text(SHOP.format(address=broker.bootstrap_servers))
        with worker(tmp_path, "-w", "3", "--http", "localhost:0") as process:
            port = port_of(process)
            wait_for(lambda: is_whole(told(port)) and behind(told(port)) == 0)
            assert ask("localhost", port, "/ready").status == 200
            families = {
                one.name: one
                for one in text_string_to_metric_families(
                    ask("localhost", port, "/metrics").body.decode()
                )
            }
            read = families["moldau_read_records"].samples
            assert {one.labels["process"] for one in read} <= {"0", "1", "2"}
            assert sum(one.value for one in read) >= 60_000
            assert sum(one.value for one in families["moldau_tasks"].samples) == 8
            wait_for(lambda: keys(told(port)) == OPEN)

            killed = children(process.pid)[0]
            os.kill(killed, signal.SIGKILL)
            wait_for(lambda: bool(told(port)["silent"]))
            assert ask("localhost", port, "/health").status == 503
            # It is started again, and the group gives out its tasks anew.
            wait_for(lambda: is_whole(told(port)))
            assert killed not in {one["pid"] for one in told(port)["processes"]}
            wait_for(lambda: keys(told(port)) == OPEN)
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=60)
            assert process.returncode == 0, said

        members = f"{revenue().id}-members"
        upkeep = Upkeep(revenue(broker.bootstrap_servers))
        assert members in upkeep.to_reset()
        upkeep.reset()
        known = AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=10)
        assert members not in known.topics


def is_whole(document: Any, tasks: int = 8) -> bool:
    """Has each of so many tasks one process?"""
    found = [
        (task["stage"], task["partition"])
        for one in document["processes"]
        for task in one["tasks"]
        if one["status"] == "running"
    ]
    return not document["silent"] and len(found) == len(set(found)) == tasks


def behind(document: Any) -> int:
    told = [task["behind"] for one in document["processes"] for task in one["tasks"]]
    return 1 if None in told else sum(told)


def keys(document: Any) -> int:
    return sum(one["keys"] for process in document["processes"] for one in process["state"])


def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP.format(address="localhost:1"))
    with worker(tmp_path, "-w", "2", "--http", "nowhere.invalid:80") as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "moldau worker: --http nowhere.invalid:80 cannot be listened to" in said
