"""LeaveGroup (API key 13)."""

from __future__ import annotations

from moldau.protocol import schema as s


class MemberIdentity(s.Struct):
    member_id: str = s.string("3+")
    group_instance_id: str | None = s.string("3+", nullable="3+", default=None)
    reason: str | None = s.string("5+", nullable="5+", default=None)


class LeaveGroupRequest(s.Message, versions="0-5", flexible="4+", key=13):
    group_id: str = s.string()
    member_id: str = s.string("0-2")
    members: list[MemberIdentity] = s.array(MemberIdentity, "3+")


class MemberResponse(s.Struct):
    member_id: str = s.string("3+")
    group_instance_id: str | None = s.string("3+", nullable="3+")
    error_code: int = s.int16("3+")


class LeaveGroupResponse(s.Message, versions="0-5", flexible="4+", key=13):
    throttle_time_ms: int = s.int32("1+")
    error_code: int = s.int16()
    members: list[MemberResponse] = s.array(MemberResponse, "3+")
