"""JoinGroup (API key 11)."""

from __future__ import annotations

from moldau.protocol import schema as s


class JoinGroupRequestProtocol(s.Struct):
    name: str = s.string()
    metadata: bytes = s.raw()


class JoinGroupRequest(s.Message, versions="0-9", flexible="6+", key=11):
    group_id: str = s.string()
    session_timeout_ms: int = s.int32()
    rebalance_timeout_ms: int = s.int32("1+", default=-1)
    member_id: str = s.string()
    group_instance_id: str | None = s.string("5+", nullable="5+", default=None)
    protocol_type: str = s.string()
    protocols: list[JoinGroupRequestProtocol] = s.array(JoinGroupRequestProtocol)
    reason: str | None = s.string("8+", nullable="8+", default=None)


class JoinGroupResponseMember(s.Struct):
    member_id: str = s.string()
    group_instance_id: str | None = s.string("5+", nullable="5+", default=None)
    metadata: bytes = s.raw()


class JoinGroupResponse(s.Message, versions="0-9", flexible="6+", key=11):
    throttle_time_ms: int = s.int32("2+")
    error_code: int = s.int16()
    generation_id: int = s.int32(default=-1)
    protocol_type: str | None = s.string("7+", nullable="7+", default=None)
    protocol_name: str | None = s.string(nullable="7+")
    leader: str = s.string()
    skip_assignment: bool = s.boolean("9+")
    member_id: str = s.string()
    members: list[JoinGroupResponseMember] = s.array(JoinGroupResponseMember)
