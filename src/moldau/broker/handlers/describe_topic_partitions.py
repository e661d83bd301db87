"""DescribeTopicPartitions, version 0: partitions page by page, with eligible leaders (KIP-966).

Topics come sorted by name. An answer that is full ends with a cursor, which the client sends back
to get the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.topic_names import INTERNAL, why_invalid
from moldau.cluster.view import ALL_TOPIC_OPERATIONS, View
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.describe_topic_partitions import (
    CursorResponse,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
)

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request
    from moldau.cluster.image import ClusterImage, TopicImage


def handle(node: Node, request: Request) -> DescribeTopicPartitionsResponse:
    body = request.body
    names = _names(node.image, body)
    if names is None:
        return _refuse(body)
    limit = node.settings.broker["max.request.partition.size.limit"]
    left = max(min(limit, body.response_partition_limit), 1)
    return _page(node.view(request.connection), body, names, left)


def _names(image: ClusterImage, body: DescribeTopicPartitionsRequest) -> list[str] | None:
    """The topics from the cursor on, sorted; None when the cursor is not within what is asked."""
    cursor = body.cursor
    first = cursor.topic_name if cursor else ""
    asked = {topic.name for topic in body.topics} or image.topics.keys()
    if cursor and (cursor.partition_index < 0 or (body.topics and first not in asked)):
        return None
    return sorted(name for name in asked if name >= first)


def _refuse(body: DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse:
    return DescribeTopicPartitionsResponse(
        topics=[
            DescribeTopicPartitionsResponseTopic(
                error_code=ErrorCode.INVALID_REQUEST, name=topic.name
            )
            for topic in body.topics
        ]
    )


def _page(
    view: View, body: DescribeTopicPartitionsRequest, names: list[str], left: int
) -> DescribeTopicPartitionsResponse:
    response = DescribeTopicPartitionsResponse()
    cursor = body.cursor
    for name in names:
        if not left:
            response.next_cursor = CursorResponse(topic_name=name, partition_index=0)
            break
        topic = view.image.topics.get(name)
        if topic is None:
            if body.topics:
                response.topics.append(_unknown(name))
            continue
        first = cursor.partition_index if cursor and cursor.topic_name == name else 0
        end = min(first + left, len(topic.partitions))
        partitions = [_partition(view, topic, index) for index in range(first, end)]
        response.topics.append(
            DescribeTopicPartitionsResponseTopic(
                name=name,
                topic_id=topic.id,
                is_internal=name in INTERNAL,
                partitions=partitions,
                topic_authorized_operations=ALL_TOPIC_OPERATIONS,
            )
        )
        left -= len(partitions)
        if end < len(topic.partitions):
            response.next_cursor = CursorResponse(topic_name=name, partition_index=end)
            break
    return response


def _unknown(name: str) -> DescribeTopicPartitionsResponseTopic:
    code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    if why_invalid(name) is not None:
        code = ErrorCode.INVALID_TOPIC_EXCEPTION
    return DescribeTopicPartitionsResponseTopic(
        error_code=code,
        name=name,
        is_internal=name in INTERNAL,
        topic_authorized_operations=ALL_TOPIC_OPERATIONS,
    )


def _partition(
    view: View, topic: TopicImage, index: int
) -> DescribeTopicPartitionsResponsePartition:
    partition = topic.partitions[index]
    seen = view.partition(partition, version=1)
    return DescribeTopicPartitionsResponsePartition(
        partition_index=index,
        leader_id=seen.leader,
        leader_epoch=partition.leader_epoch,
        replica_nodes=list(seen.replicas),
        isr_nodes=list(seen.isr),
        eligible_leader_replicas=list(partition.elr),
        last_known_elr=list(partition.last_known_elr),
        offline_replicas=seen.offline,
    )
