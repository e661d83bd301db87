"""Metadata (API key 3)."""

from __future__ import annotations

from moldau.protocol import schema as s


class MetadataRequestTopic(s.Struct):
    topic_id: bytes = s.uuid("10+")
    name: str | None = s.string(nullable="10+")


class MetadataRequest(s.Message, versions="0-13", flexible="9+", key=3):
    topics: list[MetadataRequestTopic] | None = s.array(
        MetadataRequestTopic, nullable="1+", default=()
    )
    allow_auto_topic_creation: bool = s.boolean("4+", default=True)
    include_cluster_authorized_operations: bool = s.boolean("8-10")
    include_topic_authorized_operations: bool = s.boolean("8+")


class MetadataResponseBroker(s.Struct):
    node_id: int = s.int32()
    host: str = s.string()
    port: int = s.int32()
    rack: str | None = s.string("1+", nullable="1+", default=None)


class MetadataResponsePartition(s.Struct):
    error_code: int = s.int16()
    partition_index: int = s.int32()
    leader_id: int = s.int32()
    leader_epoch: int = s.int32("7+", default=-1)
    replica_nodes: list[int] = s.array("int32")
    isr_nodes: list[int] = s.array("int32")
    offline_replicas: list[int] = s.array("int32", "5+")


class MetadataResponseTopic(s.Struct):
    error_code: int = s.int16()
    name: str | None = s.string(nullable="12+")
    topic_id: bytes = s.uuid("10+")
    is_internal: bool = s.boolean("1+")
    partitions: list[MetadataResponsePartition] = s.array(MetadataResponsePartition)
    topic_authorized_operations: int = s.int32("8+", default=-2147483648)


class MetadataResponse(s.Message, versions="0-13", flexible="9+", key=3):
    throttle_time_ms: int = s.int32("3+")
    brokers: list[MetadataResponseBroker] = s.array(MetadataResponseBroker)
    cluster_id: str | None = s.string("2+", nullable="2+", default=None)
    controller_id: int = s.int32("1+", default=-1)
    topics: list[MetadataResponseTopic] = s.array(MetadataResponseTopic)
    cluster_authorized_operations: int = s.int32("8-10", default=-2147483648)
    error_code: int = s.int16("13+")
