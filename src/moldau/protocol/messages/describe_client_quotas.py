"""DescribeClientQuotas (API key 48)."""

from __future__ import annotations

from moldau.protocol import schema as s


class ComponentData(s.Struct):
    entity_type: str = s.string()
    match_type: int = s.int8()
    match: str | None = s.string(nullable="0+")


class DescribeClientQuotasRequest(s.Message, versions="0-1", flexible="1+", key=48):
    components: list[ComponentData] = s.array(ComponentData)
    strict: bool = s.boolean()


class EntityData(s.Struct):
    entity_type: str = s.string()
    entity_name: str | None = s.string(nullable="0+")


class ValueData(s.Struct):
    key: str = s.string()
    value: float = s.float64()


class EntryData(s.Struct):
    entity: list[EntityData] = s.array(EntityData)
    values: list[ValueData] = s.array(ValueData)


class DescribeClientQuotasResponse(s.Message, versions="0-1", flexible="1+", key=48):
    throttle_time_ms: int = s.int32()
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+")
    entries: list[EntryData] | None = s.array(EntryData, nullable="0+")
