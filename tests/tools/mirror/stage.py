"""Two clusters, seen through confluent-kafka: what is at the one must be at the other."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_CREATE_TIME,
    Consumer,
    KafkaError,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

WAIT_S = 120
MIRROR = [sys.executable, "-m", "moldau", "mirror", "--plain"]
# Writes its journal anew when it starts, and again and again.
TRIMMING_MIRROR = [
    sys.executable,
    "-c",
    "from moldau.tools.mirror import trim; from moldau.__main__ import main; trim.WEIGHT = 0; "
    "raise SystemExit(main())",
    *MIRROR[3:],
]
Headers = Sequence[tuple[str, bytes | None]]


class Seen(NamedTuple):
    """A record as a consumer sees it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class Cluster:
    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})

    def create(
        self, topic: str, partitions: int = 1, config: Mapping[str, str] | None = None
    ) -> str:
        new = NewTopic(topic, partitions, config=dict(config or {}))
        for future in self.admin.create_topics([new], operation_timeout=WAIT_S).values():
            future.result(WAIT_S)
        return topic

    def delete(self, topic: str) -> None:
        for future in self.admin.delete_topics([topic], operation_timeout=WAIT_S).values():
            future.result(WAIT_S)

    def producer(self, config: Mapping[str, object] | None = None) -> Producer:
        return Producer({"bootstrap.servers": self.servers, "log_level": 0, **(config or {})})

    def produce(
        self,
        topic: str,
        values: Iterable[bytes | None],
        partition: int = 0,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        timestamp: int = 0,
        config: Mapping[str, object] | None = None,
    ) -> None:
        producer = self.producer(config)
        refused: list[KafkaError] = []
        for value in values:
            producer.produce(
                topic,
                value,
                key,
                partition,
                headers=list(headers),
                timestamp=timestamp,
                on_delivery=lambda error, _: refused.append(error) if error else None,
            )
            producer.poll(0)
        assert producer.flush(WAIT_S) == 0
        assert refused == []

    def read(self, topic: str, partition: int = 0) -> list[Seen]:
        """All records of a partition that a consumer sees."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": "reader",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "log_level": 0,
            }
        )
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
        seen: list[Seen] = []
        try:
            while True:
                (message,) = consumer.consume(1, WAIT_S)
                error = message.error()
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    return seen
                seen.append(_seen(message))
        finally:
            consumer.close()

    def bounds(self, topic: str, partition: int = 0) -> tuple[int, int]:
        consumer = Consumer(
            {"bootstrap.servers": self.servers, "group.id": "reader", "log_level": 0}
        )
        try:
            found = consumer.get_watermark_offsets(TopicPartition(topic, partition), WAIT_S)
            return found[0], found[1]
        finally:
            consumer.close()

    def delete_records(self, topic: str, before: int, partition: int = 0) -> None:
        deleted = self.admin.delete_records([TopicPartition(topic, partition, before)])
        for future in deleted.values():
            future.result(WAIT_S)

    def commit(self, group: str, offsets: dict[tuple[str, int], int], text: str = "") -> None:
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": group, "log_level": 0})
        places = [TopicPartition(t, p, o, metadata=text) for (t, p), o in offsets.items()]
        consumer.commit(offsets=places, asynchronous=False)
        consumer.close()

    def committed(self, group: str, topic: str, partition: int = 0) -> tuple[int, str]:
        """Offset and metadata; -1001 when there is none."""
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": group, "log_level": 0})
        (found,) = consumer.committed([TopicPartition(topic, partition)], WAIT_S)
        consumer.close()
        return found.offset, found.metadata or ""

    def configs(self, topic: str) -> dict[str, str]:
        """Those that the topic says itself."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        (future,) = self.admin.describe_configs([resource]).values()
        dynamic_topic = 1
        return {
            name: entry.value
            for name, entry in future.result(WAIT_S).items()
            if entry.source == dynamic_topic
        }

    def replicas(self, topic: str) -> int:
        described = self.admin.list_topics(topic, timeout=WAIT_S).topics[topic]
        return min(len(partition.replicas) for partition in described.partitions.values())

    def configure(self, topic: str, name: str, value: str | None) -> None:
        """None: back to the default."""
        operation = AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET
        entry = ConfigEntry(name, value, incremental_operation=operation)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        for future in self.admin.incremental_alter_configs([resource]).values():
            future.result(WAIT_S)


def _seen(message: Any) -> Seen:
    kind, timestamp = message.timestamp()
    assert kind == TIMESTAMP_CREATE_TIME or timestamp > 0
    headers = tuple(message.headers() or ())
    return Seen(message.offset(), timestamp, message.key(), message.value(), headers)


def unique(name: str = "t") -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


def mirror_command(
    source: Cluster, target: Cluster, *words: str, program: Sequence[str] = MIRROR
) -> list[str]:
    return [*program, "--from", source.servers, "--to", target.servers, *words]


def mirror(
    source: Cluster, target: Cluster, *words: str, code: int = 0, program: Sequence[str] = MIRROR
) -> subprocess.CompletedProcess[str]:
    command = mirror_command(source, target, *words, program=program)
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == code, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    return run


def wait_for(wanted: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not wanted():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def without_offsets(records: Iterable[Seen]) -> list[tuple[object, ...]]:
    return [tuple(record[1:]) for record in records]


def assert_same(source: Cluster, target: Cluster, topic: str, partitions: int = 1) -> int:
    """The same records in the same order; how many."""
    count = 0
    for partition in range(partitions):
        here = without_offsets(source.read(topic, partition))
        there = without_offsets(target.read(topic, partition))
        assert there == here
        count += len(here)
    return count
