"""Committed offsets: OffsetCommit, OffsetFetch, OffsetDelete, and their expiry.

Apache Kafka: OffsetMetadataManager, and ClassicGroup for who may commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from moldau.broker.groups.group import Group, State
from moldau.broker.groups.records import Offset, offset_key
from moldau.broker.replicated import KeyValue
from moldau.protocol.errors import ErrorCode
from moldau.protocol.schema import ZERO_UUID

if TYPE_CHECKING:
    from moldau.broker.request import Request

_GROUP_ID_NOT_FOUND = 9  # first OffsetCommit version that knows that error
NOT_COMMITTED = Offset(-1, -1, "", -1, -1, ZERO_UUID)


class Offsets:
    """By group, topic and partition; what is empty is left out."""

    def __init__(self) -> None:
        self.by_group: dict[str, dict[str, dict[int, Offset]]] = {}

    def put(self, group: str, topic: str, partition: int, offset: Offset) -> None:
        topics = self.by_group.get(group)
        if topics is None:
            topics = self.by_group[group] = {}
        partitions = topics.get(topic)
        if partitions is None:
            partitions = topics[topic] = {}
        partitions[partition] = offset

    def remove(self, group: str, topic: str, partition: int) -> None:
        topics = self.by_group.get(group, {})
        partitions = topics.get(topic, {})
        partitions.pop(partition, None)
        if not partitions:
            topics.pop(topic, None)
        if not topics:
            self.by_group.pop(group, None)

    def get(self, group: str, topic: str, partition: int) -> Offset | None:
        return self.by_group.get(group, {}).get(topic, {}).get(partition)

    def lookup(self, group: str, topic: str, topic_id: bytes, partition: int) -> Offset:
        """As a client may see it: an offset of an earlier topic of that name is none."""
        offset = self.get(group, topic, partition)
        if offset is None:
            return NOT_COMMITTED
        if topic_id != ZERO_UUID and offset.topic_id not in (ZERO_UUID, topic_id):
            return NOT_COMMITTED
        return offset

    def entries(self, group: str) -> Iterator[tuple[str, int, Offset]]:
        for topic, partitions in self.by_group.get(group, {}).items():
            for partition, offset in partitions.items():
                yield topic, partition, offset

    def tombstones(self, group: str) -> list[KeyValue]:
        return [(offset_key(group, topic, p), None) for topic, p, _ in self.entries(group)]

    def topics(self) -> set[tuple[str, bytes]]:
        """Name and id of every topic that has offsets."""
        return {
            (topic, offset.topic_id)
            for topics in self.by_group.values()
            for topic, partitions in topics.items()
            for offset in partitions.values()
        }

    def of_topics(self, topics: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, str, int]]:
        """Group, topic and partition of all offsets that belong to these topics (name and id)."""
        for name, topic_id in topics:
            for group, by_topic in self.by_group.items():
                for partition, offset in by_topic.get(name, {}).items():
                    if offset.topic_id in (ZERO_UUID, topic_id):
                        yield group, name, partition


def commit_error(request: Request, group: Group | None) -> ErrorCode:
    """May this OffsetCommit be accepted?"""
    body = request.body
    generation = body.generation_id_or_member_epoch
    if group is None:
        if generation < 0:
            return ErrorCode.NONE  # somebody who only keeps offsets here: a simple group
        if request.version >= _GROUP_ID_NOT_FOUND:
            return ErrorCode.GROUP_ID_NOT_FOUND
        return ErrorCode.ILLEGAL_GENERATION
    if generation < 0 and group.state is State.EMPTY:
        return ErrorCode.NONE
    if generation >= 0 or body.member_id or body.group_instance_id is not None:
        code = group.validate(body.member_id, body.group_instance_id)
        if code:
            return code
        if generation != group.generation:
            return ErrorCode.ILLEGAL_GENERATION
    elif group.state is not State.EMPTY:
        return ErrorCode.UNKNOWN_MEMBER_ID
    if group.state is State.COMPLETING_REBALANCE:
        return ErrorCode.REBALANCE_IN_PROGRESS
    return ErrorCode.NONE


def delete_error(group: Group | None) -> ErrorCode:
    """May offsets of this group be deleted? Of a consumer group's, those of topics that it does
    not subscribe to."""
    if group is None:
        return ErrorCode.GROUP_ID_NOT_FOUND
    if group.state is not State.EMPTY and not group.is_consumer:
        return ErrorCode.NON_EMPTY_GROUP
    return ErrorCode.NONE


def retention_base(group: Group, offset: Offset) -> int | None:
    """From when on the retention of this offset counts, ms since 1970; None: it is kept
    (KIP-211)."""
    if group.protocol_type is None:
        return offset.commit_timestamp
    if group.state is State.EMPTY:
        return offset.commit_timestamp if group.since_ms < 0 else group.since_ms
    if group.is_consumer and group.topics is not None and group.state is State.STABLE:
        return offset.commit_timestamp
    return None


def expires_at(group: Group, topic: str, offset: Offset, retention_ms: int) -> int | None:
    """When the offset expires as things are now; None: not while they are so."""
    if group.subscribes(topic):
        return None
    base = retention_base(group, offset)
    if base is None:
        return None
    return offset.expire_timestamp if offset.expire_timestamp >= 0 else base + retention_ms
