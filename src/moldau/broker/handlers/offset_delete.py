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
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.request import Request

Partitions = list[OffsetDeleteRequestPartition]


def handle(node: Node, request: Request) -> OffsetDeleteResponse | None:
    engine = node.groups.find(request.body.group_id)
    if isinstance(engine, ErrorCode):
        return OffsetDeleteResponse(error_code=engine)
    known: list[OffsetDeleteRequestTopic] = []
    unknown: dict[str, OffsetDeleteResponseTopic] = {}
    for topic in request.body.topics:
        found, missing = _split(node, topic)
        if found:
            known.append(OffsetDeleteRequestTopic(name=topic.name, partitions=found))
        if missing or topic.name not in node.image.topics:
            lost = unknown.setdefault(topic.name, OffsetDeleteResponseTopic(name=topic.name))
            lost.partitions += _with(missing, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    answer = partial(_answer, known, unknown)
    engine.submit(engine.machine.delete_offsets(request, known, answer), node.now_ms)
    return None


def _split(node: Node, topic: OffsetDeleteRequestTopic) -> tuple[Partitions, Partitions]:
    """The partitions that exist, and those that do not."""
    found: Partitions = []
    missing: Partitions = []
    for wanted in topic.partitions:
        exists = node.image.partition(topic.name, wanted.partition_index) is not None
        (found if exists else missing).append(wanted)
    return found, missing


def _with(partitions: Partitions, code: ErrorCode) -> list[OffsetDeleteResponsePartition]:
    return [
        OffsetDeleteResponsePartition(partition_index=p.partition_index, error_code=code)
        for p in partitions
    ]


def _answer(
    known: list[OffsetDeleteRequestTopic],
    unknown: dict[str, OffsetDeleteResponseTopic],
    code: ErrorCode,
    subscribes: Callable[[str], bool],
) -> OffsetDeleteResponse:
    """What does not exist comes first, as in Kafka (OffsetDeleteResponse.Builder)."""
    if code:
        return OffsetDeleteResponse(error_code=code)
    topics = list(unknown.values())
    for topic in known:
        code = ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC if subscribes(topic.name) else ErrorCode.NONE
        partitions = _with(topic.partitions, code)
        if topic.name in unknown:
            unknown[topic.name].partitions += partitions
        else:
            topics.append(OffsetDeleteResponseTopic(name=topic.name, partitions=partitions))
    return OffsetDeleteResponse(topics=topics)
