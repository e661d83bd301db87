"""Records of `__consumer_offsets` as JSON, as Kafka's two formatters for them write it: one object
behind the other, with nothing between."""

from __future__ import annotations

from typing import BinaryIO

from moldau.protocol.codec import decode
from moldau.protocol.messages import consumer_offsets as records
from moldau.protocol.schema import Message
from moldau.tools.formatters import Record
from moldau.tools.message_json import as_json, dumps

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
        out.write(dumps(shown).encode())
