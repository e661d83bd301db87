"""Where a key lies: as Java's producer puts it (murmur2; Apache Kafka, Utils.murmur2), or as
librdkafka does unless it is told otherwise (CRC32, "consistent_random")."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from zlib import crc32

from moldau.streams.program import Partitioner

_MASK = 0xFFFFFFFF


@lru_cache(maxsize=1 << 16)
def murmur2(data: bytes) -> int:
    """32 bits, without sign."""
    m, length = 0x5BD1E995, len(data)
    h = (0x9747B28C ^ length) & _MASK
    for i in range(0, length - length % 4, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & _MASK
        k = (k ^ (k >> 24)) * m & _MASK
        h = (h * m & _MASK) ^ k
    rest = data[length - length % 4 :]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & _MASK
    h = (h ^ (h >> 13)) * m & _MASK
    return h ^ (h >> 15)


def partition_of(key: bytes, partitions: int) -> int:
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def _as_librdkafka(key: bytes, partitions: int) -> int:
    return crc32(key) % partitions


PLACES: dict[Partitioner, Callable[[bytes, int], int]] = {
    "murmur2": partition_of,
    "crc32": _as_librdkafka,
}
