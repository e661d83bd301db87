"""FindCoordinator (API key 10)."""

from __future__ import annotations

from moldau.protocol import schema as s


class FindCoordinatorRequest(s.Message, versions="0-6", flexible="3+", key=10):
    key: str = s.string("0-3")
    key_type: int = s.int8("1+")
    coordinator_keys: list[str] = s.array("string", "4+")


class Coordinator(s.Struct):
    key: str = s.string("4+")
    node_id: int = s.int32("4+")
    host: str = s.string("4+")
    port: int = s.int32("4+")
    error_code: int = s.int16("4+")
    error_message: str | None = s.string("4+", nullable="4+")


class FindCoordinatorResponse(s.Message, versions="0-6", flexible="3+", key=10):
    throttle_time_ms: int = s.int32("1+")
    error_code: int = s.int16("0-3")
    error_message: str | None = s.string("1-3", nullable="1-3")
    node_id: int = s.int32("0-3")
    host: str = s.string("0-3")
    port: int = s.int32("0-3")
    coordinators: list[Coordinator] = s.array(Coordinator, "4+")
