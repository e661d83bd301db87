"""ListOffsets (API key 2)."""

from __future__ import annotations

from moldau.protocol import schema as s


class ListOffsetsPartition(s.Struct):
    partition_index: int = s.int32()
    current_leader_epoch: int = s.int32("4+", default=-1)
    timestamp: int = s.int64()


class ListOffsetsTopic(s.Struct):
    name: str = s.string()
    partitions: list[ListOffsetsPartition] = s.array(ListOffsetsPartition)


class ListOffsetsRequest(s.Message, versions="1-11", flexible="6+", key=2):
    replica_id: int = s.int32()
    isolation_level: int = s.int8("2+")
    topics: list[ListOffsetsTopic] = s.array(ListOffsetsTopic)
    timeout_ms: int = s.int32("10+")


class ListOffsetsPartitionResponse(s.Struct):
    partition_index: int = s.int32()
    error_code: int = s.int16()
    timestamp: int = s.int64(default=-1)
    offset: int = s.int64(default=-1)
    leader_epoch: int = s.int32("4+", default=-1)


class ListOffsetsTopicResponse(s.Struct):
    name: str = s.string()
    partitions: list[ListOffsetsPartitionResponse] = s.array(ListOffsetsPartitionResponse)


class ListOffsetsResponse(s.Message, versions="1-11", flexible="6+", key=2):
    throttle_time_ms: int = s.int32("2+")
    topics: list[ListOffsetsTopicResponse] = s.array(ListOffsetsTopicResponse)
