"""Messages read field by field as Kafka's generated Java classes read them, for what `codec` finds
malformed: strings that are no UTF-8 are taken, and what is refused is refused in Java's words.

Apache Kafka: generator/…/MessageDataGenerator.java; ByteBufferAccessor.java, ByteUtils.java.
"""

from __future__ import annotations

from struct import Struct as Layout
from typing import Any, TypeVar

from moldau.protocol.codec import decode_from
from moldau.protocol.primitives import Malformed
from moldau.protocol.schema import Field, Message, Struct
from moldau.tools.java_numbers import as_int
from moldau.tools.java_text import utf8
from moldau.tools.message_json import camel

M = TypeVar("M", bound=Message)
_FIXED = {
    "bool": Layout(">?"),
    "int8": Layout(">b"),
    "int16": Layout(">h"),
    "int32": Layout(">i"),
    "int64": Layout(">q"),
    "uint16": Layout(">H"),
    "uint32": Layout(">I"),
    "float64": Layout(">d"),
    "uuid": Layout(">16s"),
}
_LONGEST_STRING = 0x7FFF


class JavaError(ValueError):
    """The text is that of Java's exception, "null" when it has none."""


def read_message(
    cls: type[M], version: int, data: bytes, offset: int = 0, *, to_end: bool = False
) -> tuple[M, int]:
    """The message and the position behind it; `to_end`: it ought to be the last thing there.

    Raises JavaError.
    """
    if cls.versions[0] <= version <= cls.versions[1]:
        try:
            message, position = decode_from(cls, version, data, offset)
            if position == len(data) or not to_end:
                return message, position
        except Malformed:
            pass
    reader = _Reader(data, offset, version, cls)
    return reader.message(cls), reader.position


class _Reader:
    def __init__(self, data: bytes, position: int, version: int, cls: type[Message]) -> None:
        self._data = data
        self.position = position
        self._version = version
        self._is_known = cls.versions[0] <= version <= cls.versions[1]
        self._flexible = cls.flexible[0] <= version <= cls.flexible[1]

    def message(self, cls: type[M]) -> M:
        """Java reads it in any version, and looks at the version only where structs are inside."""
        made: M = self._fields(cls)
        return made

    def _struct(self, cls: type[Struct]) -> Any:
        if not self._is_known:
            raise JavaError(f"Can't read version {self._version} of {cls.__name__}")
        return self._fields(cls)

    def _fields(self, cls: type[Struct]) -> Any:
        made: Any = cls()
        for field in cls.fields:
            if field.carried_in(self._version) and not field.tagged_in(self._version):
                setattr(made, field.name, self._value(field, camel(field.name)))
        if self._flexible:
            self._tagged(made)
        return made

    def _tagged(self, made: Any) -> None:
        known = {f.tag: f for f in type(made).fields if f.tagged_in(self._version)}
        for _ in range(self._uvarint()):
            tag, size = self._uvarint(), self._uvarint()
            field = known.get(tag)
            if field is None:
                self._bytes(size)
            else:
                setattr(made, field.name, self._value(field, camel(field.name)))

    def _value(self, field: Field, name: str) -> Any:
        if field.kind in _FIXED:
            return self._fixed(_FIXED[field.kind])
        if field.kind == "struct":
            return self._nested(field)
        length = self._length(field.kind)
        if length < 0:
            if field.nullable_in(self._version):
                return None
            raise JavaError(f"non-nullable field {name} was serialized as null")
        if field.kind == "array":
            return self._array(field, name, length)
        if field.kind == "string":
            if length > _LONGEST_STRING:
                raise JavaError(f"string field {name} had invalid length {length}")
            return utf8(self._bytes(length))
        return self._bytes(length)

    def _nested(self, field: Field) -> Any:
        if field.nullable_in(self._version):
            tagged = field.tagged_in(self._version)
            mark = self._uvarint() - 1 if tagged else self._fixed(_FIXED["int8"])
            if mark < 0:
                return None
        return self._struct(field.of)

    def _array(self, field: Field, name: str, length: int) -> list[Any]:
        left = len(self._data) - self.position
        if length > left:
            raise JavaError(
                f"Tried to allocate a collection of size {length}, but there are only {left} "
                "bytes remaining."
            )
        if not isinstance(field.of, str):
            return [self._struct(field.of) for _ in range(length)]
        element = Field(field.of)
        return [self._value(element, f"{name} element") for _ in range(length)]

    def _length(self, kind: str) -> int:
        if self._flexible:
            return self._uvarint() - 1
        return int(self._fixed(_FIXED["int16" if kind == "string" else "int32"]))

    def _fixed(self, layout: Layout) -> Any:
        if len(self._data) - self.position < layout.size:
            raise JavaError("null")
        (value,) = layout.unpack_from(self._data, self.position)
        self.position += layout.size
        return value

    def _bytes(self, size: int) -> bytes:
        left = len(self._data) - self.position
        if size > left:
            raise JavaError(
                f"Error reading byte array of {size} byte(s): only {left} byte(s) available"
            )
        if size < 0:
            raise JavaError(f"{size}")
        start = self.position
        self.position += size
        return self._data[start : self.position]

    def _uvarint(self) -> int:
        value, self.position = read_uvarint(self._data, self.position)
        return value


def read_uvarint(data: bytes, position: int) -> tuple[int, int]:
    """The number and the position behind it. Raises JavaError."""
    value = 0
    for shift in range(0, 35, 7):
        if position >= len(data):
            raise JavaError("null")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return as_int(value), position
    raise JavaError(
        "Varint is too long, the most significant bit in the 5th byte is set, converted value: "
        f"{value & 0xFFFFFFFF:x}"
    )
