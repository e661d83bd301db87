"""OffsetDelete, version 0: a group forgets offsets (KIP-496).

- Of a group with members, those of topics that it does not subscribe to; if it is no group of
  consumers, none.
- A partition that does not exist has its own error.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.offset_delete import (
    OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request


def handle(node: Node, request: Request) -> OffsetDeleteResponse | None:
    engine = node.groups.find(request.body.group_id)
    if isinstance(engine, ErrorCode):
        return OffsetDeleteResponse(error_code=engine)
    known = [
        OffsetDeleteRequestTopic(
            name=topic.name,
            partitions=[
                p for p in topic.partitions if _exists(node, topic.name, p.partition_index)
            ],
        )
        for topic in request.body.topics
    ]
    answer = partial(_answer, node, request)
    engine.submit(engine.machine.delete_offsets(request, known, answer), node.now_ms)
    return None


def _exists(node: Node, topic: str, index: int) -> bool:
    return node.image.partition(topic, index) is not None


def _answer(
    node: Node, request: Request, code: ErrorCode, subscribes: Callable[[str], bool]
) -> OffsetDeleteResponse:
    if code:
        return OffsetDeleteResponse(error_code=code)
    topics = []
    for topic in request.body.topics:
        partitions = []
        for p in topic.partitions:
            error = ErrorCode.NONE
            if not _exists(node, topic.name, p.partition_index):
                error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            elif subscribes(topic.name):
                error = ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC
            partitions.append(
                OffsetDeleteResponsePartition(partition_index=p.partition_index, error_code=error)
            )
        topics.append(OffsetDeleteResponseTopic(name=topic.name, partitions=partitions))
    return OffsetDeleteResponse(topics=topics)
