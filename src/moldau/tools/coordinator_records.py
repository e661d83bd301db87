"""Records of `__consumer_offsets` as JSON, as Kafka's two formatters for them write it: one object
behind the other, with nothing between."""

from __future__ import annotations

from typing import Any, BinaryIO

from moldau.protocol.codec import decode
from moldau.protocol.messages import consumer_offsets as records
from moldau.protocol.schema import Field, Message, Struct
from moldau.protocol.uuids import to_text
from moldau.tools.formatters import Record

_OFFSETS: dict[int, tuple[type[Message], type[Message]]] = {
    0: (records.LegacyOffsetCommitKey, records.LegacyOffsetCommitValue),
    1: (records.OffsetCommitKey, records.OffsetCommitValue),
}
_GROUPS: dict[int, tuple[type[Message], type[Message]]] = {
    2: (records.GroupMetadataKey, records.GroupMetadataValue),
}


class CoordinatorFormatter:
    """Shows commits of offsets, or the metadata of groups; all other records print nothing."""

    def __init__(self, offsets: bool) -> None:
        self._shown = _OFFSETS if offsets else _GROUPS

    def write(self, record: Record, out: BinaryIO) -> None:
        if record.key is None or len(record.key) < 2:
            return
        kind = int.from_bytes(record.key[:2], "big")
        if kind not in self._shown:
            return
        key_class, value_class = self._shown[kind]
        key = decode(key_class, 0, record.key, 2)
        shown = {"key": {"type": kind, "data": as_json(key, 0)}, "value": None}
        if record.value is not None:
            version = int.from_bytes(record.value[:2], "big")
            value = decode(value_class, version, record.value, 2)
            shown["value"] = {"version": version, "data": as_json(value, version)}
        out.write(_dumps(shown))


def _dumps(value: object) -> bytes:
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def as_json(struct: Struct, version: int) -> dict[str, Any]:
    """Kafka's own form: camelCase, uuids and bytes as text, tagged fields only if not default."""
    fields = type(struct).fields
    return {
        _camel(field.name): _value(field, getattr(struct, field.name), version)
        for field in fields
        if field.carried_in(version)
        and not (field.tagged_in(version) and getattr(struct, field.name) == field.default)
    }


def _value(field: Field, value: Any, version: int) -> Any:
    if isinstance(value, Struct):
        return as_json(value, version)
    if isinstance(value, list):
        return [as_json(item, version) if isinstance(item, Struct) else item for item in value]
    if field.kind == "uuid":
        return to_text(value)
    if field.kind == "bytes" and value is not None:
        from binascii import b2a_base64

        return b2a_base64(bytes(value), newline=False).decode()
    return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
