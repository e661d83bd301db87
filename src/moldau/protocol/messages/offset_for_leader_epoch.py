"""OffsetForLeaderEpoch (API key 23)."""

from __future__ import annotations

from moldau.protocol import schema as s


class OffsetForLeaderPartition(s.Struct):
    partition: int = s.int32()
    current_leader_epoch: int = s.int32(default=-1)
    leader_epoch: int = s.int32()


class OffsetForLeaderTopic(s.Struct):
    topic: str = s.string()
    partitions: list[OffsetForLeaderPartition] = s.array(OffsetForLeaderPartition)


class OffsetForLeaderEpochRequest(s.Message, versions="2-4", flexible="4+", key=23):
    replica_id: int = s.int32("3+", default=-2)
    topics: list[OffsetForLeaderTopic] = s.array(OffsetForLeaderTopic)


class EpochEndOffset(s.Struct):
    error_code: int = s.int16()
    partition: int = s.int32()
    leader_epoch: int = s.int32(default=-1)
    end_offset: int = s.int64(default=-1)


class OffsetForLeaderTopicResult(s.Struct):
    topic: str = s.string()
    partitions: list[EpochEndOffset] = s.array(EpochEndOffset)


class OffsetForLeaderEpochResponse(s.Message, versions="2-4", flexible="4+", key=23):
    throttle_time_ms: int = s.int32()
    topics: list[OffsetForLeaderTopicResult] = s.array(OffsetForLeaderTopicResult)
