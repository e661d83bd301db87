"""Until the end, where sources are written in transactions: the marks that end those are no
records, nor is what was aborted."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import IsolationLevel, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.errors import StreamsError
from moldau.streams.running.changelogs import end_of
from moldau.streams.running.worker import Worker
from moldau.streams.upkeep.progress import Upkeep
from tests.apache_kafka import ApacheKafka
from tests.streams.committed import values

pytestmark = [pytest.mark.apache, pytest.mark.slow, pytest.mark.timeout(300)]

PLACE = TopicPartition("marked-in", 0)


def program(servers: str, folder: Path) -> moldau.App:
    app = moldau.App("marked", servers, until="end", checkpoint="100ms", state_dir=folder)
    read = app.stream(app.topic("marked-in", dict, event_time="at", unit="ms"))
    read.group_by(lambda one: "all").tumbling("1s").agg(n=moldau.count()).to("marked-counts")
    return app


def test_a_topic_that_ends_in_marks_of_transactions_is_read(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    servers = apache_kafka.bootstrap_servers
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic("marked-in", 1, 1)])["marked-in"].result(30)
    producer = Producer({"bootstrap.servers": servers, "transactional.id": "marked"})
    producer.init_transactions(60)

    def send(count: int, *, is_committed: bool = True) -> None:
        producer.begin_transaction()
        for at in range(count):
            producer.produce("marked-in", b'{"at": %d}' % at)
        assert producer.flush(60) == 0
        (producer.commit_transaction if is_committed else producer.abort_transaction)(60)

    def run() -> None:
        Worker(program(servers, tmp_path)).run()

    def counted() -> list[int]:
        return [one["n"] for one in values(program(servers, tmp_path), "marked-counts")]

    send(2, is_committed=False)
    send(3)
    run()
    assert counted() == [3]
    (lag,) = [one for one in Upkeep(program(servers, tmp_path)).lags() if one.topic == PLACE.topic]
    assert (lag.position, lag.lag) == (end_of(admin, PLACE, IsolationLevel.READ_COMMITTED), 0)
    for _ in range(2):
        send(2, is_committed=False)
        run()
    assert counted() == [3]
    send(2)
    with pytest.raises(StreamsError, match="marked-in 0 has 2 records more, which would be late"):
        run()
