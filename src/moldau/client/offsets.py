"""Offsets: where logs begin and end, and what groups have committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from moldau.client.admin import Admin
from moldau.client.connection import Connection
from moldau.client.errors import KafkaError, Refused, Unsupported
from moldau.client.leaders import TopicPartition, by_leader, by_topic
from moldau.protocol.errors import ErrorCode

LATEST = -1
EARLIEST = -2
MAX_TIMESTAMP = -3
EARLIEST_LOCAL = -4
LATEST_TIERED = -5
EARLIEST_PENDING_UPLOAD = -6
# The version of ListOffsets that first knew it.
_SINCE = {MAX_TIMESTAMP: 7, EARLIEST_LOCAL: 8, LATEST_TIERED: 9, EARLIEST_PENDING_UPLOAD: 11}
# From version 10 on, topics travel by id; the names are what a person asks with.
_NEWEST_BY_NAME = 9


READ_UNCOMMITTED = 0
READ_COMMITTED = 1  # LATEST is then where the first open transaction begins, if there is one


class Committed(NamedTuple):
    offset: int
    leader_epoch: int | None
    metadata: str = ""


def list_offsets(
    admin: Admin,
    partitions: Iterable[TopicPartition],
    when: int,
    timeout_ms: int | None = None,
    isolation: int = READ_UNCOMMITTED,
) -> dict[TopicPartition, int]:
    """The offset at `when`: LATEST, EARLIEST and their like, or the first record of a time in ms
    since 1970 (-1 when there is none). Raises KafkaError for the first that has no answer."""
    found = {}
    each = list_offsets_of_each(admin, list(partitions), when, timeout_ms, isolation)
    for place, offset in each.items():
        if isinstance(offset, KafkaError):
            raise offset
        found[place] = offset
    return found


def list_offsets_of_each(
    admin: Admin,
    partitions: Sequence[TopicPartition],
    when: int,
    timeout_ms: int | None = None,
    isolation: int = READ_UNCOMMITTED,
) -> dict[TopicPartition, int | KafkaError]:
    """As `list_offsets`, where the error of one partition does not hide the others' offsets."""
    from moldau.protocol.messages.list_offsets import (
        ListOffsetsPartition,
        ListOffsetsRequest,
        ListOffsetsResponse,
        ListOffsetsTopic,
    )

    def ask(
        connection: Connection, places: list[TopicPartition]
    ) -> dict[TopicPartition, int | KafkaError]:
        topics = [
            ListOffsetsTopic(
                name=topic,
                partitions=[
                    ListOffsetsPartition(partition_index=i, timestamp=when) for i in indexes
                ],
            )
            for topic, indexes in by_topic(places).items()
        ]
        request = ListOffsetsRequest(
            replica_id=-1,
            isolation_level=isolation,
            topics=topics,
            timeout_ms=admin.settings.request_timeout_ms,
        )
        oldest = _SINCE.get(when, 0)
        try:
            answer = admin.ask(connection, request, ListOffsetsResponse, oldest=oldest)
        except Unsupported as error:
            return dict.fromkeys(places, error)
        return {
            (t.name, p.partition_index): Refused(p.error_code) if p.error_code else p.offset
            for t in answer.topics
            for p in t.partitions
        }

    return by_leader(admin, "listOffsets", partitions, ask, timeout_ms, awaits_topics=False)


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
                        p.committed_offset, None if epoch < 0 else epoch, p.metadata or ""
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
    texts: Mapping[TopicPartition, str] | None = None,
) -> None:
    """Sets a group's offsets from outside; `texts` are the metadata that go with them. Raises
    Refused when a member is in the group."""
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
                    partition_index=i,
                    committed_offset=offsets[topic, i],
                    committed_metadata=(texts or {}).get((topic, i), ""),
                )
                for i in indexes
            ],
        )
        for topic, indexes in by_topic(offsets).items()
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
        for topic, indexes in by_topic(partitions).items()
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
