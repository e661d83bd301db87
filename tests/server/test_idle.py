"""A broker that nobody talks to costs next to nothing: it sleeps, and it is small."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

import moldau
from tests.attacks.raw import Raw

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
LARGEST_KB = 60 * 1024


@pytest.fixture(scope="module")
def broker() -> Iterator[moldau.Broker]:
    """It has been used: records, a group, a connection that stays."""
    # What follows from use, once: checkpoints, the first look for old segments.
    config = {"log.flush.offset.checkpoint.interval.ms": 100, "log.initial.task.delay.ms": 100}
    with moldau.Broker(config=config) as broker:
        use(broker.bootstrap_servers)
        with Raw(broker.bootstrap_servers) as silent:
            silent.ping()
            yield broker


def use(bootstrap_servers: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    producer.produce("t", "v")
    assert producer.flush(30) == 0
    consumer = Consumer(
        {"bootstrap.servers": bootstrap_servers, "group.id": "g", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["t"])
    assert consumer.poll(30) is not None
    consumer.close()


def status(pid: int, field: str) -> list[int]:
    """A number of /proc/PID/status, of each thread."""
    texts = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
    lines = [line for text in texts for line in text.splitlines() if line.startswith(f"{field}:")]
    return [int(line.split()[1]) for line in lines]


@pytest.mark.slow
def test_nothing_wakes_it_up(broker: moldau.Broker) -> None:
    def slept() -> list[int]:
        return sorted(status(broker.pid, "voluntary_ctxt_switches"))

    deadline = time.monotonic() + 60
    while True:
        before = slept()
        time.sleep(2)
        if slept() == before:
            return
        assert time.monotonic() < deadline, "it never sleeps for two seconds"


def test_it_is_small(broker: moldau.Broker) -> None:
    assert max(status(broker.pid, "VmHWM")) < LARGEST_KB
