"""ApiVersions (API key 18)."""

from __future__ import annotations

from moldau.protocol import schema as s


class ApiVersionsRequest(s.Message, versions="0-4", flexible="3+", key=18):
    client_software_name: str = s.string("3+")
    client_software_version: str = s.string("3+")


class ApiVersion(s.Struct):
    api_key: int = s.int16()
    min_version: int = s.int16()
    max_version: int = s.int16()


class SupportedFeatureKey(s.Struct):
    name: str = s.string("3+")
    min_version: int = s.int16("3+")
    max_version: int = s.int16("3+")


class FinalizedFeatureKey(s.Struct):
    name: str = s.string("3+")
    max_version_level: int = s.int16("3+")
    min_version_level: int = s.int16("3+")


class ApiVersionsResponse(s.Message, versions="0-4", flexible="3+", key=18):
    error_code: int = s.int16()
    api_keys: list[ApiVersion] = s.array(ApiVersion)
    throttle_time_ms: int = s.int32("1+")
    supported_features: list[SupportedFeatureKey] = s.array(SupportedFeatureKey, "3+", tag=0)
    finalized_features_epoch: int = s.int64("3+", tag=1, default=-1)
    finalized_features: list[FinalizedFeatureKey] = s.array(FinalizedFeatureKey, "3+", tag=2)
    zk_migration_ready: bool = s.boolean("3+", tag=3)
