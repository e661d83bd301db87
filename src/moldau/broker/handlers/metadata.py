"""Metadata, versions 0-13: brokers, topics and who leads their partitions.

- v0: an empty list of topics means all; from v1 on null does, and an empty list means none.
- v4: the client says whether asking may create a topic. A topic that is created this way is
  answered as it then is, not with an error to be tried again as Apache Kafka does.
- v5: offline replicas. v7: leader epochs. v8: authorised operations, v8-10 also of the cluster.
- v10: topic ids in answers; v12: topics asked for by id, whose names may be null.
- v13: an error for the whole answer (KIP-1102), never needed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from moldau.cluster.create_topics import auto_topics, create_topics
from moldau.cluster.decided import Decided
from moldau.cluster.topic_names import CONSUMER_OFFSETS, INTERNAL, why_invalid
from moldau.cluster.view import ALL_CLUSTER_OPERATIONS, ALL_TOPIC_OPERATIONS, View
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.metadata import (
    MetadataRequest,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)
from moldau.protocol.uuids import ZERO

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request
    from moldau.cluster.image import PartitionImage, TopicImage


def handle(node: Node, request: Request) -> MetadataResponse | None:
    body = request.body
    if _too_early_for_ids(body, request.version):
        return _refuse(body)
    missing = _to_create(node, body)
    if missing:
        _create_and_answer(node, request, missing)
        return None
    if node.meter is not None:  # what it costs is told in each answer
        return _answer(node, request, node.view(request.connection))
    _answer_again(node, request)
    return None


def _too_early_for_ids(body: MetadataRequest, version: int) -> bool:
    return version in (10, 11) and any(
        topic.name is None or topic.topic_id != ZERO for topic in body.topics or ()
    )


def _refuse(body: MetadataRequest) -> MetadataResponse:
    return MetadataResponse(
        topics=[
            MetadataResponseTopic(
                error_code=ErrorCode.INVALID_REQUEST, name=t.name or "", topic_id=t.topic_id
            )
            for t in body.topics or ()
        ]
    )


# --- topics that come to be by being asked for ---------------------------------------------------


def _to_create(node: Node, body: MetadataRequest) -> list[str]:
    if not (body.allow_auto_topic_creation and node.settings.broker["auto.create.topics.enable"]):
        return []
    topics = node.image.topics
    if not body.topics or any(topic.topic_id != ZERO for topic in body.topics):
        return []
    names = dict.fromkeys(topic.name for topic in body.topics if topic.name not in topics)
    return [name for name in names if name is not None and _may_create(name)]


def _may_create(name: str) -> bool:
    """Kafka's own topics are not made for who asks about them while nothing here serves them."""
    return why_invalid(name) is None and (name not in INTERNAL or name == CONSUMER_OFFSETS)


def _create_and_answer(node: Node, request: Request, names: Sequence[str]) -> None:
    controller = node.controller
    body = auto_topics(controller.configs, names)
    permits = node.permits(request, strict_since=0)
    decided = create_topics(controller.image, controller.configs, node.rng, body, permits.take)
    for topic in decided.response.topics:
        if topic.error_code:
            node.log(f"topic {topic.name} was asked for and not created: {topic.error_message}")
    after = node.view(request.connection, controller.image.apply(decided.records))
    response = _answer(node, request, after)
    response.throttle_time_ms = permits.throttle_ms
    refuse = partial(_refuse_creation, node, request)
    controller.submit(Decided(decided.records, response, refuse), request)


def _refuse_creation(
    node: Node, request: Request, code: ErrorCode, message: str
) -> MetadataResponse:
    """The log could not take the topics: they do not exist, which clients know how to take."""
    node.log(f"topics that were asked for could not be created: {message}")
    return _answer(node, request, node.view(request.connection))


# --- the answer ----------------------------------------------------------------------------------


def _answer_again(node: Node, request: Request) -> None:
    """As whoever asked the same by the same way was answered, if nothing has changed since."""
    body, connection, image = request.body, request.connection, node.image
    question = (
        request.version,
        connection.listener,
        node.advertised(connection),
        body.include_cluster_authorized_operations,
        body.include_topic_authorized_operations,
        None
        if body.topics is None
        else tuple((topic.name, bytes(topic.topic_id)) for topic in body.topics),
    )
    parts = node.answers.find(image, question, request.correlation_id)
    if parts is None:
        parts = node.encode(request, _answer(node, request, node.view(connection)))
        node.answers.keep(image, question, parts)
    else:
        node.charge(connection, len(parts[0]))
    node.answer(request, parts)


def _answer(node: Node, request: Request, view: View) -> MetadataResponse:
    body, version = request.body, request.version
    response = MetadataResponse(
        brokers=[
            MetadataResponseBroker(node_id=b.id, host=b.host, port=b.port, rack=b.rack)
            for b in view.brokers(fenced=False)
        ],
        cluster_id=node.cluster_id,
        controller_id=node.settings.node_id,
        topics=_topics(view, body, version),
    )
    if body.include_cluster_authorized_operations:
        response.cluster_authorized_operations = ALL_CLUSTER_OPERATIONS
    if body.include_topic_authorized_operations:
        for topic in response.topics:
            if topic.error_code != ErrorCode.UNKNOWN_TOPIC_ID:
                topic.topic_authorized_operations = ALL_TOPIC_OPERATIONS
    return response


def _topics(view: View, body: MetadataRequest, version: int) -> list[MetadataResponseTopic]:
    image = view.image
    if body.topics is None or (version == 0 and not body.topics):
        return [_topic(view, topic, version) for topic in image.topics.values()]
    ids = dict.fromkeys(bytes(topic.topic_id) for topic in body.topics if topic.topic_id != ZERO)
    if ids:  # names are then ignored, as in Kafka
        return [_topic_by_id(view, topic_id, version) for topic_id in ids]
    names = dict.fromkeys(topic.name for topic in body.topics)
    return [_topic_by_name(view, name or "", version) for name in names]


def _topic_by_id(view: View, topic_id: bytes, version: int) -> MetadataResponseTopic:
    topic = view.image.topics_by_id.get(topic_id)
    if topic is None:
        return MetadataResponseTopic(
            error_code=ErrorCode.UNKNOWN_TOPIC_ID, name=None, topic_id=topic_id
        )
    return _topic(view, topic, version)


def _topic_by_name(view: View, name: str, version: int) -> MetadataResponseTopic:
    topic = view.image.topics.get(name)
    if topic is not None:
        return _topic(view, topic, version)
    code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    if why_invalid(name) is not None:
        code = ErrorCode.INVALID_TOPIC_EXCEPTION
    return MetadataResponseTopic(error_code=code, name=name, is_internal=name in INTERNAL)


def _topic(view: View, topic: TopicImage, version: int) -> MetadataResponseTopic:
    return MetadataResponseTopic(
        name=topic.name,
        topic_id=topic.id,
        is_internal=topic.name in INTERNAL,
        partitions=[
            _partition(view, index, partition, version)
            for index, partition in enumerate(topic.partitions)
        ],
    )


def _partition(
    view: View, index: int, partition: PartitionImage, version: int
) -> MetadataResponsePartition:
    seen = view.partition(partition, version)
    return MetadataResponsePartition(
        error_code=seen.error,
        partition_index=index,
        leader_id=seen.leader,
        leader_epoch=partition.leader_epoch,
        replica_nodes=list(seen.replicas),
        isr_nodes=list(seen.isr),
        offline_replicas=seen.offline,
    )
