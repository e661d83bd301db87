"""DescribeCluster (API key 60)."""

from __future__ import annotations

from moldau.protocol import schema as s


class DescribeClusterRequest(s.Message, versions="0-2", flexible="0+", key=60):
    include_cluster_authorized_operations: bool = s.boolean()
    endpoint_type: int = s.int8("1+", default=1)
    include_fenced_brokers: bool = s.boolean("2+")


class DescribeClusterBroker(s.Struct):
    broker_id: int = s.int32()
    host: str = s.string()
    port: int = s.int32()
    rack: str | None = s.string(nullable="0+", default=None)
    is_fenced: bool = s.boolean("2+")


class DescribeClusterResponse(s.Message, versions="0-2", flexible="0+", key=60):
    throttle_time_ms: int = s.int32()
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+", default=None)
    endpoint_type: int = s.int8("1+", default=1)
    cluster_id: str = s.string()
    controller_id: int = s.int32(default=-1)
    brokers: list[DescribeClusterBroker] = s.array(DescribeClusterBroker)
    cluster_authorized_operations: int = s.int32(default=-2147483648)
