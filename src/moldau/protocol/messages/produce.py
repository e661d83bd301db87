"""Produce (API key 0)."""

from __future__ import annotations

from moldau.protocol import schema as s


class PartitionProduceData(s.Struct):
    index: int = s.int32()
    records: s.Records = s.records(nullable="0+")


class TopicProduceData(s.Struct):
    name: str = s.string("0-12")
    topic_id: bytes = s.uuid("13+")
    partition_data: list[PartitionProduceData] = s.array(PartitionProduceData)


class ProduceRequest(s.Message, versions="3-13", flexible="9+", key=0):
    transactional_id: str | None = s.string(nullable="3+", default=None)
    acks: int = s.int16()
    timeout_ms: int = s.int32()
    topic_data: list[TopicProduceData] = s.array(TopicProduceData)


class BatchIndexAndErrorMessage(s.Struct):
    batch_index: int = s.int32("8+")
    batch_index_error_message: str | None = s.string("8+", nullable="8+", default=None)


class LeaderIdAndEpoch(s.Struct):
    leader_id: int = s.int32("10+", default=-1)
    leader_epoch: int = s.int32("10+", default=-1)


class PartitionProduceResponse(s.Struct):
    index: int = s.int32()
    error_code: int = s.int16()
    base_offset: int = s.int64()
    log_append_time_ms: int = s.int64(default=-1)
    log_start_offset: int = s.int64("5+", default=-1)
    record_errors: list[BatchIndexAndErrorMessage] = s.array(BatchIndexAndErrorMessage, "8+")
    error_message: str | None = s.string("8+", nullable="8+", default=None)
    current_leader: LeaderIdAndEpoch = s.struct(LeaderIdAndEpoch, "10+", tag=0)


class TopicProduceResponse(s.Struct):
    name: str = s.string("0-12")
    topic_id: bytes = s.uuid("13+")
    partition_responses: list[PartitionProduceResponse] = s.array(PartitionProduceResponse)


class NodeEndpoint(s.Struct):
    node_id: int = s.int32("10+")
    host: str = s.string("10+")
    port: int = s.int32("10+")
    rack: str | None = s.string("10+", nullable="10+", default=None)


class ProduceResponse(s.Message, versions="3-13", flexible="9+", key=0):
    responses: list[TopicProduceResponse] = s.array(TopicProduceResponse)
    throttle_time_ms: int = s.int32()
    node_endpoints: list[NodeEndpoint] = s.array(NodeEndpoint, "10+", tag=0)
