"""SyncGroup (API key 14)."""

from __future__ import annotations

from moldau.protocol import schema as s


class SyncGroupRequestAssignment(s.Struct):
    member_id: str = s.string()
    assignment: bytes = s.raw()


class SyncGroupRequest(s.Message, versions="0-5", flexible="4+", key=14):
    group_id: str = s.string()
    generation_id: int = s.int32()
    member_id: str = s.string()
    group_instance_id: str | None = s.string("3+", nullable="3+", default=None)
    protocol_type: str | None = s.string("5+", nullable="5+", default=None)
    protocol_name: str | None = s.string("5+", nullable="5+", default=None)
    assignments: list[SyncGroupRequestAssignment] = s.array(SyncGroupRequestAssignment)


class SyncGroupResponse(s.Message, versions="0-5", flexible="4+", key=14):
    throttle_time_ms: int = s.int32("1+")
    error_code: int = s.int16()
    protocol_type: str | None = s.string("5+", nullable="5+", default=None)
    protocol_name: str | None = s.string("5+", nullable="5+", default=None)
    assignment: bytes = s.raw()
