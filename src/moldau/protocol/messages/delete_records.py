"""DeleteRecords (API key 21)."""

from __future__ import annotations

from moldau.protocol import schema as s


class DeleteRecordsPartition(s.Struct):
    partition_index: int = s.int32()
    offset: int = s.int64()


class DeleteRecordsTopic(s.Struct):
    name: str = s.string()
    partitions: list[DeleteRecordsPartition] = s.array(DeleteRecordsPartition)


class DeleteRecordsRequest(s.Message, versions="0-2", flexible="2+", key=21):
    topics: list[DeleteRecordsTopic] = s.array(DeleteRecordsTopic)
    timeout_ms: int = s.int32()


class DeleteRecordsPartitionResult(s.Struct):
    partition_index: int = s.int32()
    low_watermark: int = s.int64()
    error_code: int = s.int16()


class DeleteRecordsTopicResult(s.Struct):
    name: str = s.string()
    partitions: list[DeleteRecordsPartitionResult] = s.array(DeleteRecordsPartitionResult)


class DeleteRecordsResponse(s.Message, versions="0-2", flexible="2+", key=21):
    throttle_time_ms: int = s.int32()
    topics: list[DeleteRecordsTopicResult] = s.array(DeleteRecordsTopicResult)
