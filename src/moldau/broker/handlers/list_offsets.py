"""ListOffsets, versions 1-11: offsets by time.

- v4: leader epochs. v7: the record with the largest timestamp (-3). v8: the earliest local offset
  (-4), v9: the latest tiered one (-5), v11: the earliest that waits for upload (-6); without
  tiered storage the first is the start of the log and the others are unknown (-1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.broker.partition import storage_error
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
)
from moldau.storage.disk import DiskError

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.partition import Partition
    from moldau.broker.request import Request

LATEST = -1
EARLIEST = -2
MAX_TIMESTAMP = -3
EARLIEST_LOCAL = -4
LATEST_TIERED = -5
EARLIEST_PENDING_UPLOAD = -6
# The version from which a special timestamp is understood; other negative ones never are.
_SINCE = {
    LATEST: 0,
    EARLIEST: 0,
    MAX_TIMESTAMP: 7,
    EARLIEST_LOCAL: 8,
    LATEST_TIERED: 9,
    EARLIEST_PENDING_UPLOAD: 11,
}
CONSUMER = -1
READ_COMMITTED = 1


def handle(node: Node, request: Request) -> ListOffsetsResponse:
    asked: dict[str, dict[int, list[ListOffsetsPartition]]] = {}
    for topic in request.body.topics:
        partitions = asked.setdefault(topic.name, {})
        for wanted in topic.partitions:
            partitions.setdefault(wanted.partition_index, []).append(wanted)
    return ListOffsetsResponse(
        topics=[
            ListOffsetsTopicResponse(
                name=name,
                partitions=[
                    _answer(node, request, name, several[0])
                    if len(several) == 1
                    else _error(several[0], ErrorCode.INVALID_REQUEST)
                    for several in partitions.values()
                ],
            )
            for name, partitions in asked.items()
        ]
    )


def _answer(
    node: Node, request: Request, topic: str, wanted: ListOffsetsPartition
) -> ListOffsetsPartitionResponse:
    since = _SINCE.get(wanted.timestamp)
    if wanted.timestamp < 0 and (since is None or request.version < since):
        return _error(wanted, ErrorCode.UNSUPPORTED_VERSION)
    partition = node.partition(topic, wanted.partition_index)
    if partition is None:
        return _error(wanted, node.why_missing(topic, wanted.partition_index))
    fenced = node.fenced(partition, wanted.current_leader_epoch)
    if fenced:
        return _error(wanted, fenced)
    committed = (
        request.body.replica_id == CONSUMER and request.body.isolation_level == READ_COMMITTED
    )
    try:
        timestamp, offset, epoch = _look_up(partition, wanted.timestamp, committed)
    except DiskError as error:
        node.log(f"ListOffsets of {topic}-{wanted.partition_index} failed: {error}")
        return _error(wanted, storage_error(error))
    # A batch may have been opened: whoever asks often leaves room for others.
    if wanted.timestamp >= 0 or wanted.timestamp == MAX_TIMESTAMP:
        request.connection.turn = 0
    return ListOffsetsPartitionResponse(
        partition_index=wanted.partition_index,
        timestamp=timestamp,
        offset=offset,
        leader_epoch=epoch,
    )


def _look_up(partition: Partition, timestamp: int, committed: bool) -> tuple[int, int, int]:
    """(timestamp, offset, leader epoch), each -1 where there is none."""
    log = partition.log
    end = partition.last_stable_offset if committed else partition.high_watermark
    if timestamp == LATEST:
        return -1, end, partition.leader_epoch
    if timestamp in (EARLIEST, EARLIEST_LOCAL):
        epoch = log.epoch_of(log.log_start_offset)
        return -1, log.log_start_offset, epoch
    if timestamp in (LATEST_TIERED, EARLIEST_PENDING_UPLOAD):
        return -1, -1, -1
    largest = timestamp == MAX_TIMESTAMP
    found = log.max_timestamp() if largest else log.offset_for_timestamp(timestamp)
    if found is None or found.offset >= end:
        return -1, -1, -1
    return found


def _error(wanted: ListOffsetsPartition, error: ErrorCode) -> ListOffsetsPartitionResponse:
    return ListOffsetsPartitionResponse(partition_index=wanted.partition_index, error_code=error)
