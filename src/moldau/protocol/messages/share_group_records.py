"""Keys and values of the records of `__consumer_offsets` for share groups (KIP-932)."""

from __future__ import annotations

from moldau.protocol import schema as s


class ShareGroupMemberMetadataKey(s.Message, versions="0", key=10):
    group_id: str = s.string()
    member_id: str = s.string()


class ShareGroupMemberMetadataValue(s.Message, versions="0", flexible="0+", key=10):
    rack_id: str | None = s.string(nullable="0+")
    client_id: str = s.string()
    client_host: str = s.string()
    subscribed_topic_names: list[str] = s.array("string")


class ShareGroupMetadataKey(s.Message, versions="0", key=11):
    group_id: str = s.string()


class ShareGroupMetadataValue(s.Message, versions="0", flexible="0+", key=11):
    epoch: int = s.int32()
    metadata_hash: int = s.int64()


class ShareGroupTargetAssignmentMetadataKey(s.Message, versions="0", key=12):
    group_id: str = s.string()


class ShareGroupTargetAssignmentMetadataValue(s.Message, versions="0", flexible="0+", key=12):
    assignment_epoch: int = s.int32()
    assignment_timestamp: int = s.int64("0+", tag=0)


class ShareGroupTargetAssignmentMemberKey(s.Message, versions="0", key=13):
    group_id: str = s.string()
    member_id: str = s.string()


class TopicPartition(s.Struct):
    topic_id: bytes = s.uuid()
    partitions: list[int] = s.array("int32")


class ShareGroupTargetAssignmentMemberValue(s.Message, versions="0", flexible="0+", key=13):
    topic_partitions: list[TopicPartition] = s.array(TopicPartition)


class ShareGroupCurrentMemberAssignmentKey(s.Message, versions="0", key=14):
    group_id: str = s.string()
    member_id: str = s.string()


class TopicPartitions(s.Struct):
    topic_id: bytes = s.uuid()
    partitions: list[int] = s.array("int32")


class ShareGroupCurrentMemberAssignmentValue(s.Message, versions="0", flexible="0+", key=14):
    member_epoch: int = s.int32()
    previous_member_epoch: int = s.int32()
    state: int = s.int8()
    assigned_partitions: list[TopicPartitions] = s.array(TopicPartitions)


class ShareGroupStatePartitionMetadataKey(s.Message, versions="0", key=15):
    group_id: str = s.string()


class TopicPartitionsInfo(s.Struct):
    topic_id: bytes = s.uuid()
    topic_name: str = s.string()
    partitions: list[int] = s.array("int32")


class TopicInfo(s.Struct):
    topic_id: bytes = s.uuid()
    topic_name: str = s.string()


class ShareGroupStatePartitionMetadataValue(s.Message, versions="0", flexible="0+", key=15):
    initializing_topics: list[TopicPartitionsInfo] = s.array(TopicPartitionsInfo)
    initialized_topics: list[TopicPartitionsInfo] = s.array(TopicPartitionsInfo)
    deleting_topics: list[TopicInfo] = s.array(TopicInfo)
