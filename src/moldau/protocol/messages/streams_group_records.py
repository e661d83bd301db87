"""Keys and values of the records of `__consumer_offsets` for streams groups (KIP-1071)."""

from __future__ import annotations

from moldau.protocol import schema as s


class StreamsGroupMetadataKey(s.Message, versions="0", key=17):
    group_id: str = s.string()


class LastAssignmentConfig(s.Struct):
    key: str = s.string()
    value: str = s.string()


class StreamsGroupMetadataValue(s.Message, versions="0", flexible="0+", key=17):
    epoch: int = s.int32()
    metadata_hash: int = s.int64()
    validated_topology_epoch: int = s.int32("0+", tag=0, default=-1)
    last_assignment_configs: list[LastAssignmentConfig] | None = s.array(
        LastAssignmentConfig, "0+", nullable="0+", tag=1, default=[]
    )


class StreamsGroupMemberMetadataKey(s.Message, versions="0", key=19):
    group_id: str = s.string()
    member_id: str = s.string()


class Endpoint(s.Struct):
    host: str = s.string()
    port: int = s.uint16()


class KeyValue(s.Struct):
    key: str = s.string()
    value: str = s.string()


class StreamsGroupMemberMetadataValue(s.Message, versions="0", flexible="0+", key=19):
    instance_id: str | None = s.string(nullable="0+")
    rack_id: str | None = s.string(nullable="0+")
    client_id: str = s.string()
    client_host: str = s.string()
    rebalance_timeout_ms: int = s.int32(default=-1)
    topology_epoch: int = s.int32()
    process_id: str = s.string()
    user_endpoint: Endpoint | None = s.struct(Endpoint, nullable="0+")
    client_tags: list[KeyValue] = s.array(KeyValue)


class StreamsGroupTargetAssignmentMetadataKey(s.Message, versions="0", key=20):
    group_id: str = s.string()


class StreamsGroupTargetAssignmentMetadataValue(s.Message, versions="0", flexible="0+", key=20):
    assignment_epoch: int = s.int32()
    assignment_timestamp: int = s.int64("0+", tag=0)


class StreamsGroupTargetAssignmentMemberKey(s.Message, versions="0", key=21):
    group_id: str = s.string()
    member_id: str = s.string()


class TaskIds(s.Struct):
    subtopology_id: str = s.string()
    partitions: list[int] = s.array("int32")


class StreamsGroupTargetAssignmentMemberValue(s.Message, versions="0", flexible="0+", key=21):
    active_tasks: list[TaskIds] = s.array(TaskIds)
    standby_tasks: list[TaskIds] = s.array(TaskIds)
    warmup_tasks: list[TaskIds] = s.array(TaskIds)


class StreamsGroupCurrentMemberAssignmentKey(s.Message, versions="0", key=22):
    group_id: str = s.string()
    member_id: str = s.string()


class TaskIdsWithEpochs(s.Struct):
    subtopology_id: str = s.string()
    partitions: list[int] = s.array("int32")
    assignment_epochs: list[int] | None = s.array("int32", "0+", nullable="0+", tag=0, default=[])


class StreamsGroupCurrentMemberAssignmentValue(s.Message, versions="0", flexible="0+", key=22):
    member_epoch: int = s.int32()
    previous_member_epoch: int = s.int32()
    state: int = s.int8()
    active_tasks: list[TaskIdsWithEpochs] = s.array(TaskIdsWithEpochs)
    standby_tasks: list[TaskIdsWithEpochs] = s.array(TaskIdsWithEpochs)
    warmup_tasks: list[TaskIdsWithEpochs] = s.array(TaskIdsWithEpochs)
    active_tasks_pending_revocation: list[TaskIdsWithEpochs] = s.array(TaskIdsWithEpochs)
    standby_tasks_pending_revocation: list[TaskIdsWithEpochs] = s.array(TaskIdsWithEpochs)
    warmup_tasks_pending_revocation: list[TaskIdsWithEpochs] = s.array(TaskIdsWithEpochs)


class StreamsGroupTopologyKey(s.Message, versions="0", key=23):
    group_id: str = s.string()


class TopicConfig(s.Struct):
    key: str = s.string()
    value: str = s.string()


class TopicInfo(s.Struct):
    name: str = s.string()
    partitions: int = s.int32()
    replication_factor: int = s.int16()
    topic_configs: list[TopicConfig] = s.array(TopicConfig)


class CopartitionGroup(s.Struct):
    source_topics: list[int] = s.array("int16")
    source_topic_regex: list[int] = s.array("int16")
    repartition_source_topics: list[int] = s.array("int16")


class Subtopology(s.Struct):
    subtopology_id: str = s.string()
    source_topics: list[str] = s.array("string")
    source_topic_regex: list[str] = s.array("string")
    state_changelog_topics: list[TopicInfo] = s.array(TopicInfo)
    repartition_sink_topics: list[str] = s.array("string")
    repartition_source_topics: list[TopicInfo] = s.array(TopicInfo)
    copartition_groups: list[CopartitionGroup] = s.array(CopartitionGroup)


class StreamsGroupTopologyValue(s.Message, versions="0", flexible="0+", key=23):
    epoch: int = s.int32()
    subtopologies: list[Subtopology] = s.array(Subtopology)
