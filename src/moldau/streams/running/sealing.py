"""Values with a checksum before them: SQLite does not notice a byte that the disk has changed."""

from __future__ import annotations

from zlib import crc32

SEAL_WIDTH = 4


def sealed(key: bytes, value: bytes) -> bytes:
    return crc32(value, crc32(key)).to_bytes(SEAL_WIDTH, "big") + value


def unsealed(key: bytes, data: bytes) -> bytes | None:
    """None: it is not what was sealed."""
    value = data[SEAL_WIDTH:]
    return value if sealed(key, value) == data else None
