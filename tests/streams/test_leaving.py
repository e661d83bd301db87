"""A worker that ends is in its group no more, whatever it had: else the others would wait for it at
their next rebalance, until its session is over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

import moldau
from moldau.streams.running.leaving import leave
from moldau.streams.running.membership import describe
from moldau.streams.running.worker import Worker
from tests.streams.test_agents_on_a_broker import fill, servers

__all__ = ["servers"]
pytestmark = pytest.mark.slow


def test_a_member_that_has_nothing_leaves_too(servers: str) -> None:
    fill(servers, "orders", [])
    admin = AdminClient({"bootstrap.servers": servers})

    def members() -> int:
        return len(describe(admin, "leaving").members)

    def is_dealt_out() -> bool:
        group = describe(admin, "leaving")
        return group.state == "Stable" and len(group.members) == 2

    def joined() -> Consumer:
        made = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "leaving",
                "partition.assignment.strategy": "cooperative-sticky",
                "heartbeat.interval.ms": 100,
            }
        )
        made.subscribe(["orders"])
        return made

    both = [joined(), joined()]  # of one partition
    while not (is_dealt_out() and sum(len(one.assignment()) for one in both) == 1):
        for one in both:
            one.poll(0.05)
    has_none, has_it = sorted(both, key=lambda one: len(one.assignment()))
    leave(has_none)
    assert members() == 1
    leave(has_it)
    assert members() == 0


def test_a_worker_that_leaves_makes_no_checkpoint_more(
    servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has made its last: a commit while others join is answered when they have, and for ever is
    what a worker took for its end that waited for it in the call by which it gave up partitions."""
    fill(servers, "orders", [b"{}"])
    app = moldau.App("leaving", servers, until="end", state_dir=tmp_path)
    app.stream(app.topic("orders", dict)).to("copies")
    worker = Worker(app)
    made = worker._checkpoint
    while_closing: list[bool] = []

    def checkpoint(**given: Any) -> None:
        while_closing.append(worker._is_closing)
        made(**given)

    monkeypatch.setattr(worker, "_checkpoint", checkpoint)
    worker.run()
    assert while_closing
    assert not any(while_closing)
