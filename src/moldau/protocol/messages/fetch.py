"""Fetch (API key 1)."""

from __future__ import annotations

from moldau.protocol import schema as s


class ReplicaState(s.Struct):
    replica_id: int = s.int32("15+", default=-1)
    replica_epoch: int = s.int64("15+", default=-1)


class FetchPartition(s.Struct):
    partition: int = s.int32()
    current_leader_epoch: int = s.int32("9+", default=-1)
    fetch_offset: int = s.int64()
    last_fetched_epoch: int = s.int32("12+", default=-1)
    log_start_offset: int = s.int64("5+", default=-1)
    partition_max_bytes: int = s.int32()
    replica_directory_id: bytes = s.uuid("17+", tag=0)
    high_watermark: int = s.int64("18+", tag=1, default=0x7FFFFFFFFFFFFFFF)


class FetchTopic(s.Struct):
    topic: str = s.string("0-12")
    topic_id: bytes = s.uuid("13+")
    partitions: list[FetchPartition] = s.array(FetchPartition)


class ForgottenTopic(s.Struct):
    topic: str = s.string("7-12")
    topic_id: bytes = s.uuid("13+")
    partitions: list[int] = s.array("int32", "7+")


class FetchRequest(s.Message, versions="4-18", flexible="12+", key=1):
    cluster_id: str | None = s.string("12+", nullable="12+", tag=0, default=None)
    replica_id: int = s.int32("0-14", default=-1)
    replica_state: ReplicaState = s.struct(ReplicaState, "15+", tag=1)
    max_wait_ms: int = s.int32()
    min_bytes: int = s.int32()
    max_bytes: int = s.int32(default=0x7FFFFFFF)
    isolation_level: int = s.int8()
    session_id: int = s.int32("7+")
    session_epoch: int = s.int32("7+", default=-1)
    topics: list[FetchTopic] = s.array(FetchTopic)
    forgotten_topics_data: list[ForgottenTopic] = s.array(ForgottenTopic, "7+")
    rack_id: str = s.string("11+")


class EpochEndOffset(s.Struct):
    epoch: int = s.int32("12+", default=-1)
    end_offset: int = s.int64("12+", default=-1)


class LeaderIdAndEpoch(s.Struct):
    leader_id: int = s.int32("12+", default=-1)
    leader_epoch: int = s.int32("12+", default=-1)


class SnapshotId(s.Struct):
    end_offset: int = s.int64(default=-1)
    epoch: int = s.int32(default=-1)


class AbortedTransaction(s.Struct):
    producer_id: int = s.int64()
    first_offset: int = s.int64()


class PartitionData(s.Struct):
    partition_index: int = s.int32()
    error_code: int = s.int16()
    high_watermark: int = s.int64()
    last_stable_offset: int = s.int64(default=-1)
    log_start_offset: int = s.int64("5+", default=-1)
    diverging_epoch: EpochEndOffset = s.struct(EpochEndOffset, "12+", tag=0)
    current_leader: LeaderIdAndEpoch = s.struct(LeaderIdAndEpoch, "12+", tag=1)
    snapshot_id: SnapshotId = s.struct(SnapshotId, "12+", tag=2)
    aborted_transactions: list[AbortedTransaction] | None = s.array(
        AbortedTransaction, nullable="4+", default=()
    )
    preferred_read_replica: int = s.int32("11+", default=-1)
    records: s.Records = s.records(nullable="0+")


class FetchableTopicResponse(s.Struct):
    topic: str = s.string("0-12")
    topic_id: bytes = s.uuid("13+")
    partitions: list[PartitionData] = s.array(PartitionData)


class NodeEndpoint(s.Struct):
    node_id: int = s.int32("16+")
    host: str = s.string("16+")
    port: int = s.int32("16+")
    rack: str | None = s.string("16+", nullable="16+", default=None)


class FetchResponse(s.Message, versions="4-18", flexible="12+", key=1):
    throttle_time_ms: int = s.int32()
    error_code: int = s.int16("7+")
    session_id: int = s.int32("7+")
    responses: list[FetchableTopicResponse] = s.array(FetchableTopicResponse)
    node_endpoints: list[NodeEndpoint] = s.array(NodeEndpoint, "16+", tag=0)
