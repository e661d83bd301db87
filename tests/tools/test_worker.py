"""`moldau worker`: processes of one program, one of them killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.errors import StreamsError
from moldau.streams.worker import Worker
from moldau.tools import worker
from tests.streams.sales import revenue, sale
from tests.streams.test_windowed_sum import read

ROOT = Path(__file__).parents[2]
COUNT = 60_000
PARTITIONS = 4
SHOP = """
from tests.streams.sales import revenue
app = revenue({address!r}, until="end", checkpoint="200ms")
"""


@pytest.mark.slow
def test_promise_06_a_killed_worker_changes_no_result(tmp_path: Path) -> None:
    with moldau.Broker() as broker:
        fill(broker.bootstrap_servers)
        (tmp_path / "shop.py").write_text(SHOP.format(address=broker.bootstrap_servers))
        process = subprocess.Popen(
            [sys.executable, "-m", "moldau", "worker", "-A", "shop:app", "-w", "2"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        victim = first_child(process.pid)
        time.sleep(1.5)
        os.kill(victim, signal.SIGKILL)
        _, said = process.communicate(timeout=100)
        assert process.returncode == 0, said
        assert "ended with -9; started again" in said
        results = read(broker.bootstrap_servers, "revenue-per-minute")
    # At least once repeats results, each equal to the first.
    by_window = {(one["category"], one["window_start"]): one for one in results}
    assert all(one == by_window[one["category"], one["window_start"]] for one in results)
    assert sum(one["orders"] for one in by_window.values()) == COUNT
    total = sum(Decimal(one["revenue"]) for one in by_window.values())
    assert total == Decimal("1.10") * COUNT


def fill(bootstrap_servers: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic("sales", PARTITIONS, 1)])["sales"].result(10)
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    for i in range(COUNT):
        value = msgspec.json.encode(sale(i / 200, f"category-{i % 7}"))
        producer.produce("sales", value, partition=i % PARTITIONS)
        producer.poll(0)
    producer.flush()


def first_child(pid: int) -> int:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.01)
    raise AssertionError("no process was started")


def test_what_is_not_there_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    (tmp_path / "some_shop.py").write_text("import moldau\nshop = moldau.App('x')\n")
    assert worker.main(["-A", "nowhere:app"]) == 1
    assert "there is no module 'nowhere'" in capsys.readouterr().err
    assert worker.main(["-A", "some_shop:app"]) == 1
    assert "some_shop has no App called 'app'; it has shop" in capsys.readouterr().err


def test_exactly_once_says_what_a_broker_without_transactions_lacks() -> None:
    with moldau.Broker() as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        admin.create_topics([NewTopic("sales", 1, 1)])["sales"].result(10)
        with pytest.raises(StreamsError, match=r"needs Kafka transactions.*take 'at_least_once'"):
            Worker(revenue(broker.bootstrap_servers, guarantee="exactly_once")).run()
