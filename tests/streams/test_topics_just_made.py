"""Brokers hear of a topic a little after its maker was told that it is there: a program begins
meanwhile, and is given what it reads once they know."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.errors import StreamsError
from moldau.streams.running import internal_topics, new_topics
from moldau.streams.running.internal_topics import make, prepare
from moldau.streams.running.new_topics import until_known
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


def test_a_broker_that_does_not_answer_is_told_and_the_cluster_lets_go_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(new_topics, "SLOW_S", 0.0)
    brokers = Brokers({1: {"in"}, 2: None, 3: set()})
    monkeypatch.setattr(new_topics, "AdminClient", brokers.at)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        del brokers.known[2]
        brokers.known[3] = {"in", "another"}

    until_known(brokers.at(brokers.settings), brokers.settings, ["in"], say)
    (told,) = said
    assert told.startswith("waiting for host:2, host:3, which does not answer, or")


def test_a_topic_that_a_broker_never_hears_of_holds_nobody_up_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(new_topics, "KNOWN_S", 0.0)
    brokers = Brokers({1: set()})
    monkeypatch.setattr(new_topics, "AdminClient", brokers.at)
    until_known(brokers.at(brokers.settings), brokers.settings, ["in"], print)


class Brokers:
    """`known`: the topics that each knows; None: it does not answer."""

    settings: ClassVar[dict[str, Any]] = {"bootstrap.servers": "host:1", "sasl.username": "me"}

    def __init__(self, known: dict[int, set[str] | None]) -> None:
        self.known = known

    def at(self, settings: dict[str, Any]) -> Any:
        """A client of one of them."""
        assert settings["sasl.username"] == "me"
        number = int(settings["bootstrap.servers"].removeprefix("host:"))

        def list_topics(*, timeout: float) -> Any:
            known = self.known[number]
            if known is None:
                raise KafkaException(KafkaError(KafkaError._TRANSPORT))
            there = {one: SimpleNamespace(id=one, host="host", port=one) for one in self.known}
            return SimpleNamespace(
                orig_broker_id=number, brokers=there, topics=dict.fromkeys(known)
            )

        return SimpleNamespace(list_topics=list_topics)


def test_topics_are_made_though_the_controller_that_was_to_be_asked_is_down() -> None:
    """librdkafka waits for it, until it is told of another."""
    made: Future[None] = Future()

    def list_topics(*, timeout: float) -> None:
        made.set_result(None)

    admin: Any = SimpleNamespace(create_topics=lambda _: {"in": made}, list_topics=list_topics)
    make(admin, [NewTopic("in", 1, 1)])


def test_brokers_that_never_answer_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internal_topics, "TIMEOUT_S", 0.0)
    monkeypatch.setattr(internal_topics, "AGAIN_S", 0.0)
    waits: Any = SimpleNamespace(create_topics=lambda _: {"in": Future()}, list_topics=print)
    with pytest.raises(StreamsError, match="topic in cannot be made: no answer from the brokers"):
        make(waits, [NewTopic("in", 1, 1)])
