"""OffsetCommit, versions 2-10: where a group has got to, kept as durably as acks=all.

- v2-4: a retention time, which becomes the time of expiry of these offsets. v6: leader epochs.
- v7: static members (KIP-345). v9: GROUP_ID_NOT_FOUND. v10: topics by id.
- A generation of -1 is somebody who only keeps offsets here: accepted while nobody is a member.
- A partition that does not exist has its own error and does not hinder the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.offset_commit import (
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request

BY_TOPIC_ID = 10


def handle(node: Node, request: Request) -> OffsetCommitResponse | None:
    body = request.body
    known = _Known(node, request)
    if not known.topics:
        return known.answer(lambda _: ErrorCode.NONE)
    engine = node.groups.find(body.group_id)
    if isinstance(engine, ErrorCode):
        code = engine
        return known.answer(lambda _: code)
    decision = engine.machine.commit(request, known.topics, known.answer, node.now_ms)
    engine.submit(decision, node.now_ms)
    return None


class _Known:
    """The part of a request that names what exists, and the answer to the whole of it."""

    def __init__(self, node: Node, request: Request) -> None:
        self._request = request
        self._missing: dict[int, ErrorCode] = {}  # by the place of the topic in the request
        self._partitions: list[int] = []
        self.topics: list[OffsetCommitRequestTopic] = []
        by_id = request.version >= BY_TOPIC_ID
        image = node.image
        for topic in request.body.topics:
            found = (image.topics_by_id if by_id else image.topics).get(
                topic.topic_id if by_id else topic.name
            )
            self._partitions.append(0 if found is None else len(found.partitions))
            if found is None:
                code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
                self._missing[len(self._partitions) - 1] = ErrorCode.UNKNOWN_TOPIC_ID if by_id else code
                continue
            partitions = [
                p for p in topic.partitions if 0 <= p.partition_index < len(found.partitions)
            ]
            if partitions:
                self.topics.append(
                    OffsetCommitRequestTopic(
                        name=found.name, topic_id=found.id, partitions=partitions
                    )
                )

    def answer(
        self, code: Callable[[OffsetCommitRequestPartition], ErrorCode]
    ) -> OffsetCommitResponse:
        topics = []
        return OffsetCommitResponse(topics=topics)
