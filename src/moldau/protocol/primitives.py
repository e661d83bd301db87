"""Variable-length integers (KIP-482, protobuf style) and what a malformed buffer raises."""

from __future__ import annotations


class Malformed(ValueError):
    """The bytes are not what the schema says. The text names the message and the place."""


def uvarint(value: int) -> bytes:
    """An unsigned varint; up to 127 it is one byte."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def more_uvarint(
    buffer: bytes | bytearray | memoryview, position: int, first: int
) -> tuple[int, int]:
    """The rest of an unsigned varint of up to five bytes whose first byte has been read."""
    value = first & 0x7F
    shift = 7
    while True:
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value > 0xFFFFFFFF:
                raise Malformed("a varint does not fit in 32 bits")
            return value, position
        shift += 7
        if shift > 28:
            raise Malformed("a varint is longer than five bytes")


def read_uvarint(buffer: bytes | bytearray | memoryview, position: int) -> tuple[int, int]:
    first = buffer[position]
    if first < 0x80:
        return first, position + 1
    return more_uvarint(buffer, position + 1, first)
