"""UpdateFeatures (API key 57)."""

from __future__ import annotations

from moldau.protocol import schema as s


class FeatureUpdateKey(s.Struct):
    feature: str = s.string()
    max_version_level: int = s.int16()
    allow_downgrade: bool = s.boolean("0")
    upgrade_type: int = s.int8("1+", default=1)


class UpdateFeaturesRequest(s.Message, versions="0-2", flexible="0+", key=57):
    timeout_ms: int = s.int32(default=60000)
    feature_updates: list[FeatureUpdateKey] = s.array(FeatureUpdateKey)
    validate_only: bool = s.boolean("1+")


class UpdatableFeatureResult(s.Struct):
    feature: str = s.string()
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+")


class UpdateFeaturesResponse(s.Message, versions="0-2", flexible="0+", key=57):
    throttle_time_ms: int = s.int32()
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+")
    results: list[UpdatableFeatureResult] = s.array(UpdatableFeatureResult, "0-1")
