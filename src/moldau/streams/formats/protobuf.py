"""Protobuf, of the classes that protoc makes; with a registry, in its wire format: behind the
schema's id stands which message of the file it is (as Confluent's serializers write it)."""

from __future__ import annotations

import dataclasses
from base64 import b64encode
from typing import Any

from moldau.streams.errors import BadRecord, DefinitionError
from moldau.streams.formats.basic import Format
from moldau.streams.formats.registry import HEADER, Registry, header, id_of


@dataclasses.dataclass(frozen=True)
class Protobuf:
    """`registry`: its address; None: bytes without a header. `subject`: None: `TOPIC-value`."""

    registry: str | Registry | None = None
    subject: str | None = None

    def of(self, type_: Any, topic: str) -> Format:
        """Raises DefinitionError."""
        if not hasattr(type_, "FromString"):
            raise DefinitionError(
                f"topic {topic!r}: format 'protobuf' needs a class that protoc has made, "
                f"not {type_!r}"
            )
        if self.registry is None:
            return _Plain(type_)
        registry = Registry(self.registry) if isinstance(self.registry, str) else self.registry
        return _Registered(type_, registry, self.subject or f"{topic}-value")


class _Plain:
    def __init__(self, type_: Any) -> None:
        self.decode = type_.FromString

    def encode(self, value: Any) -> bytes:
        data: bytes = value.SerializeToString()
        return data


class _Registered:
    def __init__(self, type_: Any, registry: Registry, subject: str) -> None:
        self._read = type_.FromString
        self._registry = registry
        self._subject = subject
        file = type_.DESCRIPTOR.file
        others = [one.name for one in file.dependencies if not one.name.startswith("google/")]
        if others:
            raise DefinitionError(
                f"{file.name} imports {', '.join(others)}: a registry is told of one file only"
            )
        self._schema = b64encode(file.serialized_pb).decode()
        self._index = _index(type_.DESCRIPTOR)
        self._header: bytes | None = None

    def encode(self, value: Any) -> bytes:
        if self._header is None:
            id = self._registry.register(self._subject, self._schema, "PROTOBUF")
            self._header = header(id) + _indexes(self._index)
        data: bytes = value.SerializeToString()
        return self._header + data

    def decode(self, data: bytes) -> Any:
        id_of(data)
        count, at = _varint(data, HEADER)
        for _ in range(count):
            _, at = _varint(data, at)
        return self._read(data[at:])


def _index(descriptor: Any) -> list[int]:
    """Where the message stands in its file, from the outside in."""
    outer = descriptor.containing_type
    if outer is None:
        return [list(descriptor.file.message_types_by_name.values()).index(descriptor)]
    return [*_index(outer), list(outer.nested_types).index(descriptor)]


def _indexes(index: list[int]) -> bytes:
    """The first message of a file, which most are, is one zero byte."""
    if index == [0]:
        return b"\0"
    return b"".join(map(_zigzag, [len(index), *index]))


def _zigzag(number: int) -> bytes:
    number <<= 1  # none is negative
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number there, and where the next begins. Raises BadRecord."""
    number = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number >> 1, at
    raise BadRecord("it ends within the index of its message")
