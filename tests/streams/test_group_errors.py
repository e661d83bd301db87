"""A group that gives a worker nothing says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.errors import StreamsError
from moldau.streams.running.worker import Worker
from tests.streams.test_state_on_a_broker import running
from tests.tools.test_worker import wait_for

pytestmark = pytest.mark.slow


def test_a_session_that_the_brokers_do_not_allow_ends_the_worker(tmp_path: Path) -> None:
    with moldau.Broker() as broker:
        app = _copying(broker.bootstrap_servers, tmp_path, config={"session.timeout.ms": 2000})
        with pytest.raises(StreamsError, match=r"nothing to read: .*choose a session\.timeout\.ms"):
            Worker(app).run()


def test_a_stranger_with_another_way_to_deal_out_is_told_once_and_waited_for(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    with moldau.Broker() as broker:
        app = _copying(broker.bootstrap_servers, tmp_path)
        stranger = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": app.id})
        stranger.subscribe(["orders"])
        wait_for(lambda: stranger.poll(0.01) is None and bool(stranger.assignment()))
        with running(app, said) as worker:
            wait_for(lambda: stranger.poll(0.01) is None and bool(said))
            stranger.close()
            wait_for(lambda: bool(worker._tasks))
    assert [one for one in said if "a consumer that is no worker" in one] == said


def _copying(servers: str, folder: Path, **settings: object) -> moldau.App:
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic("orders", 1, 1)])["orders"].result(10)
    app = moldau.App("shop", servers, state_dir=folder, **settings)  # type: ignore[arg-type]
    app.stream(app.topic("orders", dict)).to("copies")
    return app
