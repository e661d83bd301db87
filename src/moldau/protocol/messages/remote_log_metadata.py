"""Values of the records of `__remote_log_metadata` (KIP-405), by their type."""

from __future__ import annotations

from moldau.protocol import schema as s


class TopicIdPartitionEntry(s.Struct):
    name: str = s.string()
    id: bytes = s.uuid()
    partition: int = s.int32()


class RemoteLogSegmentIdEntry(s.Struct):
    topic_id_partition: TopicIdPartitionEntry = s.struct(TopicIdPartitionEntry)
    id: bytes = s.uuid()


class SegmentLeaderEpochEntry(s.Struct):
    leader_epoch: int = s.int32()
    offset: int = s.int64()


class RemoteLogSegmentMetadataRecord(s.Message, versions="0", flexible="0+", key=0):
    remote_log_segment_id: RemoteLogSegmentIdEntry = s.struct(RemoteLogSegmentIdEntry)
    start_offset: int = s.int64()
    end_offset: int = s.int64()
    broker_id: int = s.int32()
    max_timestamp_ms: int = s.int64()
    event_timestamp_ms: int = s.int64()
    segment_leader_epochs: list[SegmentLeaderEpochEntry] = s.array(SegmentLeaderEpochEntry)
    segment_size_in_bytes: int = s.int32()
    custom_metadata: bytes | None = s.raw(nullable="0+", default=None)
    remote_log_segment_state: int = s.int8()
    txn_index_empty: bool = s.boolean("0+", tag=0)


class RemoteLogSegmentMetadataUpdateRecord(s.Message, versions="0", flexible="0+", key=1):
    remote_log_segment_id: RemoteLogSegmentIdEntry = s.struct(RemoteLogSegmentIdEntry)
    broker_id: int = s.int32()
    event_timestamp_ms: int = s.int64()
    custom_metadata: bytes | None = s.raw(nullable="0+", default=None)
    remote_log_segment_state: int = s.int8()


class RemotePartitionDeleteMetadataRecord(s.Message, versions="0", flexible="0+", key=2):
    topic_id_partition: TopicIdPartitionEntry = s.struct(TopicIdPartitionEntry)
    broker_id: int = s.int32()
    event_timestamp_ms: int = s.int64()
    remote_partition_delete_state: int = s.int8()


class RemoteLogSegmentMetadataSnapshotRecord(s.Message, versions="0", flexible="0+", key=3):
    segment_id: bytes = s.uuid()
    start_offset: int = s.int64()
    end_offset: int = s.int64()
    broker_id: int = s.int32()
    max_timestamp_ms: int = s.int64()
    event_timestamp_ms: int = s.int64()
    segment_leader_epochs: list[SegmentLeaderEpochEntry] = s.array(SegmentLeaderEpochEntry)
    segment_size_in_bytes: int = s.int32()
    custom_metadata: bytes | None = s.raw(nullable="0+", default=None)
    remote_log_segment_state: int = s.int8()
    txn_index_empty: bool = s.boolean("0+", tag=0)
