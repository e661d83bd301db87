"""Java's deserializers, by class name, for printing: bytes in, the text of Java's toString out."""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable, Mapping

from moldau.tools.java_numbers import double, single
from moldau.tools.java_text import utf8

Deserializer = Callable[[bytes], str]
_PACKAGE = "org.apache.kafka.common.serialization."


class CannotDeserialize(ValueError):
    """The bytes do not fit the type; the text is Java's."""


def find(class_name: str, properties: Mapping[str, str], is_key: bool) -> Deserializer | None:
    """None for a class that is not one of Kafka's own, or cannot be configured so."""
    if not class_name.startswith(_PACKAGE):
        return None
    name = class_name.removeprefix(_PACKAGE)
    if name == "StringDeserializer":
        side = "key" if is_key else "value"
        encoding = properties.get(f"{side}.deserializer.encoding") or properties.get(
            "deserializer.encoding", "utf-8"
        )
        return _string(encoding)
    return _BY_NAME.get(name)


def _string(encoding: str) -> Deserializer | None:
    """None for an encoding that nobody knows."""
    if encoding.lower() in ("utf-8", "utf8"):
        return utf8
    # Java's UTF-16 is big-endian where nothing says otherwise.
    python = "utf-16-be" if encoding.lower() in ("utf-16", "utf16") else encoding
    try:
        codecs.lookup(python)
    except LookupError:
        return None
    return lambda data: data.decode("utf-16" if _says_order(python, data) else python, "replace")


def _says_order(python: str, data: bytes) -> bool:
    return python == "utf-16-be" and data[:2] in (b"\xfe\xff", b"\xff\xfe")


def _number(name: str, layout: str, show: Callable[..., str] = str) -> Deserializer:
    size = struct.calcsize(layout)

    def read(data: bytes) -> str:
        if len(data) != size:
            raise CannotDeserialize(f"Size of data received by {name} is not {size}")
        return show(*struct.unpack(layout, data))

    return read


def _boolean(data: bytes) -> str:
    if len(data) != 1:
        raise CannotDeserialize("Size of data received by BooleanDeserializer is not 1")
    if data[0] > 1:
        raise CannotDeserialize(f"Unexpected byte received by BooleanDeserializer: {data[0]}")
    return "true" if data[0] else "false"


def _uuid(data: bytes) -> str:
    import uuid

    text = data.decode("utf-8", "replace")
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise CannotDeserialize(f"Error parsing data into UUID: {text}") from None


def _void(_: bytes) -> str:
    raise CannotDeserialize("Data should be null for a VoidDeserializer.")


def _bytes(data: bytes) -> str:
    """Java: org.apache.kafka.common.utils.Bytes."""
    return "".join(chr(b) if 32 <= b < 127 and b != 92 else f"\\x{b:02X}" for b in data)


def _byte_buffer(data: bytes) -> str:
    return f"java.nio.HeapByteBuffer[pos=0 lim={len(data)} cap={len(data)}]"


def byte_array(data: bytes) -> str:
    """Java shows an array by its address, which says nothing."""
    return f"[B@{id(data) & 0xFFFFFFFF:x}"


_BY_NAME: dict[str, Deserializer] = {
    "LongDeserializer": _number("LongDeserializer", ">q"),
    "IntegerDeserializer": _number("IntegerDeserializer", ">i"),
    "ShortDeserializer": _number("ShortDeserializer", ">h"),
    "DoubleDeserializer": _number("Deserializer", ">d", double),
    "FloatDeserializer": _number("Deserializer", ">f", single),
    "BooleanDeserializer": _boolean,
    "UUIDDeserializer": _uuid,
    "VoidDeserializer": _void,
    "BytesDeserializer": _bytes,
    "ByteArrayDeserializer": byte_array,
    "ByteBufferDeserializer": _byte_buffer,
}
