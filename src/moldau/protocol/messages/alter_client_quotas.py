"""AlterClientQuotas (API key 49)."""

from __future__ import annotations

from moldau.protocol import schema as s


class EntityData(s.Struct):
    entity_type: str = s.string()
    entity_name: str | None = s.string(nullable="0+")


class OpData(s.Struct):
    key: str = s.string()
    value: float = s.float64()
    remove: bool = s.boolean()


class EntryData(s.Struct):
    entity: list[EntityData] = s.array(EntityData)
    ops: list[OpData] = s.array(OpData)


class AlterClientQuotasRequest(s.Message, versions="0-1", flexible="1+", key=49):
    entries: list[EntryData] = s.array(EntryData)
    validate_only: bool = s.boolean()


class AlteredEntry(s.Struct):
    error_code: int = s.int16()
    error_message: str | None = s.string(nullable="0+")
    entity: list[EntityData] = s.array(EntityData)


class AlterClientQuotasResponse(s.Message, versions="0-1", flexible="1+", key=49):
    throttle_time_ms: int = s.int32()
    entries: list[AlteredEntry] = s.array(AlteredEntry)
