"""Keys and values of the records of `__consumer_offsets` for consumer groups (KIP-848)."""

from __future__ import annotations

from moldau.protocol import schema as s


class ConsumerGroupMetadataKey(s.Message, versions="0", key=3):
    group_id: str = s.string()


class ConsumerGroupMetadataValue(s.Message, versions="0", flexible="0+", key=3):
    epoch: int = s.int32()
    metadata_hash: int = s.int64("0+", tag=0)


class ConsumerGroupPartitionMetadataKey(s.Message, versions="0", key=4):
    group_id: str = s.string()


class PartitionMetadata(s.Struct):
    partition: int = s.int32()
    racks: list[str] = s.array("string")


class TopicMetadata(s.Struct):
    topic_id: bytes = s.uuid()
    topic_name: str = s.string()
    num_partitions: int = s.int32()
    partition_metadata: list[PartitionMetadata] = s.array(PartitionMetadata)


class ConsumerGroupPartitionMetadataValue(s.Message, versions="0", flexible="0+", key=4):
    topics: list[TopicMetadata] = s.array(TopicMetadata)


class ConsumerGroupMemberMetadataKey(s.Message, versions="0", key=5):
    group_id: str = s.string()
    member_id: str = s.string()


class ClassicProtocol(s.Struct):
    name: str = s.string()
    metadata: bytes = s.raw()


class ClassicMemberMetadata(s.Struct):
    session_timeout_ms: int = s.int32()
    supported_protocols: list[ClassicProtocol] = s.array(ClassicProtocol)


class ConsumerGroupMemberMetadataValue(s.Message, versions="0", flexible="0+", key=5):
    instance_id: str | None = s.string(nullable="0+")
    rack_id: str | None = s.string(nullable="0+")
    client_id: str = s.string()
    client_host: str = s.string()
    subscribed_topic_names: list[str] = s.array("string")
    subscribed_topic_regex: str | None = s.string(nullable="0+")
    rebalance_timeout_ms: int = s.int32(default=-1)
    server_assignor: str | None = s.string(nullable="0+")
    classic_member_metadata: ClassicMemberMetadata | None = s.struct(
        ClassicMemberMetadata, "0+", nullable="0+", tag=0, default=ClassicMemberMetadata
    )


class ConsumerGroupTargetAssignmentMetadataKey(s.Message, versions="0", key=6):
    group_id: str = s.string()


class ConsumerGroupTargetAssignmentMetadataValue(s.Message, versions="0", flexible="0+", key=6):
    assignment_epoch: int = s.int32()
    assignment_timestamp: int = s.int64("0+", tag=0)


class ConsumerGroupTargetAssignmentMemberKey(s.Message, versions="0", key=7):
    group_id: str = s.string()
    member_id: str = s.string()


class TopicPartition(s.Struct):
    topic_id: bytes = s.uuid()
    partitions: list[int] = s.array("int32")


class ConsumerGroupTargetAssignmentMemberValue(s.Message, versions="0", flexible="0+", key=7):
    topic_partitions: list[TopicPartition] = s.array(TopicPartition)


class ConsumerGroupCurrentMemberAssignmentKey(s.Message, versions="0", key=8):
    group_id: str = s.string()
    member_id: str = s.string()


class TopicPartitions(s.Struct):
    topic_id: bytes = s.uuid()
    partitions: list[int] = s.array("int32")
    assignment_epochs: list[int] | None = s.array("int32", "0+", nullable="0+", tag=0, default=[])


class ConsumerGroupCurrentMemberAssignmentValue(s.Message, versions="0", flexible="0+", key=8):
    member_epoch: int = s.int32()
    previous_member_epoch: int = s.int32()
    state: int = s.int8()
    assigned_partitions: list[TopicPartitions] = s.array(TopicPartitions)
    partitions_pending_revocation: list[TopicPartitions] = s.array(TopicPartitions)


class ConsumerGroupRegularExpressionKey(s.Message, versions="0", key=16):
    group_id: str = s.string()
    regular_expression: str = s.string()


class ConsumerGroupRegularExpressionValue(s.Message, versions="0", flexible="0+", key=16):
    topics: list[str] = s.array("string")
    version: int = s.int64()
    timestamp: int = s.int64()
