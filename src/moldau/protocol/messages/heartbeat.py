"""Heartbeat (API key 12)."""

from __future__ import annotations

from moldau.protocol import schema as s


class HeartbeatRequest(s.Message, versions="0-4", flexible="4+", key=12):
    group_id: str = s.string()
    generation_id: int = s.int32()
    member_id: str = s.string()
    group_instance_id: str | None = s.string("3+", nullable="3+", default=None)


class HeartbeatResponse(s.Message, versions="0-4", flexible="4+", key=12):
    throttle_time_ms: int = s.int32("1+")
    error_code: int = s.int16()
