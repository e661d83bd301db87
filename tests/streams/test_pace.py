"""A task at the pace of its agents."""

from __future__ import annotations

import moldau
from moldau.streams.engine.pace import PacedTask
from moldau.streams.engine.state import State
from moldau.streams.engine.task import Task
from moldau.streams.running.host import AsyncHost
from moldau.streams.topology import topology


def test_what_concerns_no_handler_takes_none_of_their_time() -> None:
    """The clock, five times a second, took half of it."""
    app = moldau.App("shop")
    app.agent(app.topic("orders", dict))(print)
    made = topology(app.id, app.nodes)
    (stage,) = made.stages
    host = AsyncHost()
    partitions = dict.fromkeys(stage.topics, 1)
    task = PacedTask(Task(made, stage, 0, partitions, State(), None, host), host)
    task.passed("orders", 7)
    host.work([task], seconds=0.0)
    assert not task.is_busy
    assert task.positions["orders"] == 7
    host.close([task])
