"""What members of a classic consumer group tell each other (opaque to the coordinator)."""

from __future__ import annotations

from moldau.protocol import schema as s


class TopicPartition(s.Struct):
    topic: str = s.string("1+")
    partitions: list[int] = s.array("int32", "1+")


class ConsumerProtocolSubscription(s.Message, versions="0-3"):
    topics: list[str] = s.array("string")
    user_data: bytes | None = s.raw(nullable="0+", default=None)
    owned_partitions: list[TopicPartition] = s.array(TopicPartition, "1+")
    generation_id: int = s.int32("2+", default=-1)
    rack_id: str | None = s.string("3+", nullable="3+", default=None)


class ConsumerProtocolAssignmentTopicPartition(s.Struct):
    topic: str = s.string()
    partitions: list[int] = s.array("int32")


class ConsumerProtocolAssignment(s.Message, versions="0-3"):
    assigned_partitions: list[ConsumerProtocolAssignmentTopicPartition] = s.array(
        ConsumerProtocolAssignmentTopicPartition
    )
    user_data: bytes | None = s.raw(nullable="0+", default=None)
