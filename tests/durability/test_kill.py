"""kill -9 in the middle of producing, again and again: what was acknowledged is there, once and in
order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Message, Producer

from moldau import Broker
from moldau.protocol.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopic,
)
from moldau.protocol.messages.find_coordinator import (
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from moldau.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)
from moldau.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestTopic,
    OffsetFetchResponse,
)
from moldau.protocol.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from tests.attacks.raw import Raw, batch, errors_of, produce_request
from tests.durability.promises import Question

PARTITIONS = 4
ROUNDS = int(os.environ.get("MOLDAU_KILLS", "20"))
PER_ROUND = 400
# Enough for each partition to roll (1 MiB is the smallest segment), so that kills meet rolls.
PADDING = bytes(1000)


class Ledger:
    """What was sent, in order, and what of it was acknowledged, by partition."""

    def __init__(self) -> None:
        self.sent: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
        self.acknowledged: list[set[bytes]] = [set() for _ in range(PARTITIONS)]
        self.failed: list[KafkaError] = []

    def send(self, producer: Producer, partition: int) -> None:
        value = b"%d-%06d" % (partition, len(self.sent[partition])) + PADDING
        self.sent[partition].append(value)
        producer.produce("t", value, partition=partition, on_delivery=self._delivered)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.failed.append(error)
        else:
            self.acknowledged[message.partition()].add(message.value())

    @property
    def count(self) -> int:
        return sum(map(len, self.acknowledged))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(data=tmp_path / "data", config={"log.segment.bytes": 1 << 20}) as broker:
        yield broker


def producer(broker: Broker, **config: object) -> Producer:
    return Producer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "linger.ms": 1,
            "reconnect.backoff.max.ms": 50,
            "reconnect.backoff.ms": 10,
            "retry.backoff.ms": 10,
            "log_level": 0,
            **config,
        }
    )


@pytest.mark.slow
def test_an_idempotent_producer_loses_repeats_and_reorders_nothing(broker: Broker) -> None:
    with Raw(broker.bootstrap_servers) as admin:
        admin.create("t", PARTITIONS)
    ledger = Ledger()
    client = producer(broker, **{"enable.idempotence": True, "acks": "all"})
    interrupted = 0
    for round_ in range(ROUNDS):
        before = ledger.count
        for i in range(PER_ROUND):
            ledger.send(client, i % PARTITIONS)
        # Killed while some of the round is acknowledged and the rest is under way.
        while ledger.count < before + 1 + (round_ * 7) % 50:
            client.poll(0.01)
        broker.kill()
        client.poll(0)
        interrupted += ledger.count < sum(map(len, ledger.sent))
        broker.start()
    assert interrupted > ROUNDS // 2, "most kills came too late to interrupt anything"
    assert client.flush(30) == 0
    assert ledger.failed == []
    with Raw(broker.bootstrap_servers) as reader:
        for partition in range(PARTITIONS):
            assert reader.values("t", partition=partition) == ledger.sent[partition]
    assert "Traceback" not in broker.log_text


@pytest.mark.slow
def test_what_acks_1_acknowledged_survives_the_death_of_the_process(broker: Broker) -> None:
    """The operating system has it, so only a loss of power can take it."""
    with Raw(broker.bootstrap_servers) as admin:
        admin.create("t")
    acknowledged = 0
    for _ in range(5):
        with Raw(broker.bootstrap_servers) as client:
            for _ in range(200):
                client.send(produce_request("t", batch(b"%06d" % acknowledged), acks=1), 9)
                client.receive()
                acknowledged += 1
            client.send(produce_request("t", batch(b"maybe"), acks=1), 9)
            broker.kill()
        broker.start()
        with Raw(broker.bootstrap_servers) as reader:
            values = [value for value in reader.values("t") if value != b"maybe"]
            assert values == [b"%06d" % i for i in range(acknowledged)]
    assert "Traceback" not in broker.log_text


@pytest.mark.slow
def test_committed_offsets_and_topics_survive_the_death_of_the_process(broker: Broker) -> None:
    with Raw(broker.bootstrap_servers) as admin:
        admin.create("t")
    for i in range(1, 6):
        with Raw(broker.bootstrap_servers) as client:
            find_coordinator(client)
            while errors_of(client.ask(*commit(i))) != {0}:
                pass  # the group is being loaded
            client.create(f"made-{i}")
            client.send(commit(1000 + i).request, commit(0).version)  # perhaps it is kept
            broker.kill()
        broker.start()
        with Raw(broker.bootstrap_servers) as client:
            find_coordinator(client)
            assert committed(client) in (i, 1000 + i)
            assert client.produce(f"made-{i}", batch(b"v")).error_code == 0
    assert "Traceback" not in broker.log_text


def find_coordinator(client: Raw) -> None:
    find = FindCoordinatorRequest(key="group")
    while errors_of(client.ask(find, FindCoordinatorResponse, 2)) != {0}:
        pass  # __consumer_offsets is being made


def commit(offset: int) -> Question:
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=offset)
    topic = OffsetCommitRequestTopic(name="t", partitions=[partition])
    return Question(OffsetCommitRequest(group_id="group", topics=[topic]), OffsetCommitResponse, 5)


def committed(client: Raw) -> int:
    topic = OffsetFetchRequestTopic(name="t", partition_indexes=[0])
    request = OffsetFetchRequest(group_id="group", topics=[topic])
    while True:
        answer = client.ask(request, OffsetFetchResponse, 3)
        if errors_of(answer) == {0}:
            return answer.topics[0].partitions[0].committed_offset


@pytest.mark.slow
def test_a_topic_made_anew_is_not_cut_by_what_is_known_of_the_old_one(broker: Broker) -> None:
    """Its start offset is in a checkpoint until the next one is written, a minute later."""
    with Raw(broker.bootstrap_servers) as client:
        client.create("again")
        client.produce("again", batch(*[b"old"] * 20))
        first = DeleteRecordsPartition(partition_index=0, offset=15)
        topic = DeleteRecordsTopic(name="again", partitions=[first])
        request = DeleteRecordsRequest(topics=[topic], timeout_ms=9000)
        assert errors_of(client.ask(request, DeleteRecordsResponse, 1)) == {0}
        client.delete("again")
        client.create("again")
        new = [b"new %d" % i for i in range(10)]
        assert client.produce("again", batch(*new)).error_code == 0
    broker.kill()
    broker.start()
    with Raw(broker.bootstrap_servers) as client:
        assert client.values("again") == new


@pytest.mark.slow
def test_the_end_of_an_epoch_without_records_is_known_after_the_next_kill(broker: Broker) -> None:
    """A consumer that waited at the end of the log has the epoch of a leader that wrote nothing.
    Told that nobody knows where that epoch ended, it would go back to the beginning."""
    with Raw(broker.bootstrap_servers) as client:
        client.create("t")
        client.produce("t", batch(b"a", b"b"))
    for epoch in (1, 2):
        broker.kill()
        broker.start()
        with Raw(broker.bootstrap_servers) as client:
            assert ends(client, epoch) == {epoch: (epoch, 2), epoch - 1: (0, 2)}


def ends(client: Raw, current: int) -> dict[int, tuple[int, int]]:
    found = {}
    for epoch in (current, current - 1):
        partition = OffsetForLeaderPartition(
            partition=0, current_leader_epoch=current, leader_epoch=epoch
        )
        topic = OffsetForLeaderTopic(topic="t", partitions=[partition])
        request = OffsetForLeaderEpochRequest(topics=[topic])
        answer = client.ask(request, OffsetForLeaderEpochResponse, 4).topics[0].partitions[0]
        assert answer.error_code == 0
        found[epoch] = (answer.leader_epoch, answer.end_offset)
    return found
