"""ListPartitionReassignments (API key 46)."""

from __future__ import annotations

from moldau.protocol import schema as s


class ListPartitionReassignmentsTopics(s.Struct):
    name: str = s.string()
    partition_indexes: list[int] = s.array("int32")


class ListPartitionReassignmentsRequest(s.Message, versions="0", flexible="0+", key=46):
    timeout_ms: int = s.int32(default=60000)
    topics: list[ListPartitionReassignmentsTopics] | None = s.array(
        ListPartitionReassignmentsTopics, nullable="0+"
    )


class OngoingPartitionReassignment(s.Struct):
    partition_index: int = s.int32()
    replicas: list[int] = s.array("int32")
    adding_replicas: list[int] = s.array("int32")
    removing_replicas: list[int] = s.array("int32")


class OngoingTopicReassignment(s.Struct):
    name: str = s.string()
    partitions: list[OngoingPartitionReassignment] = s.array(OngoingPartitionReassignment)


class ListPartitionReassignmentsResponse(s.Message, versions="0", flexible="0+", key=46):
    throttle_time_ms: int = s.int32()
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+")
    topics: list[OngoingTopicReassignment] = s.array(OngoingTopicReassignment)
