"""Offsets: where logs begin and end, and what groups have committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from moldau.client.admin import Admin
from moldau.client.connection import Connection
from moldau.client.errors import Refused
from moldau.protocol.errors import ErrorCode

TopicPartition = tuple[str, int]
LATEST = -1
EARLIEST = -2
# From version 10 on, topics travel by id; the names are what a person asks with.
_NEWEST_BY_NAME = 9


class Committed(NamedTuple):
    offset: int
    leader_epoch: int | None


def _by_topic(partitions: Iterable[TopicPartition]) -> dict[str, list[int]]:
    topics: dict[str, list[int]] = {}
    for topic, partition in partitions:
        topics.setdefault(topic, []).append(partition)
    return topics


def list_offsets(
    admin: Admin, partitions: Iterable[TopicPartition], when: int, timeout_ms: int | None = None
) -> dict[TopicPartition, int]:
    """The offset at `when`: LATEST, EARLIEST, or the first record of a time in ms since 1970
    (-1 when there is none). Raises Refused for a partition that is not there."""
    waiting = list(partitions)
    found: dict[TopicPartition, int] = {}
    if not waiting:
        return found

    def attempt(connection: Connection) -> None:
        for leader, led in _leaders(admin, connection, waiting).items():
            offsets = _ask_leader(admin, admin.broker(leader), led, when)
            found.update(offsets)
            waiting[:] = [partition for partition in waiting if partition not in offsets]

    admin.call("listOffsets(api=METADATA)", admin.anyone, attempt, timeout_ms)
    return found


def _leaders(
    admin: Admin, connection: Connection, partitions: list[TopicPartition]
) -> dict[int, list[TopicPartition]]:
    metadata = admin.metadata(connection, list(_by_topic(partitions)))
    leaders: dict[TopicPartition, int] = {}
    for topic in metadata.topics:
        if topic.error_code == ErrorCode.INVALID_TOPIC_EXCEPTION:
            first = next(p for name, p in partitions if name == topic.name)
            raise Refused(
                topic.error_code,
                f"Failed to fetch metadata for partition {topic.name}-{first} "
                f"due to invalid topic `{topic.name}`",
            )
        if topic.error_code:
            raise Refused(topic.error_code)
        leaders.update(
            {(topic.name or "", p.partition_index): p.leader_id for p in topic.partitions}
        )
    led: dict[int, list[TopicPartition]] = {}
    for partition in partitions:
        if partition not in leaders:
            raise Refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        if leaders[partition] < 0:
            raise Refused(ErrorCode.LEADER_NOT_AVAILABLE)
        led.setdefault(leaders[partition], []).append(partition)
    return led


def _ask_leader(
    admin: Admin, connection: Connection, partitions: list[TopicPartition], when: int
) -> dict[TopicPartition, int]:
    from moldau.protocol.messages.list_offsets import (
        ListOffsetsPartition,
        ListOffsetsRequest,
        ListOffsetsResponse,
        ListOffsetsTopic,
    )

    topics = [
        ListOffsetsTopic(
            name=topic,
            partitions=[ListOffsetsPartition(partition_index=i, timestamp=when) for i in indexes],
        )
        for topic, indexes in _by_topic(partitions).items()
    ]
    request = ListOffsetsRequest(
        replica_id=-1, topics=topics, timeout_ms=admin.settings.request_timeout_ms
    )
    found = {}
    for t in admin.ask(connection, request, ListOffsetsResponse).topics:
        for p in t.partitions:
            if p.error_code:
                raise Refused(p.error_code)
            found[t.name, p.partition_index] = p.offset
    return found


def committed_offsets(
    admin: Admin, group: str, timeout_ms: int | None = None
) -> dict[TopicPartition, Committed]:
    """All that the group has committed, by topic and partition."""
    from moldau.protocol.messages.offset_fetch import (
        OffsetFetchRequest,
        OffsetFetchRequestGroup,
        OffsetFetchResponse,
    )

    request = OffsetFetchRequest(
        group_id=group,
        topics=None,
        groups=[OffsetFetchRequestGroup(group_id=group, topics=None)],
    )

    def attempt(connection: Connection) -> dict[TopicPartition, Committed]:
        answer = admin.ask(connection, request, OffsetFetchResponse, _NEWEST_BY_NAME)
        part = answer.groups[0] if answer.groups else answer
        if part.error_code:
            raise Refused(part.error_code)
        found = {}
        for t in part.topics:
            for p in t.partitions:
                if p.error_code == ErrorCode.UNSTABLE_OFFSET_COMMIT:
                    raise Refused(p.error_code)
                if p.error_code == 0 and p.committed_offset >= 0:
                    epoch = p.committed_leader_epoch
                    found[t.name, p.partition_index] = Committed(
                        p.committed_offset, None if epoch < 0 else epoch
                    )
        return dict(sorted(found.items()))

    return admin.call(
        "listConsumerGroupOffsets(api=FIND_COORDINATOR)",
        lambda: admin.coordinator(group),
        attempt,
        timeout_ms,
    )


def commit_offsets(
    admin: Admin,
    group: str,
    offsets: Mapping[TopicPartition, int],
    timeout_ms: int | None = None,
) -> None:
    """Sets a group's offsets from outside. Raises Refused when a member is in the group."""
    from moldau.protocol.messages.offset_commit import (
        OffsetCommitRequest,
        OffsetCommitRequestPartition,
        OffsetCommitRequestTopic,
        OffsetCommitResponse,
    )

    topics = [
        OffsetCommitRequestTopic(
            name=topic,
            partitions=[
                OffsetCommitRequestPartition(
                    partition_index=i, committed_offset=offsets[topic, i], committed_metadata=""
                )
                for i in indexes
            ],
        )
        for topic, indexes in _by_topic(offsets).items()
    ]

    def attempt(connection: Connection) -> None:
        request = OffsetCommitRequest(group_id=group, topics=topics)
        answer = admin.ask(connection, request, OffsetCommitResponse, _NEWEST_BY_NAME)
        for t in answer.topics:
            for p in t.partitions:
                if p.error_code:
                    raise Refused(p.error_code)

    admin.call(
        "alterConsumerGroupOffsets(api=FIND_COORDINATOR)",
        lambda: admin.coordinator(group),
        attempt,
        timeout_ms,
    )


def delete_offsets(
    admin: Admin,
    group: str,
    partitions: Iterable[TopicPartition],
    timeout_ms: int | None = None,
) -> dict[TopicPartition, int]:
    """The error code of each partition. Raises Refused when the group as a whole is refused."""
    from moldau.protocol.messages.offset_delete import (
        OffsetDeleteRequest,
        OffsetDeleteRequestPartition,
        OffsetDeleteRequestTopic,
        OffsetDeleteResponse,
    )

    topics = [
        OffsetDeleteRequestTopic(
            name=topic,
            partitions=[OffsetDeleteRequestPartition(partition_index=i) for i in indexes],
        )
        for topic, indexes in _by_topic(partitions).items()
    ]

    def attempt(connection: Connection) -> dict[TopicPartition, int]:
        request = OffsetDeleteRequest(group_id=group, topics=topics)
        answer = admin.ask(connection, request, OffsetDeleteResponse)
        if answer.error_code:
            raise Refused(answer.error_code)
        return {
            (t.name, p.partition_index): p.error_code for t in answer.topics for p in t.partitions
        }

    return admin.call(
        "offsetDelete(api=FIND_COORDINATOR)",
        lambda: admin.coordinator(group),
        attempt,
        timeout_ms,
    )
