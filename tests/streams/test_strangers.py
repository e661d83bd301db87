"""Two programs of one id on one Kafka: their state would be one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.errors import StreamsError
from moldau.streams.running.membership import describe
from moldau.streams.running.strangers import Strangers
from moldau.streams.running.worker import Worker
from tests.streams.test_state_on_a_broker import running

pytestmark = pytest.mark.slow


def counting(servers: str, folder: Path, *topics: str) -> moldau.App:
    app = moldau.App("shop", servers, state_dir=folder, checkpoint="100ms")
    for topic in topics:
        read = app.stream(app.topic(topic, dict, key="of"))
        read.group_by("of").agg(n=moldau.count(), name=f"of-{topic}").to("counts")
    return app


def test_a_second_program_of_the_same_id_is_refused_and_a_larger_version_is_not(
    tmp_path: Path,
) -> None:
    with moldau.Broker() as broker:
        servers = broker.bootstrap_servers
        admin = AdminClient({"bootstrap.servers": servers})
        for future in admin.create_topics(
            [NewTopic("orders", 1, 1), NewTopic("paid", 1, 1)]
        ).values():
            future.result(10)
        said: list[str] = []
        with running(counting(servers, tmp_path / "a", "orders")) as worker:
            until = time.monotonic() + 30
            while not worker._tasks:
                assert time.monotonic() < until
                time.sleep(0.05)
            with pytest.raises(
                StreamsError, match=r"^shop: another program of that id runs, which"
            ):
                Worker(counting(servers, tmp_path / "b", "paid")).run()
            with running(counting(servers, tmp_path / "c", "orders", "paid")):
                pass
            # As if it had begun at the same time.
            other = Strangers(counting(servers, tmp_path, "paid"), ["paid"], said.append)
            while not said:
                assert time.monotonic() < until
                other.look(describe(admin, "shop"))
                time.sleep(0.05)
            other.look(describe(admin, "shop"))
    assert said == [
        "shop: another program of that id runs, which reads orders: stop one, give it an id of its "
        "own, reset both"
    ]
