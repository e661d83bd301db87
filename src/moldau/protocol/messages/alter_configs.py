"""AlterConfigs (API key 33)."""

from __future__ import annotations

from moldau.protocol import schema as s


class AlterableConfig(s.Struct):
    name: str = s.string()
    value: str | None = s.string(nullable="0+")


class AlterConfigsResource(s.Struct):
    resource_type: int = s.int8()
    resource_name: str = s.string()
    configs: list[AlterableConfig] = s.array(AlterableConfig)


class AlterConfigsRequest(s.Message, versions="0-2", flexible="2+", key=33):
    resources: list[AlterConfigsResource] = s.array(AlterConfigsResource)
    validate_only: bool = s.boolean()


class AlterConfigsResourceResponse(s.Struct):
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+")
    resource_type: int = s.int8()
    resource_name: str = s.string()


class AlterConfigsResponse(s.Message, versions="0-2", flexible="2+", key=33):
    throttle_time_ms: int = s.int32()
    responses: list[AlterConfigsResourceResponse] = s.array(AlterConfigsResourceResponse)
