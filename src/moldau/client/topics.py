"""Topics, their partitions and configs, as an administrator asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from moldau.client.admin import Admin
from moldau.client.connection import Connection
from moldau.client.errors import KafkaError, Refused, Unsupported
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
)

TOPIC_RESOURCE = 2
_DEFAULT_SOURCE = 5
_TOPIC_SOURCE = 1


class Topic(NamedTuple):
    name: str
    id: bytes
    internal: bool


class Partition(NamedTuple):
    """`leader` is -1 when there is none; the two lists of KIP-966 are None when not known."""

    id: int
    leader: int
    replicas: list[int]
    isr: list[int]
    eligible_leaders: list[int] | None
    last_known_leaders: list[int] | None


class TopicDescription(NamedTuple):
    name: str
    id: bytes
    internal: bool
    partitions: list[Partition]


class ConfigEntry(NamedTuple):
    """`is_own`: the topic says so itself, and not its broker."""

    name: str
    value: str | None
    is_default: bool
    is_own: bool = False


class Reassignment(NamedTuple):
    replicas: list[int]
    adding: list[int]
    removing: list[int]


def list_topics(admin: Admin) -> list[Topic]:
    """All topics, sorted by name."""
    response = admin.call("listTopics", admin.anyone, lambda c: admin.metadata(c, None))
    topics = [Topic(t.name or "", t.topic_id, t.is_internal) for t in response.topics]
    return sorted(topics)


def topic_exists(admin: Admin, name: str) -> bool:
    """Raises Refused for a name that no topic can have."""
    response = admin.call("listTopics", admin.anyone, lambda c: admin.metadata(c, [name]))
    code = response.topics[0].error_code
    if code == ErrorCode.INVALID_TOPIC_EXCEPTION:
        raise Refused(code)
    return code != ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def list_partitions(admin: Admin, *, internal: bool = True) -> list[tuple[str, int]]:
    """All partitions of all topics, or of those that are not internal, sorted."""
    response = admin.call("listTopics", admin.anyone, lambda c: admin.metadata(c, None))
    return sorted(
        (t.name or "", p.partition_index)
        for t in response.topics
        if internal or not t.is_internal
        for p in t.partitions
    )


def create_topic(
    admin: Admin,
    name: str,
    partitions: int = -1,
    replication_factor: int = -1,
    assignment: Mapping[int, list[int]] | None = None,
    configs: Mapping[str, str] | None = None,
    *,
    validate_only: bool = False,
) -> None:
    """-1 leaves the number to the broker; `validate_only` creates nothing. Raises Refused."""
    from moldau.protocol.messages.create_topics import (
        CreatableReplicaAssignment,
        CreatableTopic,
        CreatableTopicConfig,
        CreateTopicsRequest,
        CreateTopicsResponse,
    )

    check_name(name)
    topic = CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=replication_factor,
        assignments=[
            CreatableReplicaAssignment(partition_index=p, broker_ids=ids)
            for p, ids in (assignment or {}).items()
        ],
        configs=[CreatableTopicConfig(name=k, value=v) for k, v in (configs or {}).items()],
    )

    def attempt(connection: Connection) -> None:
        request = CreateTopicsRequest(
            topics=[topic],
            timeout_ms=admin.settings.request_timeout_ms,
            validate_only=validate_only,
        )
        for result in admin.ask(connection, request, CreateTopicsResponse).topics:
            _check(result.error_code, result.error_message)

    admin.call("createTopics", admin.controller, attempt)


def configs_of_a_new_topic(admin: Admin, name: str) -> dict[str, str | None]:
    """What a topic would have that says nothing itself; empty when the broker is too old to tell
    (Kafka 2.3). No topic of that name may be there, and none is made. Raises Refused."""
    from moldau.protocol.messages.create_topics import (
        CreatableTopic,
        CreateTopicsRequest,
        CreateTopicsResponse,
    )

    topic = CreatableTopic(name=name, num_partitions=1, replication_factor=-1)

    def attempt(connection: Connection) -> dict[str, str | None]:
        request = CreateTopicsRequest(
            topics=[topic], timeout_ms=admin.settings.request_timeout_ms, validate_only=True
        )
        (result,) = admin.ask(connection, request, CreateTopicsResponse).topics
        _check(result.error_code, result.error_message)
        return {config.name: config.value for config in result.configs or ()}

    return admin.call("createTopics", admin.controller, attempt)


def create_partitions(
    admin: Admin, counts: Mapping[str, int], assignments: Mapping[str, list[list[int]]]
) -> None:
    """Grows topics to `counts` partitions; `assignments` are those of the new ones."""
    from moldau.protocol.messages.create_partitions import (
        CreatePartitionsAssignment,
        CreatePartitionsRequest,
        CreatePartitionsResponse,
        CreatePartitionsTopic,
    )

    topics = []
    for name, count in counts.items():
        new = assignments.get(name)
        chosen = None if new is None else [CreatePartitionsAssignment(broker_ids=b) for b in new]
        topics.append(CreatePartitionsTopic(name=name, count=count, assignments=chosen))

    def attempt(connection: Connection) -> None:
        request = CreatePartitionsRequest(
            topics=topics, timeout_ms=admin.settings.request_timeout_ms
        )
        for result in admin.ask(connection, request, CreatePartitionsResponse).results:
            _check(result.error_code, result.error_message)

    admin.call("createPartitions", admin.controller, attempt)


def delete_topics(admin: Admin, names: Sequence[str]) -> None:
    """Raises Refused for the first that could not be deleted; the others are."""
    from moldau.protocol.messages.delete_topics import (
        DeleteTopicsRequest,
        DeleteTopicsResponse,
        DeleteTopicState,
    )

    if not names:
        return

    def attempt(connection: Connection) -> None:
        request = DeleteTopicsRequest(
            topics=[DeleteTopicState(name=name) for name in names],
            topic_names=list(names),
            timeout_ms=admin.settings.request_timeout_ms,
        )
        for result in admin.ask(connection, request, DeleteTopicsResponse).responses:
            _check(result.error_code, result.error_message)

    admin.call("deleteTopics", admin.controller, attempt)


def describe_topics(
    admin: Admin,
    names: Sequence[str],
    *,
    partitions_per_answer: int = 2000,
    timeout_ms: int | None = None,
) -> list[TopicDescription]:
    """In the order of `names`. Raises Refused for the first that is not there."""
    for name in names:
        check_name(name)
    if not names:
        return []

    def attempt(connection: Connection) -> list[TopicDescription]:
        try:
            return _describe_in_pages(admin, connection, names, partitions_per_answer)
        except Unsupported:
            return _from_metadata(admin.metadata(connection, list(names)))

    # The first that Java asks for here are the nodes, so that is what times out.
    found = admin.call("listNodes", admin.anyone, attempt, timeout_ms)
    by_name = {topic.name: topic for topic in found}
    return [by_name[name] for name in names if name in by_name]


def describe_topics_by_id(admin: Admin, ids: Sequence[bytes]) -> list[TopicDescription]:
    def attempt(connection: Connection) -> list[TopicDescription]:
        wanted = [MetadataRequestTopic(topic_id=i, name=None) for i in ids]
        request = MetadataRequest(topics=wanted, allow_auto_topic_creation=False)
        return _from_metadata(admin.ask(connection, request, MetadataResponse))

    return admin.call("describeTopicsWithIds", admin.anyone, attempt)


def describe_topic_configs(admin: Admin, names: Sequence[str]) -> dict[str, list[ConfigEntry]]:
    """The configs of each topic, in the broker's order."""
    from moldau.protocol.messages.describe_configs import (
        DescribeConfigsRequest,
        DescribeConfigsResource,
        DescribeConfigsResponse,
    )

    if not names:
        return {}

    def attempt(connection: Connection) -> dict[str, list[ConfigEntry]]:
        resources = [
            DescribeConfigsResource(
                resource_type=TOPIC_RESOURCE, resource_name=n, configuration_keys=None
            )
            for n in names
        ]
        answer = admin.ask(
            connection, DescribeConfigsRequest(resources=resources), DescribeConfigsResponse
        )
        configs = {}
        for result in answer.results:
            _check(result.error_code, result.error_message)
            configs[result.resource_name] = [
                ConfigEntry(
                    c.name,
                    c.value,
                    c.config_source == _DEFAULT_SOURCE,
                    c.config_source == _TOPIC_SOURCE,
                )
                for c in result.configs
            ]
        return configs

    return admin.call("describeConfigs", admin.anyone, attempt)


def alter_topic_configs(admin: Admin, topic: str, configs: Mapping[str, str | None]) -> None:
    """Sets a topic's configs (None: back to the default); the others stay. Raises Refused."""
    from moldau.protocol.messages.incremental_alter_configs import (
        AlterableConfig,
        AlterConfigsResource,
        IncrementalAlterConfigsRequest,
        IncrementalAlterConfigsResponse,
    )

    resource = AlterConfigsResource(
        resource_type=TOPIC_RESOURCE,
        resource_name=topic,
        configs=[
            AlterableConfig(name=name, config_operation=int(value is None), value=value)
            for name, value in configs.items()
        ],
    )

    def attempt(connection: Connection) -> None:
        request = IncrementalAlterConfigsRequest(resources=[resource])
        for result in admin.ask(connection, request, IncrementalAlterConfigsResponse).responses:
            _check(result.error_code, result.error_message)

    if configs:
        admin.call("incrementalAlterConfigs", admin.anyone, attempt)


def list_reassignments(
    admin: Admin, partitions: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], Reassignment]:
    """Those of these partitions that are moving; none when the broker cannot or may not say."""
    from moldau.protocol.messages.list_partition_reassignments import (
        ListPartitionReassignmentsRequest,
        ListPartitionReassignmentsResponse,
        ListPartitionReassignmentsTopics,
    )

    indexes: dict[str, list[int]] = {}
    for name, index in partitions:
        indexes.setdefault(name, []).append(index)
    topics = [
        ListPartitionReassignmentsTopics(name=n, partition_indexes=p) for n, p in indexes.items()
    ]

    def attempt(connection: Connection) -> dict[tuple[str, int], Reassignment]:
        request = ListPartitionReassignmentsRequest(
            topics=topics, timeout_ms=admin.settings.request_timeout_ms
        )
        answer = admin.ask(connection, request, ListPartitionReassignmentsResponse)
        _check(answer.error_code, answer.error_message)
        return {
            (t.name, p.partition_index): Reassignment(
                p.replicas, p.adding_replicas, p.removing_replicas
            )
            for t in answer.topics
            for p in t.partitions
        }

    try:
        return admin.call("listPartitionReassignments", admin.controller, attempt)
    except Unsupported:
        return {}
    except Refused as error:
        if error.code is not ErrorCode.CLUSTER_AUTHORIZATION_FAILED:
            raise
        return {}


def check_name(name: str) -> None:
    if not name:
        raise KafkaError(
            "The given topic name '' cannot be represented in a request.",
            java_class="org.apache.kafka.common.errors.InvalidTopicException",
        )


def _check(code: int, message: str | None) -> None:
    if code:
        raise Refused(code, message)


def _describe_in_pages(
    admin: Admin, connection: Connection, names: Sequence[str], limit: int
) -> list[TopicDescription]:
    """The answer to DescribeTopicPartitions comes in pages; a topic may run over several."""
    from moldau.protocol.messages.describe_topic_partitions import (
        Cursor,
        DescribeTopicPartitionsRequest,
        DescribeTopicPartitionsResponse,
        TopicRequest,
    )

    waiting = sorted(names)
    found: dict[str, TopicDescription] = {}
    cursor = None
    while True:
        request = DescribeTopicPartitionsRequest(
            topics=[TopicRequest(name=name) for name in waiting],
            response_partition_limit=limit,
            cursor=cursor,
        )
        answer = admin.ask(connection, request, DescribeTopicPartitionsResponse)
        for t in answer.topics:
            _check(t.error_code, None)
            name = t.name or ""
            topic = found.setdefault(name, TopicDescription(name, t.topic_id, t.is_internal, []))
            topic.partitions.extend(
                Partition(
                    p.partition_index,
                    p.leader_id,
                    p.replica_nodes,
                    p.isr_nodes,
                    p.eligible_leader_replicas,
                    p.last_known_elr,
                )
                for p in t.partitions
            )
        following = answer.next_cursor
        if following is None:
            return list(found.values())
        waiting = [name for name in waiting if name >= following.topic_name]
        cursor = Cursor(topic_name=following.topic_name, partition_index=following.partition_index)


def _from_metadata(response: MetadataResponse) -> list[TopicDescription]:
    topics = []
    for t in response.topics:
        _check(t.error_code, None)
        partitions = [
            Partition(p.partition_index, p.leader_id, p.replica_nodes, p.isr_nodes, None, None)
            for p in t.partitions
        ]
        topics.append(TopicDescription(t.name or "", t.topic_id, t.is_internal, partitions))
    return topics
