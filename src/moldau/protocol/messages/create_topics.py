"""CreateTopics (API key 19)."""

from __future__ import annotations

from moldau.protocol import schema as s


class CreatableReplicaAssignment(s.Struct):
    partition_index: int = s.int32()
    broker_ids: list[int] = s.array("int32")


class CreatableTopicConfig(s.Struct):
    name: str = s.string()
    value: str | None = s.string(nullable="0+")


class CreatableTopic(s.Struct):
    name: str = s.string()
    num_partitions: int = s.int32()
    replication_factor: int = s.int16()
    assignments: list[CreatableReplicaAssignment] = s.array(CreatableReplicaAssignment)
    configs: list[CreatableTopicConfig] = s.array(CreatableTopicConfig)


class CreateTopicsRequest(s.Message, versions="2-7", flexible="5+", key=19):
    topics: list[CreatableTopic] = s.array(CreatableTopic)
    timeout_ms: int = s.int32(default=60000)
    validate_only: bool = s.boolean()


class CreatableTopicConfigs(s.Struct):
    name: str = s.string("5+")
    value: str | None = s.string("5+", nullable="5+")
    read_only: bool = s.boolean("5+")
    config_source: int = s.int8("5+", default=-1)
    is_sensitive: bool = s.boolean("5+")


class CreatableTopicResult(s.Struct):
    name: str = s.string()
    topic_id: bytes = s.uuid("7+")
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+")
    topic_config_error_code: int = s.int16("5+", tag=0)
    num_partitions: int = s.int32("5+", default=-1)
    replication_factor: int = s.int16("5+", default=-1)
    configs: list[CreatableTopicConfigs] | None = s.array(
        CreatableTopicConfigs, "5+", nullable="5+", default=()
    )


class CreateTopicsResponse(s.Message, versions="2-7", flexible="5+", key=19):
    throttle_time_ms: int = s.int32()
    topics: list[CreatableTopicResult] = s.array(CreatableTopicResult)
