"""OffsetDelete (API key 47)."""

from __future__ import annotations

from moldau.protocol import schema as s


class OffsetDeleteRequestPartition(s.Struct):
    partition_index: int = s.int32()


class OffsetDeleteRequestTopic(s.Struct):
    name: str = s.string()
    partitions: list[OffsetDeleteRequestPartition] = s.array(OffsetDeleteRequestPartition)


class OffsetDeleteRequest(s.Message, versions="0", key=47):
    group_id: str = s.string()
    topics: list[OffsetDeleteRequestTopic] = s.array(OffsetDeleteRequestTopic)


class OffsetDeleteResponsePartition(s.Struct):
    partition_index: int = s.int32()
    error_code: int = s.int16()


class OffsetDeleteResponseTopic(s.Struct):
    name: str = s.string()
    partitions: list[OffsetDeleteResponsePartition] = s.array(OffsetDeleteResponsePartition)


class OffsetDeleteResponse(s.Message, versions="0", key=47):
    error_code: int = s.int16()
    throttle_time_ms: int = s.int32()
    topics: list[OffsetDeleteResponseTopic] = s.array(OffsetDeleteResponseTopic)
