"""OffsetFetch (API key 9)."""

from __future__ import annotations

from moldau.protocol import schema as s


class OffsetFetchRequestTopic(s.Struct):
    name: str = s.string("0-7")
    partition_indexes: list[int] = s.array("int32", "0-7")


class OffsetFetchRequestTopics(s.Struct):
    name: str = s.string("8-9")
    topic_id: bytes = s.uuid("10+")
    partition_indexes: list[int] = s.array("int32", "8+")


class OffsetFetchRequestGroup(s.Struct):
    group_id: str = s.string("8+")
    member_id: str | None = s.string("9+", nullable="9+", default=None)
    member_epoch: int = s.int32("9+", default=-1)
    topics: list[OffsetFetchRequestTopics] | None = s.array(
        OffsetFetchRequestTopics, "8+", nullable="8+", default=()
    )


class OffsetFetchRequest(s.Message, versions="1-10", flexible="6+", key=9):
    group_id: str = s.string("0-7")
    topics: list[OffsetFetchRequestTopic] | None = s.array(
        OffsetFetchRequestTopic, "0-7", nullable="2-7", default=()
    )
    groups: list[OffsetFetchRequestGroup] = s.array(OffsetFetchRequestGroup, "8+")
    require_stable: bool = s.boolean("7+")


class OffsetFetchResponsePartition(s.Struct):
    partition_index: int = s.int32("0-7")
    committed_offset: int = s.int64("0-7")
    committed_leader_epoch: int = s.int32("5-7", default=-1)
    metadata: str | None = s.string("0-7", nullable="0-7")
    error_code: int = s.int16("0-7")


class OffsetFetchResponseTopic(s.Struct):
    name: str = s.string("0-7")
    partitions: list[OffsetFetchResponsePartition] = s.array(OffsetFetchResponsePartition, "0-7")


class OffsetFetchResponsePartitions(s.Struct):
    partition_index: int = s.int32("8+")
    committed_offset: int = s.int64("8+")
    committed_leader_epoch: int = s.int32("8+", default=-1)
    metadata: str | None = s.string("8+", nullable="8+")
    error_code: int = s.int16("8+")


class OffsetFetchResponseTopics(s.Struct):
    name: str = s.string("8-9")
    topic_id: bytes = s.uuid("10+")
    partitions: list[OffsetFetchResponsePartitions] = s.array(OffsetFetchResponsePartitions, "8+")


class OffsetFetchResponseGroup(s.Struct):
    group_id: str = s.string("8+")
    topics: list[OffsetFetchResponseTopics] = s.array(OffsetFetchResponseTopics, "8+")
    error_code: int = s.int16("8+")


class OffsetFetchResponse(s.Message, versions="1-10", flexible="6+", key=9):
    throttle_time_ms: int = s.int32("3+")
    topics: list[OffsetFetchResponseTopic] = s.array(OffsetFetchResponseTopic, "0-7")
    error_code: int = s.int16("2-7")
    groups: list[OffsetFetchResponseGroup] = s.array(OffsetFetchResponseGroup, "8+")
