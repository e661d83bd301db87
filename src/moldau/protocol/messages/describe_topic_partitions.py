"""DescribeTopicPartitions (API key 75)."""

from __future__ import annotations

from moldau.protocol import schema as s


class TopicRequest(s.Struct):
    name: str = s.string()


class Cursor(s.Struct):
    topic_name: str = s.string()
    partition_index: int = s.int32()


class DescribeTopicPartitionsRequest(s.Message, versions="0", flexible="0+", key=75):
    topics: list[TopicRequest] = s.array(TopicRequest)
    response_partition_limit: int = s.int32(default=2000)
    cursor: Cursor | None = s.struct(Cursor, nullable="0+")


class DescribeTopicPartitionsResponsePartition(s.Struct):
    error_code: int = s.int16()
    partition_index: int = s.int32()
    leader_id: int = s.int32()
    leader_epoch: int = s.int32(default=-1)
    replica_nodes: list[int] = s.array("int32")
    isr_nodes: list[int] = s.array("int32")
    eligible_leader_replicas: list[int] | None = s.array("int32", nullable="0+")
    last_known_elr: list[int] | None = s.array("int32", nullable="0+")
    offline_replicas: list[int] = s.array("int32")


class DescribeTopicPartitionsResponseTopic(s.Struct):
    error_code: int = s.int16()
    name: str | None = s.string(nullable="0+")
    topic_id: bytes = s.uuid()
    is_internal: bool = s.boolean()
    partitions: list[DescribeTopicPartitionsResponsePartition] = s.array(
        DescribeTopicPartitionsResponsePartition
    )
    topic_authorized_operations: int = s.int32(default=-2147483648)


class CursorResponse(s.Struct):
    topic_name: str = s.string()
    partition_index: int = s.int32()


class DescribeTopicPartitionsResponse(s.Message, versions="0", flexible="0+", key=75):
    throttle_time_ms: int = s.int32()
    topics: list[DescribeTopicPartitionsResponseTopic] = s.array(
        DescribeTopicPartitionsResponseTopic
    )
    next_cursor: CursorResponse | None = s.struct(CursorResponse, nullable="0+")
