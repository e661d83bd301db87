"""DescribeGroups (API key 15)."""

from __future__ import annotations

from moldau.protocol import schema as s


class DescribeGroupsRequest(s.Message, versions="0-6", flexible="5+", key=15):
    groups: list[str] = s.array("string")
    include_authorized_operations: bool = s.boolean("3+")


class DescribedGroupMember(s.Struct):
    member_id: str = s.string()
    group_instance_id: str | None = s.string("4+", nullable="4+", default=None)
    client_id: str = s.string()
    client_host: str = s.string()
    member_metadata: bytes = s.raw()
    member_assignment: bytes = s.raw()


class DescribedGroup(s.Struct):
    error_code: int = s.int16()
    error_message: str | None = s.string("6+", nullable="6+", default=None)
    group_id: str = s.string()
    group_state: str = s.string()
    protocol_type: str = s.string()
    protocol_data: str = s.string()
    members: list[DescribedGroupMember] = s.array(DescribedGroupMember)
    authorized_operations: int = s.int32("3+", default=-2147483648)


class DescribeGroupsResponse(s.Message, versions="0-6", flexible="5+", key=15):
    throttle_time_ms: int = s.int32("1+")
    groups: list[DescribedGroup] = s.array(DescribedGroup)
