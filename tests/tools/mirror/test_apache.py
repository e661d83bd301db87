"""From ours to an Apache Kafka of three brokers, and back; with kill -9 on both ways, and with what
only Apache Kafka has: compacted logs, transactions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from confluent_kafka import Producer

from moldau import Broker
from tests.apache_kafka import ApacheKafka
from tests.tools.mirror.stage import (
    Cluster,
    assert_same,
    mirror,
    unique,
    wait_for,
    without_offsets,
)
from tests.tools.mirror.test_kill import PARTITIONS, PER_PARTITION, Rounds, fill
from tests.tools.mirror.test_mirror import consume

pytestmark = [pytest.mark.apache, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def apache(apache_cluster: ApacheKafka) -> Cluster:
    return Cluster(apache_cluster.bootstrap_servers)


@pytest.fixture(scope="module")
def home() -> Iterator[Cluster]:
    """Another broker of ours: where the way back leads."""
    with Broker() as broker:
        yield Cluster(broker.bootstrap_servers)


def test_there_and_back_with_kills_on_both_ways(
    source: Cluster, apache: Cluster, home: Cluster
) -> None:
    topic = source.create(unique(), PARTITIONS, {"retention.ms": "-1", "segment.bytes": "2000000"})
    fill(source, topic)
    group = unique("g")
    read = consume(source, group, topic, 10_000)
    Rounds(source, apache, topic).run()
    mirror(source, apache, "--topics", topic, "--groups", group)
    assert assert_same(source, apache, topic, PARTITIONS) == PARTITIONS * PER_PARTITION
    assert apache.replicas(topic) == 3
    assert apache.configs(topic)["segment.bytes"] == "2000000"
    read += consume(apache, group, topic, 10_000)

    Rounds(apache, home, topic).run()
    mirror(apache, home, "--topics", topic, "--groups", group)
    assert assert_same(source, home, topic, PARTITIONS) == PARTITIONS * PER_PARTITION
    read += consume(home, group, topic, PARTITIONS * PER_PARTITION - 20_000)
    assert len(set(read)) == len(read) == PARTITIONS * PER_PARTITION


# As keen as a cleaner can be.
CLEANING = {
    "cleanup.policy": "compact,delete",
    "retention.ms": "-1",
    "segment.bytes": "1048576",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "1000",
    "delete.retention.ms": "0",
}


def update(cluster: Cluster, topic: str, first: int) -> None:
    """9,000 records of 351 keys."""
    producer = cluster.producer({"batch.size": 10_000})
    for i in range(first, first + 9_000):
        producer.produce(topic, b"%d" % i + bytes(300), b"%d" % (i * i % 701), 0)
        producer.poll(0)
    assert producer.flush(120) == 0


def compacted(apache: Cluster) -> str:
    """A topic that the cleaner has been through, with its log's start above 0."""
    topic = apache.create(unique(), 1, CLEANING)
    update(apache, topic, 0)
    apache.delete_records(topic, 1_000)
    wait_for(lambda: cleaned(apache, topic))
    return topic


def cleaned(apache: Cluster, topic: str) -> bool:
    """Of the two older segments only the newest record of each key is left."""
    time.sleep(0.5)
    return len(apache.read(topic)) < 4_000


def test_a_compacted_source(apache: Cluster, target: Cluster) -> None:
    topic = compacted(apache)
    before = apache.read(topic)
    middle = before[len(before) // 2]
    hole = next(r.offset + 1 for r, s in pairwise(before) if s.offset > r.offset + 1)
    groups = {
        unique("at"): middle.offset,
        unique("hole"): hole,
        unique("first"): 0,
        unique("end"): before[-1].offset + 1,
    }
    for group, offset in groups.items():
        apache.commit(group, {(topic, 0): offset})
    mirror(apache, target, "--topics", topic, "--groups", "|".join(groups))
    there = target.read(topic)
    assert without_offsets(there)[-100:] == without_offsets(apache.read(topic))[-100:]
    # The cleaner goes on; what was copied is of one moment between `before` and now.
    assert {r.key for r in there} == {r.key for r in before}
    by_value = {r.value: r.offset for r in there}
    for group, offset in groups.items():
        following = [r for r in before if r.offset >= offset and r.value in by_value]
        expected = by_value[following[0].value] if following else there[-1].offset + 1
        assert target.committed(group, topic)[0] == expected, (group, offset)
    assert target.configs(topic)["min.cleanable.dirty.ratio"] == "0.01"


def test_a_target_that_is_compacted_between_two_runs(source: Cluster, apache: Cluster) -> None:
    """Ours cleans nothing yet, so all of it is copied; then the target's cleaner is let go."""
    topic = source.create(unique(), 1, CLEANING)
    update(source, topic, 0)
    run = mirror(source, apache, "--topics", topic)
    assert "9,000 records in this run" in run.stdout
    wait_for(lambda: cleaned(apache, topic))
    update(source, topic, 9_000)
    run = mirror(source, apache, "--topics", topic)
    assert "were deleted at the target since" in run.stdout
    assert apache.bounds(topic)[1] == 18_000
    assert {r.key for r in apache.read(topic)} == {r.key for r in source.read(topic)}
    assert (
        without_offsets(apache.read(topic))[-1000:] == without_offsets(source.read(topic))[-1000:]
    )


def test_aborted_and_open_transactions(apache: Cluster, target: Cluster) -> None:
    topic = apache.create(unique(), 2)
    one, other = transactional(apache), transactional(apache)
    value = 0
    for round_ in range(60):
        for producer, ends in ((one, round_ % 3), (other, round_ % 5)):
            producer.begin_transaction()
            for _ in range(round_ % 4 + 1):
                producer.produce(topic, b"%d" % value, partition=value % 2)
                value += 1
            # What is aborted must be in the log, and not only in the producer's queue.
            assert producer.flush(120) == 0
            (producer.abort_transaction if ends == 0 else producer.commit_transaction)()
        apache.produce(topic, [b"outside"], round_ % 2)
    group = unique("g")
    read = consume(apache, group, topic, 70)
    mirror(apache, target, "--topics", topic, "--groups", group)
    count = assert_same(apache, target, topic, 2)
    assert count < value + 60
    read += consume(target, group, topic, count - 70)
    assert sorted(read) == sorted(
        (p, record.value) for p in range(2) for record in apache.read(topic, p)
    )
    one.begin_transaction()
    one.produce(topic, b"open", partition=0)
    one.flush(120)
    apache.produce(topic, [b"behind it"], 0)
    run = mirror(apache, target, "--topics", topic)
    assert f"{topic}-0: a transaction is open since offset" in run.stdout
    assert assert_same(apache, target, topic, 2) == count
    one.commit_transaction()
    mirror(apache, target, "--topics", topic)
    assert assert_same(apache, target, topic, 2) == count + 2


def transactional(cluster: Cluster) -> Producer:
    producer = cluster.producer({"transactional.id": unique("tx")})
    producer.init_transactions(120)
    return producer


def test_transactions_with_kills(apache: Cluster, home: Cluster) -> None:
    """Small transactions on all partitions: a hole in the source behind every few records. There
    are so many that no round copies all the rest."""
    topic = apache.create(unique(), PARTITIONS)
    producer = transactional(apache)
    expected = 0
    for i in range(120):
        producer.begin_transaction()
        for n in range(900):
            producer.produce(topic, b"%06d" % (900 * i + n) + bytes(1000), partition=n % PARTITIONS)
            producer.poll(0)
        assert producer.flush(120) == 0
        if i % 7 == 3:
            producer.abort_transaction()
        else:
            producer.commit_transaction()
            expected += 900
    Rounds(apache, home, topic).run()
    mirror(apache, home, "--topics", topic)
    assert assert_same(apache, home, topic, PARTITIONS) == expected


def test_the_broker_s_times_and_large_records(apache: Cluster, home: Cluster) -> None:
    config = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": "5000000"}
    topic = apache.create(unique(), 1, config)
    apache.produce(topic, [b"%d" % i for i in range(100)], timestamp=1)
    large = {"message.max.bytes": 6_000_000}
    apache.produce(topic, [bytes(4_500_000), bytes(2_000_000)], config=large)
    mirror(apache, home, "--topics", topic)
    assert assert_same(apache, home, topic) == 102
    assert home.configs(topic)["max.message.bytes"] == "5000000"
