"""Brokers hear of a topic a little after its maker was told that it is there: a program begins
meanwhile, and is given what it reads once they know."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.running import internal_topics
from moldau.streams.running.internal_topics import make, prepare
from moldau.streams.running.worker import Worker
from moldau.streams.topology import topology
from tests.streams.committed import values

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with moldau.Broker(config={"auto.create.topics.enable": "false"}) as broker:
        yield broker.bootstrap_servers


def counting(servers: str, name: str, folder: Path) -> moldau.App:
    app = moldau.App(name, servers, state_dir=folder, checkpoint="100ms", until="end")
    read = app.stream(app.topic(f"{name}-in", dict))
    read.group_by("of").agg(n=moldau.count()).to(f"{name}-counts")
    return app


def made(servers: str, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)


def test_a_source_that_the_broker_does_not_know_yet_is_waited_for(
    servers: str, tmp_path: Path
) -> None:
    app = counting(servers, "new", tmp_path)
    maker = threading.Timer(0.5, made, (servers, "new-in"))
    maker.start()
    assert prepare(app, topology(app.id, app.nodes))["new-in"] == 1
    maker.join()


def test_a_group_does_not_begin_before_the_brokers_know_what_it_is_to_deal_out(
    servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The topic between the steps is known to its maker alone at first."""
    made(servers, "late-in")
    app = counting(servers, "late", tmp_path)
    producer = Producer({"bootstrap.servers": servers})
    for number in range(100):
        producer.produce("late-in", b'{"of": "key-%d"}' % (number % 7))
    assert producer.flush(30) == 0
    hidden = next(one.name for one in topology(app.id, app.nodes).repartitions)
    maker = threading.Timer(0.5, made, (servers, hidden))

    def all_but_one(admin: AdminClient, wanted: list[NewTopic]) -> None:
        make(admin, [one for one in wanted if one.topic != hidden])
        maker.start()

    monkeypatch.setattr(internal_topics, "make", all_but_one)
    worker, dealt = Worker(app), []
    maker.join()
    assigned = worker._assigned

    def told(consumer: Consumer, leads: list[TopicPartition]) -> None:
        dealt.append({one.topic for one in leads})
        assigned(consumer, leads)

    worker._assigned = told  # type: ignore[method-assign]
    worker.run()
    assert dealt[0] == {"late-in", hidden}
    assert sum(row["n"] for row in values(app, "late-counts")) == 100
