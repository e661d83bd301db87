"""The same admin requests to an Apache Kafka and to ours, and the same answers: error codes, texts
and values, in one table.

Not in it, because we answer otherwise on purpose: a topic that Metadata creates is answered at
once (test_admin.py); an operation that AlterConfigs does not know and a nameless topic in
DescribeTopicPartitions are INVALID_REQUEST and INVALID_TOPIC_EXCEPTION here, UNKNOWN_SERVER_ERROR
there; each has loggers of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from moldau.client.connection import Connection
from moldau.protocol.messages import alter_configs as plain_alter
from moldau.protocol.messages import incremental_alter_configs as alter
from moldau.protocol.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
)
from moldau.protocol.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from moldau.protocol.messages.delete_topics import (
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DeleteTopicState,
)
from moldau.protocol.messages.describe_cluster import (
    DescribeClusterRequest,
    DescribeClusterResponse,
)
from moldau.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResponse,
)
from moldau.protocol.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    TopicRequest,
)
from moldau.protocol.messages.init_producer_id import (
    InitProducerIdRequest,
    InitProducerIdResponse,
)
from moldau.protocol.messages.list_config_resources import (
    ListConfigResourcesRequest,
    ListConfigResourcesResponse,
)
from moldau.protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
)
from moldau.protocol.schema import Message, Struct
from moldau.server.embedded import Broker
from tests.apache_kafka import ApacheKafka

pytestmark = [
    pytest.mark.apache,
    pytest.mark.timeout(180),
]

TOPIC, BROKER, LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = range(4)
NO_CONFIGS: Mapping[str, str | None] = {}
UNKNOWN_ID = b"no such topic id"
# Both brokers are told the same, where our defaults are others or Kafka's do not fit one broker.
CONFIG = {
    "num.partitions": 3,
    "log.retention.hours": 100,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
}


def patience() -> Iterator[None]:
    """Turns of a loop that asks again, for at most ten seconds."""
    deadline = time.monotonic() + 10
    while True:
        yield
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)


class Side:
    """One of the two, and the ids of its topics, which are its own."""

    def __init__(self, bootstrap_servers: str) -> None:
        host, _, port = bootstrap_servers.rpartition(":")
        self.connection = Connection(host, int(port), "judge", 30)

    def ask(self, request: Message, answer: type[Any], version: int) -> Any:
        return self.connection.ask(request, answer, newest=version)

    def topic_id(self, name: str) -> bytes:
        """Of a topic that was created: the broker may still be about to learn that."""
        request = MetadataRequest(
            topics=[MetadataRequestTopic(name=name)], allow_auto_topic_creation=False
        )
        for _ in patience():
            topic_id = bytes(self.ask(request, MetadataResponse, 12).topics[0].topic_id)
            if any(topic_id):
                break
        return topic_id


class Sides(NamedTuple):
    apache: Side
    ours: Side


@pytest.fixture(scope="module")
def sides() -> Iterator[Sides]:
    with ApacheKafka(config=CONFIG) as kafka, Broker(config=CONFIG) as broker:
        both = Sides(Side(kafka.bootstrap_servers), Side(broker.bootstrap_servers))
        for side in both:
            made = side.ask(creation(topic("ok", 2, configs={"retention.ms": "500000"})), *CREATE)
            assert made.topics[0].error_code == 0
        yield both
        for side in both:
            side.connection.close()


def comparable(value: Any) -> Any:
    """A message as dictionaries. Lists are sorted, because Kafka's come out of hash tables; ids
    of topics are their own, so only whether there is one counts."""
    if isinstance(value, Struct):
        fields = (f.name for f in type(value).fields if f.name not in OWN)
        return {name: _field(name, getattr(value, name)) for name in fields}
    if isinstance(value, list):
        return sorted((comparable(item) for item in value), key=repr)
    return value


def _field(name: str, value: Any) -> Any:
    if name == "topic_id" and value != UNKNOWN_ID:
        return "an id" if any(value) else "none"
    return comparable(value)


# What belongs to one cluster, and what the clock decides.
OWN = frozenset({"host", "port", "cluster_id", "throttle_time_ms", "producer_id"})


class Row:
    """What is done on both sides, step by step; the answers to each are compared.

    A broker of Apache Kafka learns a little later what its controller decided: so it is asked
    again, for a while, if it answers otherwise, except in steps that change something.
    """

    def __init__(self, *steps: Callable[[Side], Any], changes: Sequence[int] = ()) -> None:
        self.steps = steps
        self.changes = changes

    def ask(self, side: Side) -> Any:
        """For rows of one step that are part of another row's."""
        return self.steps[0](side)


# --- requests ------------------------------------------------------------------------------------

CREATE = (CreateTopicsResponse, 7)


def creation(*topics: CreatableTopic, validate_only: bool = False) -> CreateTopicsRequest:
    return CreateTopicsRequest(topics=list(topics), validate_only=validate_only, timeout_ms=10_000)


def topic(
    name: str,
    partitions: int = 1,
    replicas: int = 1,
    configs: Mapping[str, str | None] = NO_CONFIGS,
) -> CreatableTopic:
    return CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=replicas,
        configs=[CreatableTopicConfig(name=key, value=value) for key, value in configs.items()],
    )


def placed(
    name: str, *replicas: list[int], partitions: int = -1, factor: int = -1
) -> CreatableTopic:
    made = topic(name, partitions, factor)
    made.assignments = [
        CreatableReplicaAssignment(partition_index=index, broker_ids=brokers)
        for index, brokers in enumerate(replicas)
    ]
    return made


def create(*topics: CreatableTopic, version: int = 7, validate_only: bool = True) -> Row:
    request = creation(*topics, validate_only=validate_only)
    return Row(lambda side: side.ask(request, CreateTopicsResponse, version))


def delete(*names: str, version: int = 5) -> Row:
    request = DeleteTopicsRequest(topic_names=list(names), timeout_ms=10_000)
    return Row(lambda side: side.ask(request, DeleteTopicsResponse, version))


def delete_states(states: Callable[[Side], list[DeleteTopicState]]) -> Row:
    def ask(side: Side) -> Any:
        request = DeleteTopicsRequest(topics=states(side), timeout_ms=10_000)
        return side.ask(request, DeleteTopicsResponse, 6)

    return Row(ask)


def create_and_delete(name: str) -> Row:
    """By id, and then it is gone."""

    def made(side: Side) -> Any:
        return side.ask(creation(topic(name)), *CREATE)

    def unmade(side: Side) -> Any:
        by_id = DeleteTopicState(topic_id=side.topic_id(name))
        request = DeleteTopicsRequest(topics=[by_id], timeout_ms=10_000)
        return side.ask(request, DeleteTopicsResponse, 6)

    return Row(made, unmade, delete(name).ask, changes=(0, 1))


def grow(name: str, count: int, assignments: list[list[int]] | None = None) -> Row:
    chosen = None
    if assignments is not None:
        chosen = [CreatePartitionsAssignment(broker_ids=brokers) for brokers in assignments]
    request = CreatePartitionsRequest(
        topics=[CreatePartitionsTopic(name=name, count=count, assignments=chosen)],
        timeout_ms=10_000,
        validate_only=True,
    )
    return Row(lambda side: side.ask(request, CreatePartitionsResponse, 3))


def grow_twice(name: str) -> Row:
    request = CreatePartitionsRequest(
        topics=[
            CreatePartitionsTopic(name=name, count=count, assignments=None) for count in (7, 8)
        ],
        timeout_ms=10_000,
    )
    return Row(lambda side: side.ask(request, CreatePartitionsResponse, 3))


Change = tuple[str, int, str | None]


def altered(
    *resources: tuple[int, str, list[Change]], validate_only: bool
) -> alter.IncrementalAlterConfigsRequest:
    return alter.IncrementalAlterConfigsRequest(
        resources=[
            alter.AlterConfigsResource(
                resource_type=kind,
                resource_name=name,
                configs=[
                    alter.AlterableConfig(name=key, config_operation=how, value=value)
                    for key, how, value in changes
                ],
            )
            for kind, name, changes in resources
        ],
        validate_only=validate_only,
    )


def change(*resources: tuple[int, str, list[Change]]) -> Row:
    request = altered(*resources, validate_only=True)
    return Row(lambda side: side.ask(request, alter.IncrementalAlterConfigsResponse, 1))


def replace(*resources: tuple[int, str, dict[str, str | None]], validate_only: bool = True) -> Row:
    request = plain_alter.AlterConfigsRequest(
        resources=[
            plain_alter.AlterConfigsResource(
                resource_type=kind,
                resource_name=name,
                configs=[
                    plain_alter.AlterableConfig(name=key, value=value)
                    for key, value in values.items()
                ],
            )
            for kind, name, values in resources
        ],
        validate_only=validate_only,
    )
    return Row(lambda side: side.ask(request, plain_alter.AlterConfigsResponse, 2))


def describe(
    kind: int, name: str, keys: list[str] | None = None, *, version: int = 4, synonyms: bool = True
) -> Row:
    request = DescribeConfigsRequest(
        resources=[
            DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=keys)
        ],
        include_synonyms=synonyms,
    )
    return Row(lambda side: side.ask(request, DescribeConfigsResponse, version))


def every_broker_config() -> Row:
    """Names, types and what is read-only; values are those of each one's folder and ports."""

    def ask(side: Side) -> Any:
        found = describe(BROKER, "1").ask(side).results[0].configs
        return [
            (c.name, c.config_type, c.read_only, c.is_sensitive)
            for c in found
            if not c.name.startswith("moldau.")
        ]

    return Row(ask)


def change_and_describe(name: str, *steps: list[Change]) -> Row:
    """What a topic has after each of several alterations."""
    asks: list[Callable[[Side], Any]] = [lambda side: side.ask(creation(topic(name)), *CREATE)]
    for step in steps:
        asks += [really((TOPIC, name, step)), describe(TOPIC, name).ask]
    return Row(*asks, changes=(0, *range(1, len(asks), 2)))


def really(*resources: tuple[int, str, list[Change]]) -> Callable[[Side], Any]:
    request = altered(*resources, validate_only=False)
    return lambda side: side.ask(request, alter.IncrementalAlterConfigsResponse, 1)


def defaults_for_all_brokers() -> Row:
    """A dynamic default, and how it goes away again."""
    seen = describe(BROKER, "").ask
    return Row(
        really((BROKER, "", [("log.retention.ms", SET, "7200000")])),
        seen,
        describe(TOPIC, "ok").ask,
        really((BROKER, "", [("log.retention.ms", DELETE, None)])),
        seen,
        changes=(0, 3),
    )


def metadata(
    *names: str | None, version: int = 13, everything: bool = False, operations: bool = False
) -> Row:
    request = MetadataRequest(
        topics=None if everything else [MetadataRequestTopic(name=name) for name in names],
        allow_auto_topic_creation=False,
        include_topic_authorized_operations=operations,
        include_cluster_authorized_operations=operations,
    )
    return Row(lambda side: side.ask(request, MetadataResponse, version))


def metadata_by_id() -> Row:
    def ask(side: Side) -> Any:
        topics = [
            MetadataRequestTopic(topic_id=side.topic_id("ok"), name=None),
            MetadataRequestTopic(topic_id=UNKNOWN_ID, name=None),
            MetadataRequestTopic(name="ignored"),
        ]
        return side.ask(MetadataRequest(topics=topics), MetadataResponse, 12)

    return Row(ask)


def ids_before_their_time(version: int) -> Row:
    def ask(side: Side) -> Any:
        topics = [MetadataRequestTopic(topic_id=side.topic_id("ok"), name="ok")]
        request = MetadataRequest(topics=topics, allow_auto_topic_creation=False)
        return side.ask(request, MetadataResponse, version)

    return Row(ask)


def partitions(*names: str, limit: int = 2000, cursor: tuple[str, int] | None = None) -> Row:
    request = DescribeTopicPartitionsRequest(
        topics=[TopicRequest(name=name) for name in names],
        response_partition_limit=limit,
        cursor=cursor and Cursor(topic_name=cursor[0], partition_index=cursor[1]),
    )
    return Row(lambda side: side.ask(request, DescribeTopicPartitionsResponse, 0))


def cluster(version: int = 2, endpoint: int = 1, *, operations: bool = False) -> Row:
    request = DescribeClusterRequest(
        endpoint_type=endpoint, include_cluster_authorized_operations=operations
    )
    return Row(lambda side: side.ask(request, DescribeClusterResponse, version))


def resources(*types: int, version: int = 1) -> Row:
    request = ListConfigResourcesRequest(resource_types=list(types))
    return Row(lambda side: side.ask(request, ListConfigResourcesResponse, version))


def producer(producer_id: int = -1, epoch: int = -1, name: str | None = None) -> Row:
    request = InitProducerIdRequest(
        transactional_id=name,
        transaction_timeout_ms=1000,
        producer_id=producer_id,
        producer_epoch=epoch,
    )

    def ask(side: Side) -> Any:
        answer = side.ask(request, InitProducerIdResponse, 5)
        while answer.error_code == 14:  # Apache Kafka is still asking its controller for ids
            answer = side.ask(request, InitProducerIdResponse, 5)
        return answer

    return Row(ask)


# --- the table -----------------------------------------------------------------------------------

TABLE: dict[str, Row] = {
    "create: answer of every version": Row(
        lambda side: [
            side.ask(creation(topic("v"), validate_only=True), CreateTopicsResponse, version)
            for version in range(2, 8)
        ]
    ),
    "create: defaults": create(topic("d", -1, -1)),
    "create: configs and their sources": create(
        topic("c", 2, configs={"cleanup.policy": "compact", "segment.bytes": "2000000"})
    ),
    "create: names": create(
        *(topic(name) for name in ("", ".", "..", "a b", "ü", "x" * 249, "x" * 250, "a:b", "ok.")),
    ),
    "create: exists": create(topic("ok")),
    "create: collides": Row(
        lambda side: side.ask(creation(topic("col.lide")), *CREATE),
        lambda side: side.ask(creation(topic("col_lide")), *CREATE),
        changes=(0,),
    ),
    "create: twice in one request": create(topic("t"), topic("u"), topic("t")),
    "create: metadata log": create(topic("__cluster_metadata")),
    "create: partitions": create(*(topic(f"p{n + 9}", n) for n in (-2, -1, 0, 1))),
    "create: replicas": create(*(topic(f"r{n + 9}", 1, n) for n in (-2, -1, 0, 1, 2, 3))),
    "create: which error wins": create(
        topic("a b", 0, 0, configs={"bogus": "1"}),
        topic("w", 0, 0, configs={"bogus": "1"}),
        topic("ok", 0, configs={"bogus": "1"}),
    ),
    "create: assignments": create(
        placed("a1", [1]),
        placed("a2", [1], [1]),
        placed("a3", [7]),
        placed("a4", [1, 1]),
        placed("a5", []),
        placed("a6", [1], partitions=1),
        placed("a7", [1], factor=1),
    ),
    "create: assignments with a gap": create(
        CreatableTopic(
            name="gap",
            num_partitions=-1,
            replication_factor=-1,
            assignments=[CreatableReplicaAssignment(partition_index=1, broker_ids=[1])],
        )
    ),
    "create: configs": create(
        topic("c1", configs={"bogus": "1"}),
        topic("c2", configs={"retention.ms": "x"}),
        topic("c3", configs={"retention.ms": None}),
        topic("c4", configs={"cleanup.policy": "shred"}),
        topic("c5", configs={"min.compaction.lag.ms": "5", "max.compaction.lag.ms": "4"}),
        topic("c6", configs={"segment.bytes": "1"}),
        topic("c7", configs={"compression.type": "rar"}),
        topic("c8", configs={"min.insync.replicas": "0"}),
        topic("c9", configs={"remote.storage.enable": "true"}),
        topic("c10", configs={"message.timestamp.type": "Never"}),
        topic("c11", configs={"min.cleanable.dirty.ratio": "2"}),
        topic("c12", configs={"leader.replication.throttled.replicas": "x"}),
    ),
    "create: too many partitions": create(topic("m1", 6000), topic("m2", 6000)),
    "create: too many records": create(topic("m3", 10_000)),
    "delete: unknown": Row(
        lambda side: [delete("nope", version=version).ask(side) for version in range(1, 7)]
    ),
    "delete: by id": create_and_delete("short-lived"),
    "delete: unclear": delete_states(
        lambda side: [
            DeleteTopicState(topic_id=UNKNOWN_ID),
            DeleteTopicState(),
            DeleteTopicState(name="ok", topic_id=side.topic_id("ok")),
            DeleteTopicState(name="twice"),
            DeleteTopicState(name="twice"),
        ]
    ),
    "delete: by name and by id": delete_states(
        lambda side: [DeleteTopicState(name="ok"), DeleteTopicState(topic_id=side.topic_id("ok"))]
    ),
    "grow: unknown": grow("nope", 3),
    "grow": grow("ok", 4),
    "grow: same": grow("ok", 2),
    "grow: fewer": grow("ok", 1),
    "grow: assigned": grow("ok", 3, [[1]]),
    "grow: assigned to nobody": grow("ok", 3, [[9]]),
    "grow: other number of assignments": grow("ok", 5, [[1]]),
    "grow: other number of replicas": grow("ok", 3, [[1, 2]]),
    "grow: twice in one request": grow_twice("ok"),
    "alter: topics": change(
        (TOPIC, "ok", [("retention.ms", SET, "x")]),
        (TOPIC, "nope", [("retention.ms", SET, "5")]),
        (TOPIC, "", [("retention.ms", SET, "5")]),
        (TOPIC, "a b", [("retention.ms", SET, "5")]),
        (TOPIC, "nope2", [("bogus", SET, "5")]),
    ),
    "alter: unknown": change((TOPIC, "ok", [("bogus", SET, "1")])),
    "alter: fine": change((TOPIC, "ok", [("retention.ms", SET, "1"), ("segment.ms", DELETE, "")])),
    "alter: append to no list": change((TOPIC, "ok", [("retention.ms", APPEND, "1")])),
    "alter: append to unknown": change((TOPIC, "ok", [("bogus", APPEND, "1")])),
    "alter: append": change((TOPIC, "ok", [("cleanup.policy", APPEND, "compact")])),
    "alter: append nothing": change((TOPIC, "ok", [("cleanup.policy", APPEND, "")])),
    "alter: subtract all": change((TOPIC, "ok", [("cleanup.policy", SUBTRACT, "delete")])),
    "alter: null": change((TOPIC, "ok", [("retention.ms", SET, None)])),
    "alter: same key twice": change(
        (TOPIC, "ok", [("retention.ms", SET, "1"), ("retention.ms", SET, "2")])
    ),
    "alter: same resource twice": change(
        (TOPIC, "ok", [("retention.ms", SET, "1")]), (TOPIC, "ok", [("retention.ms", SET, "2")])
    ),
    "alter: too long": change(
        (TOPIC, "ok", [("leader.replication.throttled.replicas", SET, "0:1," * 8000 + "0:1")])
    ),
    "alter: brokers": change(
        (BROKER, "7", [("log.retention.ms", SET, "5")]),
        (BROKER, "x", []),
        (BROKER, "1", [("node.id", SET, "5")]),
        (BROKER, "", [("listeners", SET, "PLAINTEXT://:9")]),
    ),
    "alter: broker's type": change((BROKER, "", [("log.retention.ms", SET, "x")])),
    "alter: broker's range": change((BROKER, "", [("log.segment.bytes", SET, "1")])),
    "alter: broker's append": change((BROKER, "", [("log.retention.ms", APPEND, "1")])),
    "alter: broker's unknown append": change((BROKER, "", [("bogus", APPEND, "1")])),
    "alter: broker's unknown": change((BROKER, "", [("bogus", SET, "1")])),
    "alter: broker's unknown operation": change((BROKER, "", [("log.retention.ms", 9, "1")])),
    "alter: broker without effect here": change((BROKER, "", [("num.io.threads", SET, "9")])),
    "alter: minimum in sync of a broker": change(
        (BROKER, "1", [("min.insync.replicas", SET, "1")])
    ),
    "alter: minimum in sync removed": change((BROKER, "", [("min.insync.replicas", DELETE, None)])),
    "alter: unknown type": change((5, "1", [])),
    "alter: unknown logger": change((LOGGER, "1", [("kafka.bogus", SET, "INFO")])),
    "alter: loggers of another": change((LOGGER, "2", [("root", SET, "INFO")])),
    "alter: threads": Row(
        lambda side: [
            change((BROKER, "", [(name, SET, value)])).ask(side)
            for name, value in (
                ("num.io.threads", "3"),
                ("num.io.threads", "4"),
                ("num.io.threads", "16"),
                ("num.io.threads", "17"),
                ("num.network.threads", "7"),
                ("num.replica.fetchers", "2"),
                ("num.replica.fetchers", "3"),
                ("num.recovery.threads.per.data.dir", "5"),
                ("background.threads", "21"),
                ("log.cleaner.threads", "0"),
                ("log.cleaner.threads", "3"),
                ("remote.log.reader.threads", "21"),
                ("remote.log.manager.copier.thread.pool.size", "4"),
            )
        ]
    ),
    "alter: what must fit together": Row(
        lambda side: [
            change((BROKER, "", [(name, SET, value)])).ask(side)
            for name, value in (
                ("log.roll.ms", "0"),
                ("log.roll.jitter.ms", "-1"),
                ("log.retention.ms", "0"),
                ("log.retention.ms", "-1"),
                ("log.retention.ms", "-5"),
                ("log.retention.minutes", "5"),
                ("log.local.retention.ms", "999999999999"),
                ("log.local.retention.ms", "-1"),
                ("log.local.retention.bytes", "-1"),
                ("log.cleaner.dedupe.buffer.size", "1000"),
                ("group.consumer.assignment.interval.ms", "15001"),
                ("group.share.assignment.interval.ms", "15001"),
                ("group.streams.assignment.interval.ms", "-1"),
                ("max.connections", "0"),
                ("max.connections", "-1"),
                ("max.connection.creation.rate", "0"),
                ("max.connections.per.ip", "0"),
                ("max.connections.per.ip.overrides", "127.0.0.1:5"),
                ("max.connections.per.ip.overrides", "127.0.0.1:x"),
                ("max.connections.per.ip.overrides", "127.0.0.1"),
                ("max.connections.per.ip.overrides", "a b:5"),
                ("message.max.bytes", "-1"),
                ("compression.type", "rar"),
                ("min.insync.replicas", "0"),
                ("unclean.leader.election.enable", "perhaps"),
                ("producer.id.expiration.ms", "0"),
                ("follower.replication.throttled.rate", "-1"),
            )
        ]
    ),
    "alter: listeners of one kind": Row(
        lambda side: [
            change((BROKER, name, [(key, SET, value)])).ask(side)
            for name in ("", "1")
            for key, value in (
                ("listener.name.plaintext.max.connections", "7"),
                ("listener.name.plaintext.max.connection.creation.rate", "7"),
                ("listener.name.plaintext.num.network.threads", "4"),
                ("listener.name.plaintext.max.connections", "x"),
                ("ssl.keystore.location", "/a"),
            )
        ]
    ),
    "alter: group": Row(
        lambda side: [
            change((GROUP, "g", [(name, SET, value)])).ask(side)
            for name, value in (
                ("consumer.session.timeout.ms", "50000"),
                ("consumer.session.timeout.ms", "5"),
                ("consumer.session.timeout.ms", "500000"),
                ("consumer.session.timeout.ms", "x"),
                ("consumer.heartbeat.interval.ms", "1"),
                ("consumer.heartbeat.interval.ms", "15000"),
                ("consumer.assignment.interval.ms", "15001"),
                ("share.auto.offset.reset", "earliest"),
                ("share.auto.offset.reset", "never"),
                ("share.isolation.level", "READ"),
                ("share.record.lock.duration.ms", "5000"),
                ("share.delivery.count.limit", "11"),
                ("share.partition.max.record.locks", "1"),
                ("streams.num.standby.replicas", "3"),
                ("streams.initial.rebalance.delay.ms", "-1"),
                ("bogus", "1"),
            )
        ]
    ),
    "alter: group, other ways": Row(
        change((GROUP, "", [("consumer.session.timeout.ms", SET, "50000")])).ask,
        change((GROUP, "g", [("consumer.session.timeout.ms", APPEND, "50000")])).ask,
        change((GROUP, "g", [("consumer.session.timeout.ms", DELETE, None)])).ask,
        replace((GROUP, "g", {"consumer.session.timeout.ms": "1"})).ask,
        replace((GROUP, "", {})).ask,
    ),
    "alter: two wrong bounds": change(
        (
            GROUP,
            "g",
            [
                ("consumer.session.timeout.ms", SET, "5"),
                ("consumer.heartbeat.interval.ms", SET, "1"),
            ],
        )
    ),
    "alter: group and see": Row(
        really((GROUP, "kept", [("share.auto.offset.reset", SET, "earliest")])),
        describe(GROUP, "kept").ask,
        resources(GROUP).ask,
        really((GROUP, "kept", [("share.auto.offset.reset", DELETE, None)])),
        describe(GROUP, "kept").ask,
        resources(GROUP).ask,
        changes=(0, 3),
    ),
    "alter: client metrics": Row(
        lambda side: [
            change((CLIENT_METRICS, "m", [(name, SET, value)])).ask(side)
            for name, value in (
                ("interval.ms", "100"),
                ("interval.ms", "99"),
                ("interval.ms", "3600001"),
                ("interval.ms", "x"),
                ("metrics", "org.apache.kafka.producer.,org.apache.kafka.consumer."),
                ("metrics", ""),
                ("metrics", "*"),
                ("match", "client_id=a"),
                ("match", "client_id = a.* , client_software_version=1\\.[0-9]"),
                ("match", "client_id"),
                ("match", "client_id=a=b"),
                ("match", "client_id="),
                ("match", "=a"),
                ("match", "client=a"),
                ("match", "client_id=["),
                ("match", "client_software_name=(?i)Java\\p{Digit}"),
                ("bogus", "1"),
            )
        ]
    ),
    "alter: client metrics, other ways": Row(
        change((CLIENT_METRICS, "", [("interval.ms", SET, "500")])).ask,
        change((CLIENT_METRICS, "m", [("metrics", APPEND, "a")])).ask,
        replace((CLIENT_METRICS, "", {})).ask,
        replace((CLIENT_METRICS, "m", {"interval.ms": "1"})).ask,
    ),
    "alter: client metrics and see": Row(
        really((CLIENT_METRICS, "sub", [("interval.ms", SET, "500"), ("metrics", SET, "a,b")])),
        describe(CLIENT_METRICS, "sub").ask,
        resources(CLIENT_METRICS).ask,
        resources(version=0).ask,
        really((CLIENT_METRICS, "sub", [("metrics", DELETE, None)])),
        describe(CLIENT_METRICS, "sub").ask,
        replace((CLIENT_METRICS, "sub", {}), validate_only=False).ask,
        resources(CLIENT_METRICS).ask,
        changes=(0, 4, 6),
    ),
    "alter: loggers": Row(
        lambda side: [
            change((LOGGER, broker, [(name, how, value)])).ask(side)
            for broker, name, how, value in (
                ("1", "root", SET, "DEBUG"),
                ("1", "root", SET, "LOUD"),
                ("1", "root", SET, "debug"),
                ("1", "root", DELETE, None),
                ("1", "root", APPEND, "INFO"),
                ("1", "root", SUBTRACT, "INFO"),
                ("1", "bogus", DELETE, None),
                ("1", "bogus", APPEND, "x"),
                ("x", "root", SET, "DEBUG"),
                ("", "root", SET, "DEBUG"),
                ("1", "root", SET, None),
            )
        ]
    ),
    "alter: root logger and see": Row(
        really((LOGGER, "1", [("root", SET, "ERROR")])),
        describe(LOGGER, "1", ["root"]).ask,
        really((LOGGER, "1", [("root", SET, "INFO")])),
        describe(LOGGER, "1", ["root"]).ask,
        changes=(0, 2),
    ),
    "alter: plain": replace(
        (TOPIC, "ok", {"retention.ms": "5"}),
        (TOPIC, "nope", {}),
        (TOPIC, "", {}),
        (LOGGER, "1", {}),
        (BROKER, "1", {"node.id": "3"}),
        (BROKER, "", {}),
        (5, "1", {}),
    ),
    "alter: plain null": replace((TOPIC, "ok", {"retention.ms": None})),
    "alter: and see": change_and_describe(
        "changing",
        [("retention.ms", SET, "5"), ("cleanup.policy", APPEND, "compact")],
        [("cleanup.policy", SUBTRACT, "delete"), ("min.insync.replicas", SET, "2")],
        [("cleanup.policy", DELETE, None), ("retention.ms", DELETE, None)],
    ),
    "alter: default of all brokers": defaults_for_all_brokers(),
    "describe: topic, every version": Row(
        lambda side: [describe(TOPIC, "ok", version=version).ask(side) for version in range(1, 5)]
    ),
    "describe: without synonyms": describe(TOPIC, "ok", synonyms=False),
    "describe: some keys": describe(TOPIC, "ok", ["retention.ms", "bogus"]),
    "describe: no keys": describe(TOPIC, "ok", []),
    "describe: unknown topic": describe(TOPIC, "nope"),
    "describe: bad topic": describe(TOPIC, "a b"),
    "describe: all brokers": describe(BROKER, ""),
    "describe: another broker": describe(BROKER, "7"),
    "describe: no number": describe(BROKER, "x"),
    "describe: broker, some keys": describe(
        BROKER,
        "1",
        ["num.partitions", "log.retention.ms", "log.retention.hours", "background.threads"],
    ),
    "describe: broker": every_broker_config(),
    "describe: nobody's loggers": describe(LOGGER, ""),
    "describe: another's loggers": describe(LOGGER, "7"),
    "describe: group": describe(GROUP, "g"),
    "describe: nameless group": describe(GROUP, ""),
    "describe: client metrics": describe(CLIENT_METRICS, "m"),
    "describe: nameless client metrics": describe(CLIENT_METRICS, ""),
    "describe: unknown type": describe(5, "x"),
    "resources: all": resources(),
    "resources: topics": resources(TOPIC),
    "resources: unknown": resources(7),
    "resources: version 0": resources(version=0),
    "cluster": Row(lambda side: [cluster(version).ask(side) for version in range(3)]),
    "cluster: what may be done": cluster(operations=True),
    "cluster: controllers": cluster(endpoint=2),
    "cluster: unknown endpoints": Row(
        lambda side: [cluster(version, endpoint=9).ask(side) for version in (1, 2)]
    ),
    "metadata: one topic, every version": Row(
        lambda side: [metadata("ok", version=version).ask(side) for version in range(14)]
    ),
    "metadata: none asked for": Row(
        lambda side: [metadata(version=version).ask(side) for version in range(1, 14)]
    ),
    "metadata: unknown and bad": Row(
        lambda side: [
            metadata("nope", "a b", "", "__consumer_offsets", "nope", version=version).ask(side)
            for version in (4, 9, 13)
        ]
    ),
    "metadata: what may be done": Row(
        lambda side: [
            metadata("ok", "nope", version=version, operations=True).ask(side)
            for version in range(8, 14)
        ]
    ),
    "metadata: by id": metadata_by_id(),
    "metadata: id before its time": Row(
        lambda side: [ids_before_their_time(version).ask(side) for version in (10, 11)]
    ),
    "metadata: null before its time": Row(
        lambda side: [metadata(None, version=version).ask(side) for version in (10, 11)]
    ),
    "partitions": partitions("ok", "nope", "a b"),
    "partitions: page": partitions("ok", "zz", limit=1),
    "partitions: full page": partitions("ok", "zz", limit=2),
    "partitions: next page": partitions("ok", "zz", cursor=("ok", 1)),
    "partitions: beyond": partitions("ok", cursor=("ok", 5)),
    "partitions: cursor elsewhere": partitions("ok", cursor=("zz", 0)),
    "partitions: negative cursor": partitions("ok", cursor=("ok", -1)),
    "partitions: limit of nothing": partitions("ok", limit=0),
    "producer": producer(),
    "producer: had an id": producer(5, 1),
    "producer: id without epoch": producer(5, -1),
    "producer: epoch without id": producer(-1, 5),
    "producer: nameless transaction": producer(name=""),
}


@pytest.mark.parametrize("name", TABLE)
def test_both_answer_the_same(sides: Sides, name: str) -> None:
    row = TABLE[name]
    for number, step in enumerate(row.steps):
        ours = comparable(step(sides.ours))
        for _ in patience():
            theirs = comparable(step(sides.apache))
            if ours == theirs or number in row.changes:
                break
        assert ours == theirs, f"step {number + 1}"
