"""Unmodified clients in groups on a broker that serves."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

import moldau

PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with moldau.Broker(config={"group.min.session.timeout.ms": 1_000}) as broker:
        yield broker.bootstrap_servers


@pytest.fixture
def topic(servers: str, request: pytest.FixtureRequest) -> str:
    """A topic of six partitions with ten records in each."""
    name: str = request.node.name.replace("[", ".").replace("]", "")
    admin = AdminClient({"bootstrap.servers": servers})
    for future in admin.create_topics([NewTopic(name, 6, 1)]).values():
        future.result(PATIENCE_S)
    producer = Producer({"bootstrap.servers": servers})
    for partition in range(6):
        for n in range(10):
            producer.produce(name, f"{partition}/{n}".encode(), partition=partition)
    assert producer.flush(PATIENCE_S) == 0
    return name


def consumer(servers: str, group: str, **config: Any) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 2_000,
            "heartbeat.interval.ms": 300,
            **{name.replace("_", "."): value for name, value in config.items()},
        }
    )


def poll_until(done: Callable[[], bool], *consumers: Consumer) -> list[bytes]:
    """Polls all of them in turn until it is done; the values that they got."""
    values = []
    end = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < end, "it did not come to pass"
        for one in consumers:
            message = one.poll(0.02)
            if message is not None:
                assert message.error() is None, message.error()
                values.append(message.value())
    return values


def sizes(*consumers: Consumer) -> list[int]:
    return sorted(len(one.assignment()) for one in consumers)


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
@pytest.mark.slow
def test_members_share_partitions_as_they_come_and_go(
    servers: str, topic: str, strategy: str
) -> None:
    members = [consumer(servers, topic, partition_assignment_strategy=strategy) for _ in range(3)]
    for member in members:
        member.subscribe([topic])
    poll_until(lambda: sizes(*members) == [2, 2, 2], *members)
    members.pop().close()
    poll_until(lambda: sizes(*members) == [3, 3], *members)
    for member in members:
        member.close()


@pytest.mark.slow
def test_a_group_goes_on_where_it_stopped(servers: str, topic: str) -> None:
    first = consumer(servers, topic)
    first.subscribe([topic])
    seen: list[bytes] = []
    while len(seen) < 35:
        message = first.poll(PATIENCE_S)
        assert message is not None
        assert message.error() is None
        seen.append(message.value())
        first.commit(message, asynchronous=False)
    first.close()
    second = consumer(servers, topic)
    second.subscribe([topic])
    while len(seen) < 60:
        message = second.poll(PATIENCE_S)
        assert message is not None
        assert message.error() is None
        seen.append(message.value())
    second.close()
    assert len(set(seen)) == 60


def test_a_static_member_comes_back_to_its_partitions_without_a_rebalance(
    servers: str, topic: str
) -> None:
    calls: list[str] = []
    stays = consumer(servers, topic, group_instance_id="stays")
    stays.subscribe([topic], on_assign=lambda *_: calls.append("assigned"))
    leaves = consumer(servers, topic, group_instance_id="leaves")
    leaves.subscribe([topic])
    poll_until(lambda: sizes(stays, leaves) == [3, 3], stays, leaves)
    before = sorted(p.partition for p in leaves.assignment())
    told = len(calls)
    leaves.close()  # a static member does not leave the group
    back = consumer(servers, topic, group_instance_id="leaves")
    back.subscribe([topic])
    poll_until(lambda: bool(back.assignment()), stays, back)
    assert sorted(p.partition for p in back.assignment()) == before
    assert len(calls) == told
    stays.close()
    back.close()


_MEMBER = """
import sys
from confluent_kafka import Consumer
c = Consumer({"bootstrap.servers": sys.argv[1], "group.id": sys.argv[2],
              "session.timeout.ms": 1500, "auto.offset.reset": "earliest"})
c.subscribe([sys.argv[2]], on_assign=lambda c, p: print("assigned", flush=True))
while True:
    c.poll(0.1)
"""


@pytest.mark.slow
def test_the_partitions_of_a_killed_member_go_to_the_others(servers: str, topic: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _MEMBER, servers, topic], stdout=subprocess.PIPE, text=True
    ) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "assigned\n"
        survivor = consumer(servers, topic)
        survivor.subscribe([topic])
        poll_until(lambda: sizes(survivor) == [3], survivor)
        os.kill(victim.pid, signal.SIGKILL)
        poll_until(lambda: sizes(survivor) == [6], survivor)
        survivor.close()


def test_an_administrator_sees_resets_and_deletes_groups(servers: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    member = consumer(servers, topic)
    member.subscribe([topic])
    poll_until(lambda: sizes(member) == [6], member)
    member.commit(offsets=[TopicPartition(topic, 2, 7)], asynchronous=False)
    described = admin.describe_consumer_groups([topic])[topic].result(PATIENCE_S)
    assert described.state.name == "STABLE"
    assert len(described.members[0].assignment.topic_partitions) == 6
    listed = admin.list_consumer_groups().result(PATIENCE_S)
    assert topic in [group.group_id for group in listed.valid]
    offsets = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(topic)])
    partitions = offsets[topic].result(PATIENCE_S).topic_partitions
    assert [(p.partition, p.offset) for p in partitions] == [(2, 7)]
    with pytest.raises(KafkaException, match="NON_EMPTY_GROUP"):
        admin.delete_consumer_groups([topic])[topic].result(PATIENCE_S)
    member.close()
    reset = ConsumerGroupTopicPartitions(topic, [TopicPartition(topic, 2, 1)])
    altered = admin.alter_consumer_group_offsets([reset])[topic].result(PATIENCE_S)
    assert altered.topic_partitions[0].error is None
    admin.delete_consumer_groups([topic])[topic].result(PATIENCE_S)
    listed = admin.list_consumer_groups().result(PATIENCE_S)
    assert topic not in [group.group_id for group in listed.valid]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own, on import
def test_kafka_python_in_a_group(servers: str, topic: str) -> None:
    from kafka import KafkaConsumer

    member = KafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=topic,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=PATIENCE_S * 1_000,
    )
    values = []
    for record in member:
        values.append(record.value)
        if len(values) == 60:
            break
    assert len(set(values)) == 60
    member.commit()
    member.close()
    admin = AdminClient({"bootstrap.servers": servers})
    offsets = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(topic)])
    partitions = offsets[topic].result(PATIENCE_S).topic_partitions
    assert [p.offset for p in partitions] == [10] * 6


def test_aiokafka_in_a_group(servers: str, topic: str) -> None:
    from aiokafka import AIOKafkaConsumer

    async def consume() -> list[bytes]:
        member = AIOKafkaConsumer(
            topic,
            bootstrap_servers=servers,
            group_id=topic,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await member.start()
        try:
            values = [(await member.getone()).value for _ in range(60)]
            await member.commit()
            return values
        finally:
            await member.stop()

    assert len(set(asyncio.run(asyncio.wait_for(consume(), PATIENCE_S)))) == 60
