"""CreatePartitions (API key 37)."""

from __future__ import annotations

from moldau.protocol import schema as s


class CreatePartitionsAssignment(s.Struct):
    broker_ids: list[int] = s.array("int32")


class CreatePartitionsTopic(s.Struct):
    name: str = s.string()
    count: int = s.int32()
    assignments: list[CreatePartitionsAssignment] | None = s.array(
        CreatePartitionsAssignment, nullable="0+", default=()
    )


class CreatePartitionsRequest(s.Message, versions="0-3", flexible="2+", key=37):
    topics: list[CreatePartitionsTopic] = s.array(CreatePartitionsTopic)
    timeout_ms: int = s.int32()
    validate_only: bool = s.boolean()


class CreatePartitionsTopicResult(s.Struct):
    name: str = s.string()
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+", default=None)


class CreatePartitionsResponse(s.Message, versions="0-3", flexible="2+", key=37):
    throttle_time_ms: int = s.int32()
    results: list[CreatePartitionsTopicResult] = s.array(CreatePartitionsTopicResult)
