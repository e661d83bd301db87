"""DeleteGroups (API key 42)."""

from __future__ import annotations

from moldau.protocol import schema as s


class DeleteGroupsRequest(s.Message, versions="0-2", flexible="2+", key=42):
    groups_names: list[str] = s.array("string")


class DeletableGroupResult(s.Struct):
    group_id: str = s.string()
    error_code: int = s.int16()


class DeleteGroupsResponse(s.Message, versions="0-2", flexible="2+", key=42):
    throttle_time_ms: int = s.int32()
    results: list[DeletableGroupResult] = s.array(DeletableGroupResult)
