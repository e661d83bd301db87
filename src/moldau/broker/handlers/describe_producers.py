"""DescribeProducers, version 0: the producers that a partition remembers (KIP-664)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.topic_names import why_invalid
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.describe_producers import (
    DescribeProducersResponse,
    PartitionResponse,
    ProducerState,
    TopicRequest,
    TopicResponse,
)

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> DescribeProducersResponse:
    return DescribeProducersResponse(
        topics=[
            TopicResponse(name=topic.name, partitions=_topic(node, topic))
            for topic in request.body.topics
        ]
    )


def _topic(node: Node, topic: TopicRequest) -> list[PartitionResponse]:
    """An error of the whole topic is told in words, one of a partition is not."""
    error, message = ErrorCode.NONE, why_invalid(topic.name)
    if message is not None:
        error = ErrorCode.INVALID_TOPIC_EXCEPTION
    elif topic.name not in node.image.topics:
        error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        message = "This server does not host this topic-partition."
    if not error:
        return [_describe(node, topic.name, index) for index in topic.partition_indexes]
    return [
        PartitionResponse(partition_index=index, error_code=error, error_message=message)
        for index in topic.partition_indexes
    ]


def _describe(node: Node, topic: str, index: int) -> PartitionResponse:
    partition = node.partition(topic, index)
    if partition is None:
        return PartitionResponse(partition_index=index, error_code=node.why_missing(topic, index))
    return PartitionResponse(
        partition_index=index,
        active_producers=[
            ProducerState(
                producer_id=producer.producer_id,
                producer_epoch=producer.epoch,
                last_sequence=producer.last_sequence,
                last_timestamp=producer.last_timestamp,
                coordinator_epoch=producer.coordinator_epoch,
                current_txn_start_offset=producer.current_txn_start_offset,
            )
            for producer in partition.log.active_producers()
        ],
    )
