"""What people leave in a folder, and what they find there again, on any broker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from moldau.client.connection import Connection
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages import alter_client_quotas as alter
from moldau.protocol.messages import describe_client_quotas as describe
from moldau.protocol.messages.init_producer_id import (
    InitProducerIdRequest,
    InitProducerIdResponse,
)
from moldau.protocol.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from moldau.protocol.messages.metadata import MetadataRequest, MetadataResponse
from moldau.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from moldau.protocol.records import Record, build

# A folder of three partitions where Kafka's has fifty: quicker to make, and no less of a folder.
SMALL_FOLDER = {
    "offsets.topic.num.partitions": 3,
    "transaction.state.log.num.partitions": 3,
    "share.coordinator.state.topic.num.partitions": 3,
}
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class Kept(NamedTuple):
    """A record as a reader sees it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


@contextmanager
def connection(servers: str) -> Iterator[Connection]:
    host, _, port = servers.rpartition(":")
    opened = Connection(host, int(port), "life", 30)
    try:
        yield opened
    finally:
        opened.close()


def admin(servers: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": servers})


def create(servers: str, name: str, partitions: int = 1, **config: str) -> None:
    topic = NewTopic(
        name, partitions, 1, config={k.replace("_", "."): v for k, v in config.items()}
    )
    client = admin(servers)
    for future in client.create_topics([topic]).values():
        future.result()


def create_many(servers: str, count: int) -> None:
    """Topics that nobody uses, a few at a time: they fill the metadata."""
    client = admin(servers)
    for first in range(0, count, 10):
        some = [NewTopic(f"many-{number}", 1, 1) for number in range(first, first + 10)]
        for future in client.create_topics(some).values():
            future.result()


def delete(servers: str, name: str) -> None:
    client = admin(servers)
    for future in client.delete_topics([name]).values():
        future.result()


def produce(servers: str, topic: str, count: int, **config: object) -> None:
    """Records with keys, headers and times of their own, from an idempotent producer."""
    producer = Producer(
        {"bootstrap.servers": servers, "enable.idempotence": True, "linger.ms": 5, **config}
    )
    for number in range(count):
        producer.produce(
            topic,
            value=None if number % 7 == 3 else b"value-%d" % number,
            key=None if number % 5 == 4 else b"key-%d" % number,
            headers=[("number", str(number)), ("nothing", None)] if number % 3 == 0 else None,
            timestamp=1_700_000_000_000 + number,
        )
    assert producer.flush(30) == 0


def transactions(servers: str, topic: str, id: str, ends: str) -> None:
    """A transaction for each letter: `c` commits, `a` aborts; five records each, with records of
    nobody's transaction between them."""
    producer = Producer({"bootstrap.servers": servers, "transactional.id": id})
    plain = Producer({"bootstrap.servers": servers})
    retried(lambda: producer.init_transactions(60))
    for number, end in enumerate(ends):
        producer.begin_transaction()
        for i in range(5):
            producer.produce(topic, f"{id}-{number}-{end}-{i}", partition=0)
            plain.produce(topic, f"plain-{number}-{i}", partition=0)
            producer.flush()
            plain.flush()
        if end == "c":
            producer.commit_transaction(60)
        else:
            producer.abort_transaction(60)


def retried(call: Any) -> None:
    """A new Apache Kafka makes its transaction topic when first asked, and says so for a while."""
    deadline = time.monotonic() + 60
    while True:
        try:
            call()
            return
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() > deadline:
                raise


def read(servers: str, topic: str, isolation: str = "read_uncommitted") -> list[Kept]:
    """Everything in a topic, by partition and offset."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "nobody",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": isolation,
            "enable.partition.eof": True,
        }
    )
    partitions = len(consumer.list_topics(topic, 30).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    found: list[Kept] = []
    ended: set[int] = set()
    deadline = time.monotonic() + 60
    while len(ended) < partitions:
        assert time.monotonic() < deadline, (topic, ended, len(found))
        message = consumer.poll(1)
        if message is not None and message.error() is not None:
            assert message.error().code() == -191, message.error()  # the end of a partition
            ended.add(message.partition())
        elif message is not None:
            found.append(kept(message))
    consumer.close()
    return sorted(found)


def kept(message: Message) -> Kept:
    return Kept(
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        tuple(message.headers() or ()),
    )


def consume_in_group(servers: str, group: str, topic: str, count: int) -> list[Kept]:
    """The next records of a group, committed one by one as they come."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    found: list[Kept] = []
    deadline = time.monotonic() + 60
    while len(found) < count and time.monotonic() < deadline:
        message = consumer.poll(1)
        if message is not None and message.error() is None:
            found.append(kept(message))
            consumer.commit(message, asynchronous=False)
    consumer.close()
    return found


def committed(servers: str, group: str) -> dict[tuple[str, int], int]:
    asked = [ConsumerGroupTopicPartitions(group)]
    client = admin(servers)
    (future,) = client.list_consumer_group_offsets(asked).values()
    return {(p.topic, p.partition): p.offset for p in future.result().topic_partitions}


def groups(servers: str) -> set[str]:
    """Of all protocols."""
    with connection(servers) as opened:
        answer = opened.ask(ListGroupsRequest(), ListGroupsResponse)
    return {group.group_id for group in answer.groups}


class Topics(NamedTuple):
    ids: dict[str, tuple[bytes, int]]
    configs: dict[str, dict[str, str]]
    ends: dict[tuple[str, int], int]


def topics(servers: str) -> Topics:
    """Ids and numbers of partitions, configs that were set, and where the logs end."""
    with connection(servers) as opened:
        answer = opened.ask(MetadataRequest(topics=None), MetadataResponse)
    assert not any(p.error_code for topic in answer.topics for p in topic.partitions)
    ids = {str(t.name): (bytes(t.topic_id), len(t.partitions)) for t in answer.topics}
    client = admin(servers)
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in ids]
    configs = {
        resource.name: {
            name: entry.value
            for name, entry in future.result().items()
            if entry.source == 1  # of the topic itself
        }
        for resource, future in client.describe_configs(asked).items()
    }
    places = {
        TopicPartition(name, number): OffsetSpec.latest()
        for name, (_, count) in ids.items()
        for number in range(count)
    }
    return Topics(ids, configs, _ends(client, places))


_NOT_YET = (ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.UNKNOWN_LEADER_EPOCH)


def _ends(
    client: AdminClient, places: dict[TopicPartition, OffsetSpec]
) -> dict[tuple[str, int], int]:
    """A new Apache Kafka tells of its leaders some moments before they know that they lead: those
    are asked again."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return {
                (place.topic, place.partition): future.result().offset
                for place, future in client.list_offsets(places).items()
            }
        except KafkaException as error:
            if error.args[0].code() not in _NOT_YET or time.monotonic() > deadline:
                raise


def new_producer_id(servers: str) -> int:
    """Apache Kafka first asks its controller for a block of them."""
    with connection(servers) as opened:
        while True:
            answer = opened.ask(
                InitProducerIdRequest(transactional_id=None), InitProducerIdResponse, newest=5
            )
            if answer.error_code != ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
                assert answer.error_code == 0
                return int(answer.producer_id)


def limit(servers: str, client: str, rate: float) -> None:
    """A quota of bytes for what a client produces."""
    entity = alter.EntityData(entity_type="client-id", entity_name=client)
    operation = alter.OpData(key="producer_byte_rate", value=rate)
    entry = alter.EntryData(entity=[entity], ops=[operation])
    request = alter.AlterClientQuotasRequest(entries=[entry])
    with connection(servers) as opened:
        answer = opened.ask(request, alter.AlterClientQuotasResponse)
    assert answer.entries[0].error_code == 0, answer


def limits(servers: str) -> dict[str, float]:
    """Those quotas, by client."""
    with connection(servers) as opened:
        request = describe.DescribeClientQuotasRequest(components=[])
        answer = opened.ask(request, describe.DescribeClientQuotasResponse)
    return {
        str(entry.entity[0].entity_name): entry.values[0].value for entry in answer.entries or ()
    }


def send(servers: str, topic: str, producer_id: int, sequence: int) -> tuple[ErrorCode, int]:
    """One record of an idempotent producer, as an old acquaintance: error and offset. Its time is
    now: producers are forgotten by the time of their last record."""
    batch = build(
        [Record(0, int(time.time() * 1000), b"k", b"%d" % sequence)],
        producer_id=producer_id,
        producer_epoch=0,
        base_sequence=sequence,
    )
    data = [TopicProduceData(name=topic, partition_data=[PartitionProduceData(records=batch)])]
    request = ProduceRequest(acks=-1, timeout_ms=10_000, topic_data=data)
    with connection(servers) as opened:
        answer = opened.ask(request, ProduceResponse, newest=12)
    partition = answer.responses[0].partition_responses[0]
    return ErrorCode(partition.error_code), partition.base_offset
