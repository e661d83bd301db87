"""Protobuf, of the classes that protoc makes; with a registry, in its wire format: behind the
schema's id stands which message of the file it is (as Confluent's serializers write it)."""

from __future__ import annotations

import dataclasses
from base64 import b64decode, b64encode
from typing import Any

from moldau.streams.errors import BadRecord, DefinitionError
from moldau.streams.formats.basic import Format
from moldau.streams.formats.registry import HEADER, Registry, header, id_of

_MOST_BITS = 35


@dataclasses.dataclass(frozen=True)
class Protobuf:
    """`registry`: its address; None: bytes without a header. `subject`: None: `TOPIC-value`.
    `register`=False: the schema must be there."""

    registry: str | Registry | None = None
    subject: str | None = None
    register: bool = True

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
        return _Registered(type_, registry, self.subject or f"{topic}-value", self.register)


class _Plain:
    def __init__(self, type_: Any) -> None:
        self._type = type_
        self.decode = type_.FromString

    def encode(self, value: Any) -> bytes:
        return _written(self._type, value)


class _Registered:
    def __init__(self, type_: Any, registry: Registry, subject: str, register: bool) -> None:
        self._type = type_
        self._registry = registry
        self._subject = subject
        self._registers = register
        file = type_.DESCRIPTOR.file
        others = [one.name for one in file.dependencies if not one.name.startswith("google/")]
        if others:
            raise DefinitionError(
                f"{file.name} imports {', '.join(others)}: a registry is told of one file only"
            )
        self._schema = b64encode(file.serialized_pb).decode()
        self._index = _index(type_.DESCRIPTOR)
        self._names: dict[tuple[int, tuple[int, ...]], str] = {}
        self._header: bytes | None = None

    def encode(self, value: Any) -> bytes:
        data = _written(self._type, value)
        if self._header is None:
            id = self._registry.id(
                self._subject, self._schema, "PROTOBUF", register=self._registers
            )
            self._header = header(id) + _indexes(self._index)
        return self._header + data

    def decode(self, data: bytes) -> Any:
        id = id_of(data)
        count, at = _varint(data, HEADER)
        index = [] if count else [0]
        for _ in range(count):
            number, at = _varint(data, at)
            index.append(number)
        self._check(id, tuple(index))
        return self._type.FromString(data[at:])

    def _check(self, id: int, index: tuple[int, ...]) -> None:
        """Is it our message? At another place of the file it may be, if the writer's file is in
        another order: then the registry is asked. Raises BadRecord."""
        ours = self._type.DESCRIPTOR.full_name
        if list(index) == self._index:
            return
        name = self._names.get((id, index))
        if name is None:
            name = self._names[id, index] = self._name_at(id, index)
        if name != ours:
            raise BadRecord(f"it is a {name or 'message of another schema'}, not a {ours}")

    def _name_at(self, id: int, index: tuple[int, ...]) -> str:
        """Of the message at that place of the writer's file; empty: it has none there."""
        from google.protobuf import descriptor_pb2
        from google.protobuf.message import DecodeError

        text = self._registry.schema(id, "serialized").text
        try:
            file: Any = descriptor_pb2.FileDescriptorProto.FromString(b64decode(text))
            names, messages = [file.package] if file.package else [], file.message_type
            for number in index:
                names.append(messages[number].name)
                messages = messages[number].nested_type
        except (ValueError, IndexError, DecodeError):  # a registry that has it as text only
            return ""
        return ".".join(names)


def _written(type_: Any, value: Any) -> bytes:
    """Raises TypeError: the bytes of another message would be read as one of this. A dict, as
    most verbs give, is made into one."""
    if isinstance(value, dict):
        value = type_(**value)
    if not isinstance(value, type_):
        raise TypeError(f"it takes messages of {type_.__name__}, not {type(value).__name__}")
    data: bytes = value.SerializeToString()
    return data


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
    while at < len(data) and shift < _MOST_BITS:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 and not number & 1:  # none is negative
            return number >> 1, at
    raise BadRecord("the index of its message cannot be read")
