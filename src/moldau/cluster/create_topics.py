"""Deciding CreateTopics (Apache Kafka: ReplicationControlManager.createTopics, ControllerApis)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from moldau.cluster.configs import check_topic_configs, creation_source
from moldau.cluster.decided import (
    MAX_RECORDS,
    TOO_MANY_RECORDS,
    Charge,
    Decided,
    Dice,
    Refused,
    uncharged,
)
from moldau.cluster.image import ClusterImage, ResourceType
from moldau.cluster.placement import check_assignment, chosen_in_sync, partition_record, place
from moldau.cluster.records import Record
from moldau.cluster.topic_names import (
    CLUSTER_METADATA,
    CONSUMER_OFFSETS,
    find_collision,
    why_invalid,
)
from moldau.protocol import uuids
from moldau.protocol.config.describe import describe_topic
from moldau.protocol.config.layers import BrokerConfigs
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreatableTopicConfigs,
    CreatableTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from moldau.protocol.messages.metadata_log import ConfigRecord, TopicRecord

MAX_PARTITIONS: Final = 10_000  # in one request


def create_topics(
    image: ClusterImage,
    configs: BrokerConfigs,
    dice: Dice,
    request: CreateTopicsRequest,
    charge: Charge = uncharged,
) -> Decided:
    names = Counter(topic.name for topic in request.topics)
    topics = [t for t in request.topics if names[t.name] == 1 and t.name != CLUSTER_METADATA]
    refuse = partial(_refuse_all, request)
    asked = sum(_asked_partitions(configs, topic) for topic in topics)
    if asked > MAX_PARTITIONS:
        message = "Excessively large number of partitions per request."
        return Decided([], refuse(ErrorCode.POLICY_VIOLATION, message), refuse)
    records: list[Record] = []
    results = [_create(image, configs, dice, topic, records, charge) for topic in topics]
    if len(records) > MAX_RECORDS:
        return Decided([], refuse(ErrorCode.POLICY_VIOLATION, TOO_MANY_RECORDS), refuse)
    results += [_refused_whole(name) for name, count in names.items() if count > 1]
    if names[CLUSTER_METADATA] == 1:
        results.append(_refused_whole(CLUSTER_METADATA))
    response = CreateTopicsResponse(topics=results)
    return Decided([] if request.validate_only else records, response, refuse)


def _refuse_all(
    request: CreateTopicsRequest, code: ErrorCode, message: str
) -> CreateTopicsResponse:
    names = dict.fromkeys(topic.name for topic in request.topics)
    return CreateTopicsResponse(
        topics=[
            CreatableTopicResult(name=name, error_code=code, error_message=message)
            for name in names
        ]
    )


def _refused_whole(name: str) -> CreatableTopicResult:
    if name == CLUSTER_METADATA:
        message = f"Creation of internal topic {CLUSTER_METADATA} is prohibited."
    else:
        message = "Duplicate topic name."
    return CreatableTopicResult(
        name=name, error_code=ErrorCode.INVALID_REQUEST, error_message=message
    )


def _asked_partitions(configs: BrokerConfigs, topic: CreatableTopic) -> int:
    if topic.assignments:
        return len(topic.assignments)
    if topic.num_partitions == -1:
        return _default(configs, "num.partitions")
    return max(topic.num_partitions, 0)


def _default(configs: BrokerConfigs, name: str) -> int:
    value = configs.values[name]
    assert isinstance(value, int)
    return value


def _create(
    image: ClusterImage,
    configs: BrokerConfigs,
    dice: Dice,
    topic: CreatableTopic,
    records: list[Record],
    charge: Charge,
) -> CreatableTopicResult:
    """One topic's result; its records are added when there is nothing to refuse."""
    try:
        _check_name(image, topic.name)
        overrides = _checked_overrides(configs, topic)
        replicas = _replicas(image, configs, dice, topic)
        charge(len(replicas))
    except Refused as refused:
        return CreatableTopicResult(
            name=topic.name, error_code=refused.code, error_message=refused.message
        )
    topic_id = uuids.draw(dice.randbytes)
    records.append(TopicRecord(name=topic.name, topic_id=topic_id))
    # Between the topic and its partitions: whoever opens the partitions knows the configs.
    records.extend(
        ConfigRecord(
            resource_type=ResourceType.TOPIC, resource_name=topic.name, name=name, value=value
        )
        for name, value in overrides.items()
    )
    records.extend(
        partition_record(image, topic_id, index, brokers) for index, brokers in enumerate(replicas)
    )
    return CreatableTopicResult(
        name=topic.name,
        topic_id=topic_id,
        error_code=ErrorCode.NONE,
        error_message=None,
        num_partitions=len(replicas),
        replication_factor=len(replicas[0]),
        configs=_described(configs, overrides),
    )


def _described(configs: BrokerConfigs, overrides: Mapping[str, str]) -> list[CreatableTopicConfigs]:
    """What the new topic ends up with, by name (KIP-525). Its own configs are told as they were
    written (KafkaConfigSchema.toConfigEntry)."""
    return [
        CreatableTopicConfigs(
            name=entry.name,
            value=overrides.get(entry.name, entry.value),
            config_source=creation_source(configs, overrides, entry.name),
        )
        for entry in sorted(describe_topic(configs, overrides))
    ]


def _check_name(image: ClusterImage, name: str) -> None:
    if name in image.topics:
        raise Refused(ErrorCode.TOPIC_ALREADY_EXISTS, f"Topic '{name}' already exists.")
    other = find_collision(name, image.topics)
    if other is not None:
        raise Refused(
            ErrorCode.INVALID_TOPIC_EXCEPTION,
            f"Topic '{name}' collides with existing topic: {other}",
        )
    why = why_invalid(name)
    if why is not None:
        raise Refused(ErrorCode.INVALID_TOPIC_EXCEPTION, why)


def _checked_overrides(configs: BrokerConfigs, topic: CreatableTopic) -> dict[str, str]:
    """The configs that the topic is to have of its own."""
    nulls = [config.name for config in topic.configs if config.value is None]
    if nulls:
        raise Refused(
            ErrorCode.INVALID_CONFIG,
            f"Null value not supported for topic configs: {','.join(nulls)}",
        )
    overrides = {config.name: config.value or "" for config in topic.configs}
    check_topic_configs(configs, overrides)
    return overrides


def _replicas(
    image: ClusterImage, configs: BrokerConfigs, dice: Dice, topic: CreatableTopic
) -> list[list[int]]:
    """The brokers of each partition, leaders first."""
    if topic.assignments:
        return _assigned(image, topic)
    factor, count = topic.replication_factor, topic.num_partitions
    if factor < -1 or factor == 0:
        raise Refused(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        )
    if count < -1 or count == 0:
        raise Refused(
            ErrorCode.INVALID_PARTITIONS,
            "Number of partitions was set to an invalid non-positive value.",
        )
    if factor == -1:
        factor = _default(configs, "default.replication.factor")
    if count == -1:
        count = _default(configs, "num.partitions")
    try:
        return place(image, dice, count, factor)
    except Refused as refused:
        message = f"Unable to replicate the partition {factor} time(s): {refused.message}"
        raise Refused(refused.code, message) from None


def _assigned(image: ClusterImage, topic: CreatableTopic) -> list[list[int]]:
    """The replicas that the user chose."""
    start = "A manual partition assignment was specified, but "
    if topic.replication_factor != -1:
        raise Refused(ErrorCode.INVALID_REQUEST, start + "replication factor was not set to -1.")
    if topic.num_partitions != -1:
        raise Refused(ErrorCode.INVALID_REQUEST, start + "numPartitions was not set to -1.")
    chosen: dict[int, list[int]] = {}
    factor = None
    for assignment in topic.assignments:
        index, brokers = assignment.partition_index, assignment.broker_ids
        if index in chosen:
            raise Refused(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"Found multiple manual partition assignments for partition {index}",
            )
        check_assignment(image, brokers, factor)
        factor = len(brokers)
        chosen_in_sync(image, index, brokers)
        chosen[index] = brokers
    if sorted(chosen) != list(range(len(chosen))):
        raise Refused(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
            "partitions should be a consecutive 0-based integer sequence",
        )
    return [chosen[index] for index in range(len(chosen))]


# --- topics that nobody asked to create -----------------------------------------------------------


def auto_topics(configs: BrokerConfigs, names: Iterable[str]) -> CreateTopicsRequest:
    """The request by which a broker creates topics that someone merely asked about, or that it
    needs itself (AutoTopicCreationManager)."""
    return CreateTopicsRequest(topics=[_auto_topic(configs, name) for name in names])


def _auto_topic(configs: BrokerConfigs, name: str) -> CreatableTopic:
    if name != CONSUMER_OFFSETS:
        return CreatableTopic(name=name, num_partitions=-1, replication_factor=-1)
    overrides = {
        "cleanup.policy": "compact",
        "compression.type": "producer",
        "segment.bytes": str(_default(configs, "offsets.topic.segment.bytes")),
    }
    return CreatableTopic(
        name=name,
        num_partitions=_default(configs, "offsets.topic.num.partitions"),
        replication_factor=_default(configs, "offsets.topic.replication.factor"),
        configs=[CreatableTopicConfig(name=key, value=value) for key, value in overrides.items()],
    )
