"""Topics that are deleted, made anew or given more partitions under a program: it says so, and
never goes on with a part of its input or of its state."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

import moldau
from moldau.streams.errors import StreamsError
from moldau.streams.running import process, topic_watch
from moldau.streams.running.worker import Worker
from tests.streams.committed import values

SETTINGS = {
    "log_level": 0,
    "topic.metadata.refresh.interval.ms": 500,
    "topic.metadata.propagation.max.ms": 500,  # so long a producer waits for a topic to appear
}
CONFIG = {"auto.create.topics.enable": "false", "group.min.session.timeout.ms": 500}


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with moldau.Broker(config=CONFIG) as broker:
        yield broker.bootstrap_servers


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_watch, "LOOK_S", 0.2)
    monkeypatch.setattr(topic_watch, "LOOK_AGAIN_S", 0.1)


class Shop:
    """A program that counts, with a repartition between; its topics begin with its name."""

    def __init__(self, servers: str, name: str, folder: Path) -> None:
        self.servers = servers
        self.name = name
        self.said: list[str] = []
        self.raised: BaseException | None = None
        self.admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
        self.make("in", 2)
        self._folder = folder
        self._sent: Counter[str] = Counter()

    def app(self, **settings: Any) -> moldau.App:
        made = moldau.App(
            self.name,
            self.servers,
            checkpoint="100ms",
            state_dir=self._folder,
            config=SETTINGS,
            **settings,
        )
        read = made.stream(made.topic(f"{self.name}-in", dict))
        self.steps(read)
        return made

    def steps(self, read: Any) -> None:
        counted = read.group_by(lambda one: one["of"]).agg(name="counted", orders=moldau.count())
        counted.to(f"{self.name}-out")

    def make(self, topic: str, partitions: int) -> None:
        name = f"{self.name}-{topic}"
        self.admin.create_topics([NewTopic(name, partitions, 1)])[name].result(10)

    def delete(self, topic: str) -> None:
        name = f"{self.name}-{topic}"
        self.admin.delete_topics([name])[name].result(10)

    def grow(self, topic: str, partitions: int) -> None:
        name = f"{self.name}-{topic}"
        self.admin.create_partitions([NewPartitions(name, partitions)])[name].result(10)

    def send(self, count: int, partitions: int = 2) -> None:
        producer = Producer({"bootstrap.servers": self.servers, "log_level": 0})
        for number in range(count):
            key = f"key-{number % 5}"
            self._sent[key] += 1
            value = msgspec.json.encode({"of": key})
            producer.produce(f"{self.name}-in", value, partition=number % partitions)
        assert producer.flush(30) == 0

    def start(self, **settings: Any) -> Thread:
        worker = self.worker = Worker(self.app(**settings), say=self.said.append)
        self.raised = None

        def run() -> None:
            try:
                worker.run()
            except BaseException as error:
                self.raised = error

        thread = Thread(target=run, daemon=True)
        thread.start()
        return thread

    def stops_with(self, thread: Thread) -> str:
        """What it says when it stops of its own accord."""
        thread.join(30)
        assert not thread.is_alive()
        assert isinstance(self.raised, StreamsError), self.raised
        return str(self.raised)

    def counts(self) -> dict[str, int]:
        return {one["key"]: one["orders"] for one in values(self.app(), f"{self.name}-out")}

    def is_counted(self) -> bool:
        return self.counts() == self._sent

    def run_until(self, done: Callable[[], bool]) -> None:
        thread = self.start()
        try:
            wait_until(done)
        finally:
            self.worker.stop()
            thread.join(30)
        assert self.raised is None


def wait_until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not done():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("topic", "sentence", "then"),
    [
        ("in", "in, which it reads, was deleted", "reads gone-0-in, which .* does not have"),
        ("counted-repartition", "by which records go from one step", "to 1?[0-9], and it ends at"),
        ("counted-changelog", "which keeps its state, was deleted", "counted-changelog keeps noth"),
    ],
)
def test_a_topic_that_is_deleted_while_the_program_runs_stops_it(
    servers: str, tmp_path: Path, topic: str, sentence: str, then: str
) -> None:
    """And it cannot be started again as if nothing had been."""
    place = ["in", "counted-repartition", "counted-changelog"].index(topic)
    shop = Shop(servers, f"gone-{place}", tmp_path)
    shop.send(50)
    thread = shop.start()
    wait_until(shop.is_counted)
    shop.delete(topic)
    said = shop.stops_with(thread)
    assert sentence in said
    assert said.endswith("reset the program (moldau streams reset)")
    with pytest.raises(StreamsError, match=then):
        Worker(shop.app()).run()


@pytest.mark.slow
def test_a_changelog_that_is_made_anew_while_the_program_runs_is_not_taken_for_whole(
    servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a broker does that makes what is missing: the worker may write to it before it knows."""
    monkeypatch.setattr(topic_watch, "LOOK_S", 600)
    shop = Shop(servers, "anew", tmp_path)
    shop.send(50)
    thread = shop.start()
    wait_until(shop.is_counted)
    shop.delete("counted-changelog")
    shop.make("counted-changelog", 2)
    shop.send(50)
    assert "anew-counted-changelog" in shop.stops_with(thread)  # its markers lie elsewhere there
    with pytest.raises(StreamsError, match=r"anew-counted-changelog (. is gone|keeps nothing)"):
        Worker(shop.app()).run()


@pytest.mark.slow
def test_an_output_topic_that_is_deleted_is_told_once_and_its_records_are_dead_letters(
    servers: str, tmp_path: Path
) -> None:
    shop = Shop(servers, "unread", tmp_path)
    shop.send(50)
    thread = shop.start()
    wait_until(shop.is_counted)
    shop.delete("out")
    shop.send(50)
    wait_until(lambda: bool(values(shop.app(), "unread-dlq")))
    wait_until(lambda: any("unread-out, which it writes to, was del" in one for one in shop.said))
    shop.worker.stop()
    thread.join(30)
    assert shop.raised is None
    assert sum("which it writes to" in one for one in shop.said) == 1


@pytest.mark.slow
def test_more_partitions_of_an_input_stop_a_program_that_keeps_state(
    servers: str, tmp_path: Path
) -> None:
    """Keys lie elsewhere from then on."""
    shop = Shop(servers, "grown", tmp_path)
    shop.send(50)
    thread = shop.start()
    wait_until(shop.is_counted)
    shop.grow("in", 4)
    said = shop.stops_with(thread)
    assert "grown-in had 2 partitions and has 4 now; keys lie elsewhere" in said
    with pytest.raises(StreamsError, match=r"grown-.* has 2 partitions and needs 4.*reset"):
        Worker(shop.app())


class Passing(Shop):
    """Keeps nothing."""

    def steps(self, read: Any) -> None:
        read.filter(bool).to(f"{self.name}-out")

    def is_counted(self) -> bool:
        return Counter(one["of"] for one in values(self.app(), f"{self.name}-out")) == self._sent


@pytest.mark.slow
@pytest.mark.parametrize("topic", ["counted-repartition", "counted-changelog"])
def test_more_partitions_of_its_own_topics_stop_a_program_that_keeps_state(
    servers: str, tmp_path: Path, topic: str
) -> None:
    shop = Shop(servers, f"grown-{topic[8:]}", tmp_path)
    shop.send(10)
    thread = shop.start()
    wait_until(shop.is_counted)
    shop.grow(topic, 4)
    said = shop.stops_with(thread)
    assert f"{topic} had 2 partitions and has 4 now; keys lie elsewhere than the state" in said
    with pytest.raises(StreamsError, match=rf"{topic} has 4 partitions and needs 2.*reset"):
        Worker(shop.app())


@pytest.mark.slow
def test_more_partitions_of_an_input_are_read_by_a_program_that_keeps_nothing(
    servers: str, tmp_path: Path
) -> None:
    shop = Passing(servers, "passing", tmp_path)
    shop.send(50)
    thread = shop.start()
    wait_until(shop.is_counted)
    shop.grow("in", 4)
    said = shop.stops_with(thread)
    assert said.endswith(
        "passing-in had 2 partitions and has 4 now; start it again, and it reads them all"
    )
    shop.send(50, partitions=4)
    shop.run_until(shop.is_counted)


@pytest.mark.slow
def test_an_input_that_was_made_anew_between_two_runs_is_noticed(
    servers: str, tmp_path: Path
) -> None:
    shop = Shop(servers, "shorter", tmp_path)
    shop.send(50)
    shop.run_until(shop.is_counted)
    shop.delete("in")
    shop.make("in", 2)
    shop.send(6)
    thread = shop.start()
    said = shop.stops_with(thread)
    assert "has read shorter-in " in said
    assert "to 25, and it ends at 3: it was deleted and made anew, or has lost records" in said


@pytest.mark.slow
def test_input_that_was_deleted_before_it_was_read_is_told(servers: str, tmp_path: Path) -> None:
    shop = Shop(servers, "late", tmp_path)
    shop.send(50)
    shop.run_until(shop.is_counted)
    shop.send(20)
    behind = {TopicPartition("late-in", number, 33): None for number in range(2)}
    for future in shop.admin.delete_records(list(behind)).values():
        future.result(10)
    shop.run_until(lambda: sum(shop.counts().values()) == 54)
    assert sorted(one for one in shop.said if "deleted" in one) == [
        f"late: the records 25 to 32 of late-in {number} were deleted before they were read "
        f"(retention, or DeleteRecords): it goes on without them"
        for number in range(2)
    ]


def test_trouble_with_the_brokers_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def serving(*_: Any) -> Any:
        raise KafkaException(KafkaError(KafkaError._TRANSPORT, "Failed to get metadata"))

    monkeypatch.setattr(process, "serving", serving)
    with pytest.raises(StreamsError, match=r"^some: trouble with localhost:1: Failed to get meta"):
        process.run(moldau.App("some", "localhost:1"))
