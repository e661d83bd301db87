"""OffsetForLeaderEpoch, versions 2-4: where a leader's epoch ends in the log (KIP-320).

An unknown or future epoch is answered with -1/-1; a past one with its end. Clients cut or reset
by this answer, so a wrong one costs them records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.protocol.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
)

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> OffsetForLeaderEpochResponse:
    return OffsetForLeaderEpochResponse(
        topics=[
            OffsetForLeaderTopicResult(
                topic=topic.topic, partitions=[_end(node, topic.topic, p) for p in topic.partitions]
            )
            for topic in request.body.topics
        ]
    )


def _end(node: Node, topic: str, wanted: OffsetForLeaderPartition) -> EpochEndOffset:
    partition = node.partition(topic, wanted.partition)
    error = (
        node.why_missing(topic, wanted.partition)
        if partition is None
        else node.fenced(partition, wanted.current_leader_epoch)
    )
    if partition is None or error:
        return EpochEndOffset(partition=wanted.partition, error_code=error)
    epoch, end_offset = partition.log.end_offset_for_epoch(wanted.leader_epoch)
    return EpochEndOffset(partition=wanted.partition, leader_epoch=epoch, end_offset=end_offset)
