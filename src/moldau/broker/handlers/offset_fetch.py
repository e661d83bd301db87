"""OffsetFetch, versions 1-10: where groups have got to.

- v2: null topics ask for all offsets, and an error of the group has its own place; in v1 it is
  repeated for each partition. v5: leader epochs. v7: `require_stable`, which is always so here.
- v8: several groups (KIP-709). v9: member id and epoch, of no use for classic groups.
- v10: topics by id: an offset of an earlier topic of the same name is not shown.
- A group or an offset that is not there is no error: the offset is -1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.offset_fetch import (
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)

if TYPE_CHECKING:
    from moldau.broker.groups.records import Offset
    from moldau.broker.groups.shard import Shard
    from moldau.broker.node import Node
    from moldau.broker.request import Request

GROUP_ERROR = 2
SEVERAL_GROUPS = 8
BY_TOPIC_ID = 10


def handle(node: Node, request: Request) -> None:
    version = request.version
    groups = []
    engines = []
    for asked in _asked(request):
        engine = node.groups.find(asked.group_id)
        if isinstance(engine, ErrorCode):
            groups.append(_error(asked, engine, version))
        else:
            engines.append(engine)
            groups.append(_fetch(node, engine.machine, asked, version))
    node.respond_when_synced(request, _response(groups, version), node.groups.written(engines))


def _asked(request: Request) -> list[OffsetFetchRequestGroup]:
    body = request.body
    if request.version >= SEVERAL_GROUPS:
        groups: list[OffsetFetchRequestGroup] = body.groups
        return groups
    topics = None
    if body.topics is not None:
        topics = [
            OffsetFetchRequestTopics(name=t.name, partition_indexes=t.partition_indexes)
            for t in body.topics
        ]
    return [OffsetFetchRequestGroup(group_id=body.group_id, topics=topics)]


def _fetch(
    node: Node, shard: Shard, asked: OffsetFetchRequestGroup, version: int
) -> OffsetFetchResponseGroup:
    if asked.topics is None:
        topics = _all(node, shard, asked.group_id, version)
    else:
        topics = [_topic(node, shard, asked.group_id, topic, version) for topic in asked.topics]
    return OffsetFetchResponseGroup(group_id=asked.group_id, topics=topics)


def _all(node: Node, shard: Shard, group_id: str, version: int) -> list[OffsetFetchResponseTopics]:
    """Where topics are named by id, those that have none are left out."""
    found = []
    for name, partitions in shard.offsets.by_group.get(group_id, {}).items():
        topic = node.image.topics.get(name)
        if topic is None and version >= BY_TOPIC_ID:
            continue
        found.append(
            OffsetFetchResponseTopics(
                name=name,
                topic_id=bytes(16) if topic is None else topic.id,
                partitions=[_partition(p, offset) for p, offset in partitions.items()],
            )
        )
    return found


def _topic(
    node: Node, shard: Shard, group_id: str, asked: OffsetFetchRequestTopics, version: int
) -> OffsetFetchResponseTopics:
    name: str | None = asked.name
    if version >= BY_TOPIC_ID:
        name = node.topic_name(asked.topic_id)
    if name is None:
        partitions = [
            OffsetFetchResponsePartitions(
                partition_index=p,
                committed_offset=-1,
                metadata="",
                error_code=ErrorCode.UNKNOWN_TOPIC_ID,
            )
            for p in asked.partition_indexes
        ]
    else:
        partitions = [
            _partition(p, shard.offsets.lookup(group_id, name, asked.topic_id, p))
            for p in asked.partition_indexes
        ]
    return OffsetFetchResponseTopics(
        name=asked.name, topic_id=asked.topic_id, partitions=partitions
    )


def _partition(index: int, offset: Offset) -> OffsetFetchResponsePartitions:
    return OffsetFetchResponsePartitions(
        partition_index=index,
        committed_offset=offset.offset,
        committed_leader_epoch=offset.leader_epoch,
        metadata=offset.metadata,
    )


def _error(
    asked: OffsetFetchRequestGroup, code: ErrorCode, version: int
) -> OffsetFetchResponseGroup:
    if version >= GROUP_ERROR:
        return OffsetFetchResponseGroup(group_id=asked.group_id, error_code=code)
    topics = [
        OffsetFetchResponseTopics(
            name=topic.name,
            partitions=[
                OffsetFetchResponsePartitions(
                    partition_index=p, committed_offset=-1, metadata="", error_code=code
                )
                for p in topic.partition_indexes
            ],
        )
        for topic in asked.topics or ()
    ]
    return OffsetFetchResponseGroup(group_id=asked.group_id, topics=topics)


def _response(groups: list[OffsetFetchResponseGroup], version: int) -> OffsetFetchResponse:
    if version >= SEVERAL_GROUPS:
        return OffsetFetchResponse(groups=groups)
    group = groups[0]
    topics = [
        OffsetFetchResponseTopic(
            name=topic.name,
            partitions=[
                OffsetFetchResponsePartition(
                    partition_index=p.partition_index,
                    committed_offset=p.committed_offset,
                    committed_leader_epoch=p.committed_leader_epoch,
                    metadata=p.metadata,
                    error_code=p.error_code,
                )
                for p in topic.partitions
            ],
        )
        for topic in group.topics
    ]
    return OffsetFetchResponse(topics=topics, error_code=group.error_code)
