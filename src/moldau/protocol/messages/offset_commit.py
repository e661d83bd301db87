"""OffsetCommit (API key 8)."""

from __future__ import annotations

from moldau.protocol import schema as s


class OffsetCommitRequestPartition(s.Struct):
    partition_index: int = s.int32()
    committed_offset: int = s.int64()
    committed_leader_epoch: int = s.int32("6+", default=-1)
    committed_metadata: str | None = s.string(nullable="0+")


class OffsetCommitRequestTopic(s.Struct):
    name: str = s.string("0-9")
    topic_id: bytes = s.uuid("10+")
    partitions: list[OffsetCommitRequestPartition] = s.array(OffsetCommitRequestPartition)


class OffsetCommitRequest(s.Message, versions="2-10", flexible="8+", key=8):
    group_id: str = s.string()
    generation_id_or_member_epoch: int = s.int32(default=-1)
    member_id: str = s.string()
    group_instance_id: str | None = s.string("7+", nullable="7+", default=None)
    retention_time_ms: int = s.int64("2-4", default=-1)
    topics: list[OffsetCommitRequestTopic] = s.array(OffsetCommitRequestTopic)


class OffsetCommitResponsePartition(s.Struct):
    partition_index: int = s.int32()
    error_code: int = s.int16()


class OffsetCommitResponseTopic(s.Struct):
    name: str = s.string("0-9")
    topic_id: bytes = s.uuid("10+")
    partitions: list[OffsetCommitResponsePartition] = s.array(OffsetCommitResponsePartition)


class OffsetCommitResponse(s.Message, versions="2-10", flexible="8+", key=8):
    throttle_time_ms: int = s.int32("3+")
    topics: list[OffsetCommitResponseTopic] = s.array(OffsetCommitResponseTopic)
