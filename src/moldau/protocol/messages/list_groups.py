"""ListGroups (API key 16)."""

from __future__ import annotations

from moldau.protocol import schema as s


class ListGroupsRequest(s.Message, versions="0-5", flexible="3+", key=16):
    states_filter: list[str] = s.array("string", "4+")
    types_filter: list[str] = s.array("string", "5+")


class ListedGroup(s.Struct):
    group_id: str = s.string()
    protocol_type: str = s.string()
    group_state: str = s.string("4+")
    group_type: str = s.string("5+")


class ListGroupsResponse(s.Message, versions="0-5", flexible="3+", key=16):
    throttle_time_ms: int = s.int32("1+")
    error_code: int = s.int16()
    groups: list[ListedGroup] = s.array(ListedGroup)
