"""DescribeProducers (API key 61)."""

from __future__ import annotations

from moldau.protocol import schema as s


class TopicRequest(s.Struct):
    name: str = s.string()
    partition_indexes: list[int] = s.array("int32")


class DescribeProducersRequest(s.Message, versions="0", flexible="0+", key=61):
    topics: list[TopicRequest] = s.array(TopicRequest)


class ProducerState(s.Struct):
    producer_id: int = s.int64()
    producer_epoch: int = s.int32()
    last_sequence: int = s.int32(default=-1)
    last_timestamp: int = s.int64(default=-1)
    coordinator_epoch: int = s.int32()
    current_txn_start_offset: int = s.int64(default=-1)


class PartitionResponse(s.Struct):
    partition_index: int = s.int32()
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+", default=None)
    active_producers: list[ProducerState] = s.array(ProducerState)


class TopicResponse(s.Struct):
    name: str = s.string()
    partitions: list[PartitionResponse] = s.array(PartitionResponse)


class DescribeProducersResponse(s.Message, versions="0", flexible="0+", key=61):
    throttle_time_ms: int = s.int32()
    topics: list[TopicResponse] = s.array(TopicResponse)
