"""DeleteRecords, versions 0-2: moves the start of a log forward.

Offset -1 means the high watermark. The answer waits until the new start is in its checkpoint:
what was deleted must not come back after a crash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.cluster.topic_names import INTERNAL
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsPartitionResult,
    DeleteRecordsResponse,
    DeleteRecordsTopicResult,
)
from moldau.storage.disk import DiskError

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request

HIGH_WATERMARK = -1


def handle(node: Node, request: Request) -> DeleteRecordsResponse:
    response = DeleteRecordsResponse(
        topics=[
            DeleteRecordsTopicResult(
                name=topic.name, partitions=[_delete(node, topic.name, p) for p in topic.partitions]
            )
            for topic in request.body.topics
        ]
    )
    try:
        node.logs.checkpoint_start_offsets()
    except DiskError as error:
        node.log(f"DeleteRecords failed: {error}")
        for partition in (p for topic in response.topics for p in topic.partitions):
            partition.error_code = partition.error_code or ErrorCode.KAFKA_STORAGE_ERROR
    return response


def _delete(node: Node, topic: str, wanted: DeleteRecordsPartition) -> DeleteRecordsPartitionResult:
    def refused(error: ErrorCode) -> DeleteRecordsPartitionResult:
        return DeleteRecordsPartitionResult(
            partition_index=wanted.partition_index, low_watermark=-1, error_code=error
        )

    partition = node.partition(topic, wanted.partition_index)
    if partition is None:
        return refused(node.why_missing(topic, wanted.partition_index))
    if topic in INTERNAL:
        return refused(ErrorCode.INVALID_TOPIC_EXCEPTION)
    log = partition.log
    if log.config.cleanup_policy == {"compact"}:
        return refused(ErrorCode.POLICY_VIOLATION)
    high = partition.high_watermark
    offset = high if wanted.offset == HIGH_WATERMARK else wanted.offset
    if not 0 <= offset <= high:
        return refused(ErrorCode.OFFSET_OUT_OF_RANGE)
    try:
        log.delete_records(offset)
    except DiskError as error:
        node.log(f"DeleteRecords of {log.where} failed: {error}")
        return refused(ErrorCode.KAFKA_STORAGE_ERROR)
    return DeleteRecordsPartitionResult(
        partition_index=wanted.partition_index, low_watermark=log.log_start_offset
    )
