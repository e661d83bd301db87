"""ListConfigResources (API key 74)."""

from __future__ import annotations

from moldau.protocol import schema as s


class ListConfigResourcesRequest(s.Message, versions="0-1", flexible="0+", key=74):
    resource_types: list[int] = s.array("int8", "1+")


class ConfigResource(s.Struct):
    resource_name: str = s.string()
    resource_type: int = s.int8("1+", default=16)


class ListConfigResourcesResponse(s.Message, versions="0-1", flexible="0+", key=74):
    throttle_time_ms: int = s.int32()
    error_code: int = s.int16()
    config_resources: list[ConfigResource] = s.array(ConfigResource)
