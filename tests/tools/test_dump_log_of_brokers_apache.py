"""kafka-dump-log on the folders of three brokers that have led, followed and been killed: every
file with every option, beside Apache Kafka's own tool."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from tests.apache_kafka import ApacheKafka, ToolServer
from tests.tools.dump_log import OPTIONS, difference, files_of
from tests.transcripts.actions import until

pytestmark = [pytest.mark.apache, pytest.mark.slow, pytest.mark.timeout(300)]
CONFIG = {
    "default.replication.factor": 3,
    "min.insync.replicas": 2,
    "offsets.topic.num.partitions": 2,
    "transaction.state.log.num.partitions": 2,
    "share.coordinator.state.topic.num.partitions": 2,
    "metadata.log.max.record.bytes.between.snapshots": 4000,
    "log.index.size.max.bytes": 100_000,
    "log.index.interval.bytes": 0,
    "log.cleaner.backoff.ms": 100,
    "log.initial.task.delay.ms": 100,
}
SHOWN = (".log", ".index", ".timeindex", ".snapshot", ".checkpoint", ".txnindex")
MADE = """
kafka-topics --create --topic plain --partitions 3
kafka-topics --create --topic stamped --config message.timestamp.type=LogAppendTime
kafka-topics --create --topic compacted --partitions 1 --config cleanup.policy=compact --config segment.bytes=1048576 --config min.cleanable.dirty.ratio=0.01
kafka-topics --create --topic rolled --partitions 1 --config segment.bytes=1048576
kafka-topics --create --topic gone
kafka-topics --delete --topic gone
kafka-topics --alter --topic stamped --partitions 2
kafka-configs --alter --topic plain --add-config retention.ms=-1,max.message.bytes=2000000
kafka-configs --alter --topic plain --delete-config max.message.bytes
kafka-configs --alter --broker 2 --add-config log.cleaner.threads=2
kafka-configs --alter --broker-defaults --add-config log.retention.ms=1000000000
kafka-configs --alter --user u --client-defaults --add-config producer_byte_rate=5000000
kafka-configs --alter --user u --add-config 'SCRAM-SHA-256=[password=p]'
kafka-configs --alter --user u --delete-config SCRAM-SHA-256
kafka-configs --alter --client-metrics m --add-config interval.ms=100000
kafka-configs --alter --group shared --add-config share.auto.offset.reset=earliest
"""  # noqa: E501
LEFT = """
kafka-share-groups --reset-offsets --group shared --topic plain --to-earliest --execute
kafka-consumer-groups --reset-offsets --group going --topic plain --to-latest --execute
kafka-consumer-groups --reset-offsets --group staying --topic stamped --to-latest --execute
kafka-consumer-groups --delete --group going
kafka-reassign-partitions --execute --reassignment-json-file plan.json
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What three brokers left behind, of which the second was killed before the others went on."""
    folder = tmp_path_factory.mktemp("brokers")
    with ApacheKafka(3, CONFIG, folder, heap="512M") as kafka, ToolServer() as java:
        tell(java, kafka, MADE)
        produce(kafka)
        transact(kafka)
        consume(kafka)
        share(java, kafka)
        plan = {"topic": "rolled", "partition": 0, "replicas": [3, 1]}
        (folder / "plan.json").write_text(json.dumps({"version": 1, "partitions": [plan]}))
        tell(java, kafka, LEFT.replace("plan.json", str(folder / "plan.json")))
        until("the cleaner", lambda: is_cleaned(kafka))
        kafka.kill(1)
        produce(kafka)
        transact(kafka)
        kafka.stop()
        yield folder


def tell(java: ToolServer, kafka: ApacheKafka, lines: str) -> None:
    for line in lines.strip().splitlines():
        words = shlex.split(line)
        ran = java.run(*words, "--bootstrap-server", kafka.bootstrap_servers)
        assert ran[0] == 0, (line, ran)


def produce(kafka: ApacheKafka) -> None:
    servers = {"bootstrap.servers": kafka.bootstrap_servers, "enable.idempotence": True}
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        producer = Producer({**servers, "compression.type": codec})
        for number in range(120):
            value = f"{number}".encode() * (number % 40)
            producer.produce("plain", value, f"k{number}", headers={"h": codec, "none": None})
            producer.produce("stamped", None if number % 7 == 0 else value, timestamp=number)
            key = f"k{number % 5}"
            producer.produce("compacted", None if number % 9 == 0 else bytes(12_000), key)
            producer.produce("rolled", bytes([number]) * 12_000)
            producer.poll(0)
        assert producer.flush(60) == 0


def transact(kafka: ApacheKafka) -> None:
    """Some that are committed, some that are not, and one that stays open."""
    config = {"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": "t"}
    producer = Producer(config)
    producer.init_transactions(120)
    for end in (producer.commit_transaction, producer.abort_transaction) * 3:
        producer.begin_transaction()
        for number in range(30):
            producer.produce("plain", str(number), str(number))
            producer.produce("rolled", bytes(20_000))
        producer.flush(60)
        end(120)
    producer.begin_transaction()
    producer.produce("rolled", b"open")
    assert producer.flush(60) == 0


def consume(kafka: ApacheKafka) -> None:
    kinds: tuple[dict[str, str], ...] = (
        {"group.id": "going"},
        {"group.id": "staying", "group.instance.id": "i", "client.id": "näher"},
        {"group.id": "new", "group.protocol": "consumer"},
    )
    for kind in kinds:
        config = {"bootstrap.servers": kafka.bootstrap_servers, "auto.offset.reset": "earliest"}
        consumer = Consumer({**config, **kind, "enable.auto.commit": False})
        consumer.subscribe(["plain"])
        assert consumer.consume(10, 60), kind
        place = TopicPartition("plain", 1, 5, metadata="näher")
        consumer.commit(offsets=[place], asynchronous=False)
        consumer.close()


def share(java: ToolServer, kafka: ApacheKafka) -> None:
    """What a member takes, will not have, or gives back."""
    where = ("--bootstrap-server", kafka.bootstrap_servers, "--topic", "plain")
    ends = ("--group", "shared", "--max-messages", "60", "--timeout-ms", "30000")
    for more in ((), ("--reject",), ("--release",)):
        code, shown, said = java.run("kafka-console-share-consumer", *where, *ends, *more)
        assert (code, bool(shown)) == (0, True), said


def is_cleaned(kafka: ApacheKafka) -> bool:
    """Only partitions that were cleaned have a line behind the head of two."""
    found = [data / "cleaner-offset-checkpoint" for data in kafka.data_dirs]
    return all(path.exists() and "compacted" in path.read_text() for path in found)


def test_every_file_with_every_option(folder: Path) -> None:
    found = [path for path in files_of(folder) if path.suffix in SHOWN]
    assert {path.suffix for path in found} == set(SHOWN)
    # What a follower has byte for byte as its leader is looked at once.
    paths = {(path.parent.name, path.name, path.read_bytes()): path for path in found}.values()
    with ToolServer() as java:
        differences = [
            difference(java, "--files", str(path), *options)
            for path in paths
            for options in OPTIONS
        ]
    assert len(differences) > 1000
    assert not any(differences), "\n".join(filter(None, differences))[:10_000]
