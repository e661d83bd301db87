"""OffsetCommit, versions 2-10: where a group has got to, kept as durably as acks=all.

- v2-4: a retention time, which becomes the time of expiry of these offsets. v6: leader epochs.
- v7: static members (KIP-345). v9: GROUP_ID_NOT_FOUND. v10: topics by id.
- A generation of -1 is somebody who only keeps offsets here: accepted while nobody is a member.
- A partition that does not exist has its own error and does not hinder the others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
    from moldau.cluster.image import TopicImage

BY_TOPIC_ID = 10


def handle(node: Node, request: Request) -> OffsetCommitResponse | None:
    found = [_find(node, request.version, topic) for topic in request.body.topics]
    answer = partial(_answer, request, found)
    known = _known(request, found)
    if not known:
        return answer(lambda _: ErrorCode.NONE)
    engine = node.groups.find(request.body.group_id)
    if isinstance(engine, ErrorCode):
        code = engine
        return answer(lambda _: code)
    decision = engine.machine.commit(request, known, answer, node.now_ms)
    engine.submit(decision, node.now_ms)
    return None


def _find(node: Node, version: int, topic: OffsetCommitRequestTopic) -> TopicImage | None:
    if version >= BY_TOPIC_ID:
        return node.image.topics_by_id.get(topic.topic_id)
    return node.image.topics.get(topic.name)


def _known(request: Request, found: list[TopicImage | None]) -> list[OffsetCommitRequestTopic]:
    """What exists of that which the request names."""
    known = []
    for topic, image in zip(request.body.topics, found, strict=True):
        partitions = [p for p in topic.partitions if _exists(image, p.partition_index)]
        if image is not None and partitions:
            known.append(
                OffsetCommitRequestTopic(name=image.name, topic_id=image.id, partitions=partitions)
            )
    return known


def _exists(image: TopicImage | None, index: int) -> bool:
    return image is not None and 0 <= index < len(image.partitions)


def _answer(
    request: Request,
    found: list[TopicImage | None],
    code: Callable[[OffsetCommitRequestPartition], ErrorCode],
) -> OffsetCommitResponse:
    """The whole answer, given the error codes of the partitions that exist."""
    unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    missing = ErrorCode.UNKNOWN_TOPIC_ID if request.version >= BY_TOPIC_ID else unknown
    topics = []
    for topic, image in zip(request.body.topics, found, strict=True):
        lost = missing if image is None else unknown
        partitions = [
            OffsetCommitResponsePartition(
                partition_index=p.partition_index,
                error_code=code(p) if _exists(image, p.partition_index) else lost,
            )
            for p in topic.partitions
        ]
        topics.append(
            OffsetCommitResponseTopic(
                name=topic.name, topic_id=topic.topic_id, partitions=partitions
            )
        )
    return OffsetCommitResponse(topics=topics)
