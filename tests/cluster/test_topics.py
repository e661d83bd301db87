"""Decisions on topics. The texts are those of Apache Kafka 4.3.1; that it sends them is checked in
tests/conformance/test_topics.py."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from moldau.cluster.create_partitions import create_partitions
from moldau.cluster.create_topics import auto_topics, create_topics
from moldau.cluster.decided import Decided
from moldau.cluster.delete_topics import delete_topics
from moldau.cluster.image import ClusterImage, ResourceType
from moldau.protocol.config.layers import BrokerConfigs
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages import metadata_log as m
from moldau.protocol.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
)
from moldau.protocol.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreateTopicsRequest,
)
from moldau.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from moldau.protocol.uuids import ZERO, to_text
from tests.cluster.situations import CONFIGS, cluster, topic, with_topics

LONG = "x" * 250


def create(
    *topics: CreatableTopic,
    image: ClusterImage | None = None,
    configs: BrokerConfigs = CONFIGS,
    validate_only: bool = False,
    seed: int = 1,
) -> Decided:
    request = CreateTopicsRequest(topics=list(topics), validate_only=validate_only)
    return create_topics(image or cluster(1), configs, Random(seed), request)


def assigned(name: str, *replicas: Sequence[int], start: int = 0) -> CreatableTopic:
    return CreatableTopic(
        name=name,
        num_partitions=-1,
        replication_factor=-1,
        assignments=[
            CreatableReplicaAssignment(partition_index=i, broker_ids=list(brokers))
            for i, brokers in enumerate(replicas, start)
        ],
    )


def numbered(topic: CreatableTopic, partitions: int, replicas: int) -> CreatableTopic:
    topic.num_partitions, topic.replication_factor = partitions, replicas
    return topic


NO_BROKERS = (
    "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be "
    "reached because only 1 broker(s) are registered or some brokers have all their log "
    "directories cordoned."
)
MANUAL = "A manual partition assignment was specified, but "
REFUSED = [
    (topic(""), 17, "Topic name is invalid: the empty string is not allowed"),
    (topic(".."), 17, "Topic name is invalid: '..' is not allowed"),
    (
        topic("a b"),
        17,
        "Topic name is invalid: 'a b' contains one or more characters other than ASCII "
        "alphanumerics, '.', '_' and '-'",
    ),
    (
        topic("ü"),
        17,
        "Topic name is invalid: 'ü' contains one or more characters other than ASCII "
        "alphanumerics, '.', '_' and '-'",
    ),
    (
        topic(LONG),
        17,
        f"Topic name is invalid: the length of '{LONG}' is longer than the max allowed length 249",
    ),
    (topic("a.b"), 36, "Topic 'a.b' already exists."),
    (topic("a_b"), 17, "Topic 'a_b' collides with existing topic: a.b"),
    (
        topic("__cluster_metadata"),
        42,
        "Creation of internal topic __cluster_metadata is prohibited.",
    ),
    (topic("t", 0), 37, "Number of partitions was set to an invalid non-positive value."),
    (topic("t", -2), 37, "Number of partitions was set to an invalid non-positive value."),
    (
        topic("t", 1, 0),
        38,
        "Replication factor must be larger than 0, or -1 to use the default value.",
    ),
    (
        topic("t", 0, 0),
        38,
        "Replication factor must be larger than 0, or -1 to use the default value.",
    ),
    (topic("t", 1, 3), 38, NO_BROKERS),
    (topic("t", bogus="1"), 40, "Unknown topic config name: bogus"),
    (topic("t", 1, 3, bogus="1"), 40, "Unknown topic config name: bogus"),
    (
        topic("t", retention_ms="x"),
        40,
        "Invalid value x for configuration retention.ms: Not a number of type LONG",
    ),
    (
        topic("t", retention_ms=None, bogus=None),
        40,
        "Null value not supported for topic configs: retention.ms,bogus",
    ),
    (
        topic("t", retention_ms="9" * 32768),
        40,
        "The configuration value cannot be added because it exceeds the maximum value size of "
        "32767 bytes.",
    ),
    (numbered(assigned("t", [1]), -1, 1), 42, MANUAL + "replication factor was not set to -1."),
    (numbered(assigned("t", [1]), 1, -1), 42, MANUAL + "numPartitions was not set to -1."),
    (
        assigned("t", [1], start=1),
        39,
        "partitions should be a consecutive 0-based integer sequence",
    ),
    (
        assigned("t", [7]),
        39,
        "The manual partition assignment includes broker 7, but no such broker is registered.",
    ),
    (
        assigned("t", [1, 1]),
        39,
        "The manual partition assignment includes the broker 1 more than once.",
    ),
    (assigned("t", []), 39, "The manual partition assignment includes an empty replica list."),
]


@pytest.mark.parametrize(("wrong", "code", "message"), REFUSED)
def test_what_is_refused_and_why(wrong: CreatableTopic, code: int, message: str) -> None:
    image = with_topics(cluster(1), topic("a.b"))
    decided = create(wrong, topic("fine"), image=image)
    found = {t.name: (t.error_code, t.error_message) for t in decided.response.topics}
    assert found == {wrong.name: (code, message), "fine": (0, None)}
    assert list(image.apply(decided.records).topics) == ["a.b", "fine"]


def test_assignments_must_have_equal_numbers_of_replicas() -> None:
    decided = create(assigned("t", [1, 2], [1]), image=cluster(1, 2))
    assert decided.response.topics[0].error_message == (
        "The manual partition assignment includes a partition with 1 replica(s), but this is not "
        "consistent with previous partitions, which have 2 replica(s)."
    )


def test_assignments_are_taken_as_they_are() -> None:
    image = cluster(1, 2, 3)
    after = image.apply(create(assigned("t", [3, 1], [2, 3]), image=image).records)
    partitions = after.topics["t"].partitions
    assert [p.replicas for p in partitions] == [(3, 1), (2, 3)]
    assert [p.leader for p in partitions] == [3, 2]
    assert partitions[0].directories == (bytes([3, 7]) * 8, bytes([1, 7]) * 8)


def test_dead_brokers_do_not_lead() -> None:
    image = cluster(1, 2).apply([m.FenceBrokerRecord(id=2, epoch=102)])
    after = image.apply(create(assigned("t", [2, 1]), image=image).records)
    partition = after.topics["t"].partitions[0]
    assert (partition.leader, partition.isr, partition.replicas) == (1, (1,), (2, 1))
    refused = create(assigned("t", [2]), image=image).response.topics[0]
    assert refused.error_message == (
        "All brokers specified in the manual partition assignment for partition 0 are fenced or "
        "in controlled shutdown."
    )
    alone = cluster(1).apply([m.FenceBrokerRecord(id=1, epoch=101)])
    refused = create(topic("t"), image=alone).response.topics[0]
    assert refused.error_message == (
        "Unable to replicate the partition 1 time(s): All brokers are currently fenced, or have "
        "all their log directories cordoned."
    )


def test_partitions_go_around_the_brokers() -> None:
    image = cluster(1, 2, 3)
    after = image.apply(create(topic("t", 6, 2), image=image).records)
    partitions = after.topics["t"].partitions
    assert sorted(p.leader for p in partitions) == [1, 1, 2, 2, 3, 3]
    assert all(len(set(p.replicas)) == 2 for p in partitions)


def test_answer_tells_what_the_topic_has() -> None:
    decided = create(topic("t", 3, retention_ms="5"))
    result = decided.response.topics[0]
    assert (result.num_partitions, result.replication_factor) == (3, 1)
    configs = {config.name: config for config in result.configs}
    assert list(configs) == sorted(configs)
    assert (configs["retention.ms"].value, configs["retention.ms"].config_source) == ("5", 1)
    assert (configs["segment.bytes"].value, configs["segment.bytes"].config_source) == (
        "1073741824",
        5,
    )
    image = cluster(1).apply(decided.records)
    assert image.topics["t"].id == result.topic_id
    assert image.config(ResourceType.TOPIC, "t") == {"retention.ms": "5"}


def test_configs_come_between_topic_and_partitions() -> None:
    names = [type(r).__name__ for r in create(topic("t", retention_ms="5")).records]
    assert names == ["TopicRecord", "ConfigRecord", "PartitionRecord"]


def test_sources_of_a_new_topic_s_configs() -> None:
    configs = BrokerConfigs(
        static={"log.retention.hours": "1", "log.segment.bytes": "2000000"},
        dynamic_default={"min.insync.replicas": "1"},
    )
    result = create(topic("t"), configs=configs).response.topics[0]
    found = {c.name: (c.value, int(c.config_source)) for c in result.configs}
    assert found["retention.ms"] == ("3600000", 4)
    assert found["segment.bytes"] == ("2000000", 4)
    assert found["min.insync.replicas"] == ("1", 3)


def test_defaults_of_the_broker() -> None:
    configs = BrokerConfigs(static={"num.partitions": "4", "default.replication.factor": "2"})
    image = cluster(1, 2)
    result = create(topic("t", -1, -1), image=image, configs=configs).response.topics[0]
    assert (result.num_partitions, result.replication_factor) == (4, 2)


def test_name_that_comes_twice_is_refused_once() -> None:
    response = create(topic("t"), topic("u"), topic("t", 2)).response
    assert [(t.name, t.error_code, t.error_message) for t in response.topics] == [
        ("u", 0, None),
        ("t", 42, "Duplicate topic name."),
    ]


def test_validate_only_writes_nothing() -> None:
    decided = create(topic("t", 2), validate_only=True)
    assert decided.records == []
    assert decided.response.topics[0].num_partitions == 2


def test_too_many_partitions_at_once() -> None:
    response = create(topic("t", 6_000), topic("u", 6_000)).response
    assert {(t.error_code, t.error_message) for t in response.topics} == {
        (44, "Excessively large number of partitions per request.")
    }
    response = create(topic("t", 10_000)).response
    assert (
        response.topics[0].error_message == "Unable to perform excessively large batch operation."
    )


def test_ids_never_look_like_an_option() -> None:
    drawn = [create(topic("t"), seed=seed).response.topics[0].topic_id for seed in range(300)]
    assert len(set(drawn)) == 300
    assert not any(to_text(topic_id).startswith("-") for topic_id in drawn)
    assert {topic_id[6] >> 4 for topic_id in drawn} == {4}  # RFC 9562: version 4


def test_refusal_of_the_log_reaches_every_topic() -> None:
    answer = create(topic("t"), topic("u")).refuse(ErrorCode.KAFKA_STORAGE_ERROR, "full")
    assert [(t.name, t.error_code, t.error_message) for t in answer.topics] == [
        ("t", 56, "full"),
        ("u", 56, "full"),
    ]


def test_topic_of_offsets_has_its_own_shape() -> None:
    configs = BrokerConfigs(
        static={
            "offsets.topic.num.partitions": "7",
            "offsets.topic.replication.factor": "1",
            "num.partitions": "3",
        }
    )
    request = auto_topics(configs, ["__consumer_offsets", "orders"])
    image = cluster(1)
    after = image.apply(create_topics(image, configs, Random(1), request).records)
    assert len(after.topics["__consumer_offsets"].partitions) == 7
    assert len(after.topics["orders"].partitions) == 3
    assert after.config(ResourceType.TOPIC, "__consumer_offsets") == {
        "cleanup.policy": "compact",
        "compression.type": "producer",
        "segment.bytes": "104857600",
    }


# --- DeleteTopics --------------------------------------------------------------------------------


def delete(
    image: ClusterImage, *topics: DeleteTopicState, names: Sequence[str] = (), version: int = 6
) -> Decided:
    request = DeleteTopicsRequest(topics=list(topics), topic_names=list(names))
    return delete_topics(image, CONFIGS, version, request)


def outcomes(decided: Decided) -> set[tuple[str | None, bytes, int, str | None]]:
    return {(r.name, r.topic_id, r.error_code, r.error_message) for r in decided.response.responses}


def test_topics_are_deleted_by_name_and_by_id() -> None:
    image = with_topics(cluster(1), topic("a"), topic("b"), topic("c"))
    a, b = image.topics["a"].id, image.topics["b"].id
    decided = delete(image, DeleteTopicState(name="a"), DeleteTopicState(topic_id=b))
    assert outcomes(decided) == {("a", a, 0, None), ("b", b, 0, None)}
    assert list(image.apply(decided.records).topics) == ["c"]
    assert list(image.apply(delete(image, names=["c"], version=1).records).topics) == ["a", "b"]


def test_what_cannot_be_deleted() -> None:
    image = with_topics(cluster(1), topic("a"), topic("b"))
    a, b, unknown = image.topics["a"].id, image.topics["b"].id, b"unknown topic id"
    decided = delete(
        image,
        DeleteTopicState(name="nope"),
        DeleteTopicState(topic_id=unknown),
        DeleteTopicState(),
        DeleteTopicState(name="a", topic_id=a),
        DeleteTopicState(topic_id=b),
        DeleteTopicState(name="b"),
        DeleteTopicState(name="twice"),
        DeleteTopicState(name="twice"),
        DeleteTopicState(topic_id=a),
        DeleteTopicState(topic_id=a),
    )
    assert outcomes(decided) == {
        ("nope", ZERO, 3, "This server does not host this topic-partition."),
        (None, unknown, 100, "This server does not host this topic ID."),
        (None, ZERO, 42, "Neither topic name nor id were specified."),
        ("a", a, 42, "You may not specify both topic name and topic id."),
        ("b", b, 42, "The provided topic name maps to an ID that was already supplied."),
        ("twice", ZERO, 42, "Duplicate topic name."),
        (None, a, 42, "Duplicate topic id."),
    }
    assert not decided.records


@pytest.mark.parametrize(
    ("version", "code", "message"),
    [
        (2, 42, "This version does not support topic deletion."),
        (3, 73, "Topic deletion is disabled."),
    ],
)
def test_deletion_can_be_switched_off(version: int, code: int, message: str) -> None:
    image = with_topics(cluster(1), topic("a"))
    configs = BrokerConfigs(static={"delete.topic.enable": "false"})
    decided = delete_topics(image, configs, version, DeleteTopicsRequest(topic_names=["a"]))
    assert outcomes(decided) == {("a", ZERO, code, message)}
    assert not decided.records


# --- CreatePartitions ----------------------------------------------------------------------------


def grow(
    image: ClusterImage, *topics: CreatePartitionsTopic, validate_only: bool = False
) -> Decided:
    request = CreatePartitionsRequest(topics=list(topics), validate_only=validate_only)
    return create_partitions(image, Random(1), request)


def more(
    name: str, count: int, assignments: list[list[int]] | None = None
) -> CreatePartitionsTopic:
    chosen = None
    if assignments is not None:
        chosen = [CreatePartitionsAssignment(broker_ids=brokers) for brokers in assignments]
    return CreatePartitionsTopic(name=name, count=count, assignments=chosen)


def test_topic_grows() -> None:
    image = with_topics(cluster(1), topic("a", 2))
    decided = grow(image, more("a", 5))
    assert [(r.name, r.error_code) for r in decided.response.results] == [("a", 0)]
    after = image.apply(decided.records)
    assert len(after.topics["a"].partitions) == 5
    assert after.topics["a"].partitions[:2] == image.topics["a"].partitions
    assert not grow(image, more("a", 5), validate_only=True).records


def test_growth_where_the_user_wants_it() -> None:
    image = with_topics(cluster(1, 2), topic("a", 1, 2))
    after = image.apply(grow(image, more("a", 3, [[2, 1], [1, 2]])).records)
    assert [p.replicas for p in after.topics["a"].partitions[1:]] == [(2, 1), (1, 2)]


@pytest.mark.parametrize(
    ("wrong", "code", "message"),
    [
        (more("nope", 2), 3, None),
        (more("a", 2), 37, "Topic already has 2 partition(s)."),
        (
            more("a", 1),
            37,
            "The topic a currently has 2 partition(s); 1 would not be an increase.",
        ),
        (
            more("a", 4, [[1]]),
            39,
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
        ),
        (
            more("a", 3, [[9]]),
            39,
            "The manual partition assignment includes broker 9, but no such broker is registered.",
        ),
        (more("a", 20_000), 44, "Unable to perform excessively large batch operation."),
    ],
)
def test_growth_that_is_refused(
    wrong: CreatePartitionsTopic, code: int, message: str | None
) -> None:
    image = with_topics(cluster(1), topic("a", 2))
    decided = grow(image, wrong)
    result = decided.response.results[0]
    assert (result.name, result.error_code, result.error_message) == (wrong.name, code, message)
    assert not decided.records


def test_growth_asked_for_twice_is_refused() -> None:
    image = with_topics(cluster(1), topic("a"))
    decided = grow(image, more("a", 2), more("a", 3))
    assert [(r.error_code, r.error_message) for r in decided.response.results] == [
        (42, "Duplicate topic name.")
    ]
