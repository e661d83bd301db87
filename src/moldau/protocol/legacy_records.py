"""Records of the formats v0 and v1, which Kafka 0.7 to 0.10 wrote: only read, for old segments.

A batch is one record with its offset in front, or a record whose value is a compressed set of
records. Source: Apache Kafka, clients/…/record/internal/AbstractLegacyRecordBatch.java,
LegacyRecord.java.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct, error
from typing import NamedTuple
from zlib import crc32

from moldau.protocol.compression import DECOMPRESSED_LIMIT, Buffer, CorruptCompression, decompress
from moldau.protocol.records import LOG_APPEND_TIME, LOG_OVERHEAD, NO_TIMESTAMP, CorruptBatch

_FRONT = Struct(">qiIbB")  # offset, length, crc, magic, attributes
_TIMESTAMP = Struct(">q")
_SIZE = Struct(">i")
_CRC_FROM = 16
_CODEC_MASK = 0x07


class LegacyHeader(NamedTuple):
    """What stands before key and value. `timestamp` is -1 in format v0."""

    offset: int
    magic: int
    attributes: int
    crc: int
    is_valid: bool
    timestamp: int

    @property
    def codec(self) -> int:
        return self.attributes & _CODEC_MASK

    @property
    def timestamp_type(self) -> int | None:
        """0 CreateTime, 1 LogAppendTime, None in format v0."""
        return None if self.magic == 0 else (self.attributes & LOG_APPEND_TIME) >> 3


class LegacyRecord(NamedTuple):
    """A record, or the wrapper of a compressed set."""

    header: LegacyHeader
    key: bytes | None
    value: bytes | None


def parse_legacy_header(batch: Buffer) -> LegacyHeader:
    """Raises CorruptBatch."""
    view = memoryview(batch)
    try:
        offset, _, crc, magic, attributes = _FRONT.unpack_from(view)
        if magic not in (0, 1):
            raise CorruptBatch(f"magic {magic} is none of an old format: 0 and 1 are")
        timestamp = _TIMESTAMP.unpack_from(view, _FRONT.size)[0] if magic else NO_TIMESTAMP
    except error:
        raise CorruptBatch(f"{len(view)} bytes are no record of an old format") from None
    is_valid = crc == crc32(view[_CRC_FROM:])
    return LegacyHeader(offset, magic, attributes, crc, is_valid, timestamp)


def _parse(batch: Buffer) -> LegacyRecord:
    """One record, or wrapper, with its offset and length. Raises CorruptBatch."""
    view = memoryview(batch)
    header = parse_legacy_header(view)
    position = _FRONT.size + (_TIMESTAMP.size if header.magic else 0)
    try:
        key, position = _field(view, position)
        value, _ = _field(view, position)
    except (error, ValueError) as wrong:
        raise CorruptBatch(f"the record at offset {header.offset} is damaged: {wrong}") from None
    return LegacyRecord(header, key, value)


def _field(view: memoryview, position: int) -> tuple[bytes | None, int]:
    (size,) = _SIZE.unpack_from(view, position)
    position += _SIZE.size
    if size < 0:
        return None, position
    if size > len(view) - position:
        raise ValueError(f"a field of {size} bytes where {len(view) - position} are left")
    return bytes(view[position : position + size]), position + size


def iterate_legacy(batch: Buffer, limit: int = DECOMPRESSED_LIMIT) -> Iterator[LegacyRecord]:
    """The records of a batch, decompressed, with their own offsets and timestamps.

    Raises CorruptBatch, and TooLargeDecompressed beyond the limit.
    """
    outer = _parse(batch)
    header = outer.header
    if not header.codec:
        yield outer
        return
    if outer.value is None:
        raise CorruptBatch(f"the compressed set of records at offset {header.offset} is null")
    try:
        plain = bytes(decompress(header.codec, outer.value, limit))
    except CorruptCompression as wrong:
        raise CorruptBatch(f"the batch at offset {header.offset}: {wrong}") from None
    inner = [_parse(piece) for piece in _entries(plain)]
    if not inner or any(r.header.magic != header.magic or r.header.codec for r in inner):
        raise CorruptBatch("a compressed set holds no records, or such of another kind")
    # In v1 the offsets inside count from 0, and the wrapper has the last one's.
    is_relative = header.magic == 1 and header.offset > 0
    base = header.offset - inner[-1].header.offset if is_relative else 0
    if base < 0:
        raise CorruptBatch(f"the offsets in the set at offset {header.offset} are beyond its own")
    for record in inner:
        own = record.header
        timestamp = header.timestamp if header.timestamp_type == 1 else own.timestamp
        yield record._replace(header=own._replace(offset=own.offset + base, timestamp=timestamp))


def _entries(plain: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(plain):
        if len(plain) - position < LOG_OVERHEAD:
            raise CorruptBatch("a compressed set of records ends in the middle of one")
        end = position + LOG_OVERHEAD + _SIZE.unpack_from(plain, position + 8)[0]
        if not position < end <= len(plain):
            raise CorruptBatch("a compressed set of records ends in the middle of one")
        yield plain[position:end]
        position = end
