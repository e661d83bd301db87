"""ConsumerGroupDescribe (API key 69, KIP-848)."""

from __future__ import annotations

from moldau.protocol import schema as s


class ConsumerGroupDescribeRequest(s.Message, versions="0-1", flexible="0+", key=69):
    group_ids: list[str] = s.array("string")
    include_authorized_operations: bool = s.boolean()


class TopicPartitions(s.Struct):
    topic_id: bytes = s.uuid()
    topic_name: str = s.string()
    partitions: list[int] = s.array("int32")


class Assignment(s.Struct):
    topic_partitions: list[TopicPartitions] = s.array(TopicPartitions)


class Member(s.Struct):
    member_id: str = s.string()
    instance_id: str | None = s.string(nullable="0+", default=None)
    rack_id: str | None = s.string(nullable="0+", default=None)
    member_epoch: int = s.int32()
    client_id: str = s.string()
    client_host: str = s.string()
    subscribed_topic_names: list[str] = s.array("string")
    subscribed_topic_regex: str | None = s.string(nullable="0+", default=None)
    assignment: Assignment = s.struct(Assignment)
    target_assignment: Assignment = s.struct(Assignment)
    member_type: int = s.int8("1+", default=-1)


class DescribedGroup(s.Struct):
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+", default=None)
    group_id: str = s.string()
    group_state: str = s.string()
    group_epoch: int = s.int32()
    assignment_epoch: int = s.int32()
    assignor_name: str = s.string()
    members: list[Member] = s.array(Member)
    authorized_operations: int = s.int32(default=-2147483648)


class ConsumerGroupDescribeResponse(s.Message, versions="0-1", flexible="0+", key=69):
    throttle_time_ms: int = s.int32()
    groups: list[DescribedGroup] = s.array(DescribedGroup)
