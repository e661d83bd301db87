"""Deciding CreatePartitions: topics grow, they never shrink (Apache Kafka:
ReplicationControlManager.createPartitions)."""

from __future__ import annotations

from collections import Counter
from functools import partial

from moldau.cluster.decided import (
    MAX_RECORDS,
    TOO_MANY_RECORDS,
    Charge,
    Decided,
    Dice,
    Refused,
    uncharged,
)
from moldau.cluster.image import ClusterImage, TopicImage
from moldau.cluster.placement import check_assignment, chosen_in_sync, partition_record, place
from moldau.cluster.records import Record
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)


def create_partitions(
    image: ClusterImage,
    dice: Dice,
    request: CreatePartitionsRequest,
    charge: Charge = uncharged,
) -> Decided:
    refuse = partial(_refuse_all, request)
    names = Counter(topic.name for topic in request.topics)
    results = [
        _result(name, ErrorCode.INVALID_REQUEST, "Duplicate topic name.")
        for name, count in names.items()
        if count > 1
    ]
    records: list[Record] = []
    results += [
        _grow(image, dice, topic, records, charge)
        for topic in request.topics
        if names[topic.name] == 1
    ]
    if len(records) > MAX_RECORDS:
        return Decided([], refuse(ErrorCode.POLICY_VIOLATION, TOO_MANY_RECORDS), refuse)
    response = CreatePartitionsResponse(results=results)
    return Decided([] if request.validate_only else records, response, refuse)


def _refuse_all(
    request: CreatePartitionsRequest, code: ErrorCode, message: str
) -> CreatePartitionsResponse:
    names = dict.fromkeys(topic.name for topic in request.topics)
    return CreatePartitionsResponse(results=[_result(name, code, message) for name in names])


def _result(
    name: str, code: ErrorCode = ErrorCode.NONE, message: str | None = None
) -> CreatePartitionsTopicResult:
    return CreatePartitionsTopicResult(name=name, error_code=code, error_message=message)


def _grow(
    image: ClusterImage,
    dice: Dice,
    request: CreatePartitionsTopic,
    records: list[Record],
    charge: Charge,
) -> CreatePartitionsTopicResult:
    try:
        topic = _growing(image, request)
        charge(request.count - len(topic.partitions))
        replicas = _replicas(image, dice, topic, request)
    except Refused as refused:
        return _result(request.name, refused.code, refused.message)
    first = len(topic.partitions)
    records.extend(
        partition_record(image, topic.id, first + i, brokers) for i, brokers in enumerate(replicas)
    )
    return _result(request.name)


def _growing(image: ClusterImage, request: CreatePartitionsTopic) -> TopicImage:
    topic = image.topics.get(request.name)
    if topic is None:
        raise Refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    have = len(topic.partitions)
    if request.count == have:
        raise Refused(ErrorCode.INVALID_PARTITIONS, f"Topic already has {have} partition(s).")
    if request.count < have:
        raise Refused(
            ErrorCode.INVALID_PARTITIONS,
            f"The topic {request.name} currently has {have} partition(s); {request.count} would "
            "not be an increase.",
        )
    more, given = request.count - have, request.assignments
    if given is not None and len(given) != more:
        raise Refused(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
            f"Attempted to add {more} additional partition(s), but only {len(given)} "
            "assignment(s) were specified.",
        )
    if more > MAX_RECORDS:
        raise Refused(ErrorCode.POLICY_VIOLATION, TOO_MANY_RECORDS)
    return topic


def _replicas(
    image: ClusterImage, dice: Dice, topic: TopicImage, request: CreatePartitionsTopic
) -> list[list[int]]:
    """The brokers of the new partitions; as many as the first partition has."""
    have, factor = len(topic.partitions), len(topic.partitions[0].replicas)
    if request.assignments is None:
        return place(image, dice, request.count - have, factor)
    for i, assignment in enumerate(request.assignments):
        check_assignment(image, assignment.broker_ids, factor)
        chosen_in_sync(image, have + i, assignment.broker_ids)
    return [assignment.broker_ids for assignment in request.assignments]
