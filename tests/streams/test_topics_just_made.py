"""Brokers hear of a topic a little after its maker was told that it is there: a program begins
meanwhile, and is given what it reads once they know."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.running import worker as module
from moldau.streams.running.internal_topics import prepare
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


def test_a_topic_that_was_unknown_when_the_group_began_is_dealt_out(
    servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The internal topics are known to their maker alone, as long as the first assignment takes."""
    made(servers, "late-in")
    app = counting(servers, "late", tmp_path)
    producer = Producer({"bootstrap.servers": servers})
    for number in range(100):
        producer.produce("late-in", b'{"of": "key-%d"}' % (number % 7))
    assert producer.flush(30) == 0
    admin = AdminClient({"bootstrap.servers": servers})
    hidden = next(one.name for one in topology(app.id, app.nodes).repartitions)

    def all_but_one(*given: Any) -> dict[str, int]:
        known = prepare(*given)
        admin.delete_topics([hidden])[hidden].result(30)
        while hidden in admin.list_topics(timeout=30).topics:
            time.sleep(0.02)
        return known

    monkeypatch.setattr(module, "prepare", all_but_one)
    worker, dealt = Worker(app), []
    assigned = worker._assigned

    def told(consumer: Consumer, leads: list[TopicPartition]) -> None:
        dealt.append({one.topic for one in leads})
        if len(dealt) == 1:
            made(servers, hidden)
        assigned(consumer, leads)

    worker._assigned = told  # type: ignore[method-assign]
    began = time.monotonic()
    worker.run()
    assert time.monotonic() - began < 60  # of the five minutes after which librdkafka looks again
    assert dealt[0] == {"late-in"}
    assert sum(row["n"] for row in values(app, "late-counts")) == 100
