"""DescribeConfigs (API key 32)."""

from __future__ import annotations

from moldau.protocol import schema as s


class DescribeConfigsResource(s.Struct):
    resource_type: int = s.int8()
    resource_name: str = s.string()
    configuration_keys: list[str] | None = s.array("string", nullable="0+", default=())


class DescribeConfigsRequest(s.Message, versions="1-4", flexible="4+", key=32):
    resources: list[DescribeConfigsResource] = s.array(DescribeConfigsResource)
    include_synonyms: bool = s.boolean()
    include_documentation: bool = s.boolean("3+")


class DescribeConfigsSynonym(s.Struct):
    name: str = s.string()
    value: str | None = s.string(nullable="0+")
    source: int = s.int8()


class DescribeConfigsResourceResult(s.Struct):
    name: str = s.string()
    value: str | None = s.string(nullable="0+")
    read_only: bool = s.boolean()
    config_source: int = s.int8(default=-1)
    is_sensitive: bool = s.boolean()
    synonyms: list[DescribeConfigsSynonym] = s.array(DescribeConfigsSynonym)
    config_type: int = s.int8("3+")
    documentation: str | None = s.string("3+", nullable="0+")


class DescribeConfigsResult(s.Struct):
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+")
    resource_type: int = s.int8()
    resource_name: str = s.string()
    configs: list[DescribeConfigsResourceResult] = s.array(DescribeConfigsResourceResult)


class DescribeConfigsResponse(s.Message, versions="1-4", flexible="4+", key=32):
    throttle_time_ms: int = s.int32()
    results: list[DescribeConfigsResult] = s.array(DescribeConfigsResult)
