"""Record batches, format v2: the same bytes on the wire and in a segment.

Layout: Apache Kafka, common/record/internal/DefaultRecordBatch.java and DefaultRecord.java.
The CRC-32C covers everything from the attributes on, so base offset and leader epoch can be
patched without computing it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from moldau.protocol.compression import (
    DECOMPRESSED_LIMIT,
    Buffer,
    CorruptCompression,
    compress,
    decompress,
)
from moldau.protocol.crc import crc32c

HEADER = Struct(">qiibIhiqqqhii")
HEADER_SIZE = 61
LOG_OVERHEAD = 12  # base offset and batch length: what the batch length does not count
MAGIC_OFFSET = 16
CRC_OFFSET = 17
ATTRIBUTES_OFFSET = 21  # the CRC covers the batch from here on
MAGIC = 2

CODEC_MASK = 0x07
LOG_APPEND_TIME = 0x08
TRANSACTIONAL = 0x10
CONTROL = 0x20
DELETE_HORIZON = 0x40  # compaction has put one in the place of the base timestamp

NO_TIMESTAMP = -1
NO_PRODUCER = -1

_FROM_ATTRIBUTES = Struct(">hiqqqhii")
_BEFORE_ATTRIBUTES = Struct(">qiibI")
_EMPTY: tuple[tuple[str, bytes | None], ...] = ()
_new = tuple.__new__  # what a NamedTuple calls in the end


class CorruptBatch(ValueError):
    """The bytes are not a record batch. The text says what is wrong, and where."""


class BatchHeader(NamedTuple):
    base_offset: int
    batch_length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    count: int  # type: ignore[assignment]  # Kafka's name; tuple.count is of no use here

    @property
    def size(self) -> int:
        """Bytes of the whole batch."""
        return self.batch_length + LOG_OVERHEAD

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.last_offset_delta

    @property
    def next_offset(self) -> int:
        return self.base_offset + self.last_offset_delta + 1

    @property
    def last_sequence(self) -> int:
        return last_sequence(self.base_sequence, self.last_offset_delta)

    @property
    def codec(self) -> int:
        return self.attributes & CODEC_MASK

    @property
    def timestamp_type(self) -> int:
        """0 CreateTime, 1 LogAppendTime."""
        return (self.attributes & LOG_APPEND_TIME) >> 3

    @property
    def is_transactional(self) -> bool:
        return bool(self.attributes & TRANSACTIONAL)

    @property
    def is_control(self) -> bool:
        return bool(self.attributes & CONTROL)


class Record(NamedTuple):
    """The name of a header that is no UTF-8 holds its bytes as Python's surrogate escapes."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = _EMPTY


def last_sequence(base_sequence: int, last_offset_delta: int) -> int:
    """Sequence numbers wrap from 2^31 - 1 to 0."""
    if base_sequence < 0:
        return -1
    return (base_sequence + last_offset_delta) & 0x7FFFFFFF


def parse_header(buffer: Buffer, position: int = 0) -> BatchHeader:
    """The header at `position`. Raises CorruptBatch when it is cut short or not of format v2."""
    if len(buffer) - position < HEADER_SIZE:
        raise CorruptBatch(
            f"{len(buffer) - position} bytes at position {position} are no batch header"
            f" (it has {HEADER_SIZE})"
        )
    header = BatchHeader._make(HEADER.unpack_from(buffer, position))
    if header.magic != MAGIC:
        raise CorruptBatch(f"magic {header.magic} at position {position}; only 2 is supported")
    if header.batch_length < HEADER_SIZE - LOG_OVERHEAD:
        raise CorruptBatch(
            f"batch length {header.batch_length} at position {position} is less than a header"
        )
    return header


def check_crc(batch: Buffer) -> bool:
    """Does the checksum of exactly this one batch hold? (It must be at least a header long.)"""
    view = memoryview(batch)
    stored = int.from_bytes(view[CRC_OFFSET:ATTRIBUTES_OFFSET], "big")
    return bool(crc32c(view[ATTRIBUTES_OFFSET:]) == stored)


def iterate(batch: Buffer, limit: int = DECOMPRESSED_LIMIT) -> Iterator[Record]:
    """The records of one batch, decompressed, at most `limit` bytes of them.

    Raises CorruptBatch on anything malformed and TooLargeDecompressed beyond the limit. In a
    LogAppendTime batch every record carries the batch's max timestamp, as Kafka reads it.
    """
    header = parse_header(batch)
    if header.size > len(batch):
        raise CorruptBatch(f"the batch says {header.size} bytes where {len(batch)} are there")
    plain = open_payload(header, batch, limit)
    position, last = 0, header.count - 1
    if last < 0 and plain:
        raise CorruptBatch(f"the batch at offset {header.base_offset} says that it has no records")
    for index in range(header.count):
        try:
            record, position = _read_simple(header, plain, position) or _read_record(
                header, plain, position
            )
        except IndexError as error:
            raise CorruptBatch(
                f"record {index} of the batch at offset {header.base_offset} is damaged: {error}"
            ) from None
        if index == last and position != len(plain):
            raise CorruptBatch(
                f"the batch at offset {header.base_offset} says {header.count} records"
                f" and has {len(plain) - position} bytes after them"
            )
        yield record


def _read_simple(header: BatchHeader, buffer: bytes, position: int) -> tuple[Record, int] | None:
    """A record as most are: no headers, and every number small. None: read it the long way.

    Twice as fast, which is felt when a broker replays millions of commits at its start.
    """
    length = buffer[position]
    start = position + 1
    if length > 0x7F:
        length = length & 0x7F | buffer[start] << 7
        start += 1
    end = start + (length >> 1)
    time, delta, size = buffer[start + 1], buffer[start + 2], buffer[start + 3]
    if length & 1 or length > 0x3FFF or (time | delta | size) > 0x7F or size & 1:
        return None
    at = start + 4 + (size >> 1)
    key = buffer[start + 4 : at]
    size = buffer[at]
    at += 1
    if size > 0x7F:
        size = size & 0x7F | buffer[at] << 7
        at += 1
    last = at + (size >> 1)
    if size & 1 or size > 0x3FFF or last + 1 != end or buffer[last] or time & 1 or delta & 1:
        return None
    timestamp = header.base_timestamp + (time >> 1)
    if header.attributes & LOG_APPEND_TIME:
        timestamp = header.max_timestamp
    offset = header.base_offset + (delta >> 1)
    return _new(Record, (offset, timestamp, key, buffer[at:last], _EMPTY)), end


def open_payload(header: BatchHeader, batch: Buffer, limit: int = DECOMPRESSED_LIMIT) -> bytes:
    """The encoded records of a batch, decompressed. Raises as iterate does."""
    payload = memoryview(batch)[HEADER_SIZE : header.size]
    try:
        return bytes(decompress(header.codec, payload, limit))
    except CorruptCompression as error:
        raise CorruptBatch(f"the batch at offset {header.base_offset}: {error}") from None


def read_varint(buffer: bytes, position: int) -> tuple[int, int]:
    """A zig-zag varint of up to ten bytes; IndexError when the buffer ends in it."""
    byte = buffer[position]
    position += 1
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), position
    value = byte & 0x7F
    shift = 7
    while byte >= 0x80:
        if shift > 63:
            raise IndexError("a varint is longer than ten bytes")
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
    return (value >> 1) ^ -(value & 1), position


def _field(buffer: bytes, position: int, end: int) -> tuple[bytes | None, int]:
    size = buffer[position]
    if size < 0x80:  # as nearly all are; a call costs more than all the rest
        size, position = (size >> 1) ^ -(size & 1), position + 1
    else:
        size, position = read_varint(buffer, position)
    if size < 0:
        return None, position
    if position + size > end:
        raise IndexError(f"a field of {size} bytes where {end - position} are left")
    return buffer[position : position + size], position + size


def _read_record(header: BatchHeader, buffer: bytes, position: int) -> tuple[Record, int]:
    length, position = read_varint(buffer, position)
    end = position + length
    if length < 0 or end > len(buffer):
        raise IndexError(f"its length is {length} where {len(buffer) - position} bytes are left")
    timestamp_delta, position = read_varint(buffer, position + 1)
    offset_delta, position = read_varint(buffer, position)
    key, position = _field(buffer, position, end)
    value, position = _field(buffer, position, end)
    headers = _EMPTY
    if buffer[position]:
        count, position = read_varint(buffer, position)
        headers, position = _read_headers(buffer, position, end, count)
    else:
        position += 1
    if position != end:
        raise IndexError(f"it says {length} bytes and has {length + position - end}")
    timestamp = header.base_timestamp + timestamp_delta
    if header.attributes & LOG_APPEND_TIME:
        timestamp = header.max_timestamp
    offset = header.base_offset + offset_delta
    return _new(Record, (offset, timestamp, key, value, headers)), end


def _read_headers(
    buffer: bytes, position: int, end: int, count: int
) -> tuple[tuple[tuple[str, bytes | None], ...], int]:
    if count < 0 or count > end - position:
        raise IndexError(f"it says {count} headers")
    headers = []
    for _ in range(count):
        name, position = _field(buffer, position, end)
        if name is None:
            raise IndexError("a header has no name")
        value, position = _field(buffer, position, end)
        headers.append((name.decode("utf-8", "surrogateescape"), value))
    return tuple(headers), position


def _put_varint(out: bytearray, value: int) -> None:
    value = (value << 1) ^ (value >> 63)
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _put_field(out: bytearray, value: bytes | None) -> None:
    if value is None:
        out.append(1)
        return
    _put_varint(out, len(value))
    out += value


def _encode_record(record: Record, timestamp_delta: int, offset_delta: int) -> bytes:
    body = bytearray(1)
    _put_varint(body, timestamp_delta)
    _put_varint(body, offset_delta)
    _put_field(body, record.key)
    _put_field(body, record.value)
    _put_varint(body, len(record.headers))
    for name, value in record.headers:
        _put_field(body, name.encode("utf-8", "surrogateescape"))
        _put_field(body, value)
    out = bytearray()
    _put_varint(out, len(body))
    return bytes(out + body)


def build(
    records: Sequence[Record],
    *,
    base_offset: int = 0,
    leader_epoch: int = -1,
    codec: int = 0,
    level: int | None = None,
    producer_id: int = NO_PRODUCER,
    producer_epoch: int = -1,
    base_sequence: int = -1,
    transactional: bool = False,
    control: bool = False,
) -> bytes:
    """One batch of at least one record, with consecutive offsets from `base_offset`.

    The offsets of the records are not looked at; their timestamps are (CreateTime).
    """
    base_timestamp = records[0].timestamp
    payload = b"".join(
        _encode_record(record, record.timestamp - base_timestamp, delta)
        for delta, record in enumerate(records)
    )
    attributes = codec | (TRANSACTIONAL if transactional else 0) | (CONTROL if control else 0)
    header = BatchHeader(
        base_offset,
        0,
        leader_epoch,
        MAGIC,
        0,
        attributes,
        len(records) - 1,
        base_timestamp,
        max(record.timestamp for record in records),
        producer_id,
        producer_epoch,
        base_sequence,
        len(records),
    )
    return seal(header, compress(codec, payload, level))


def seal(header: BatchHeader, payload: Buffer) -> bytes:
    """A batch of this header and (already compressed) payload, with length and CRC computed."""
    rest = _FROM_ATTRIBUTES.pack(*header[5:])
    crc = crc32c(payload, crc32c(rest))
    length = HEADER_SIZE - LOG_OVERHEAD + len(payload)
    front = _BEFORE_ATTRIBUTES.pack(
        header.base_offset, length, header.leader_epoch, header.magic, crc
    )
    return b"".join((front, rest, payload))


def batches(buffer: Buffer) -> Iterable[tuple[BatchHeader, memoryview]]:
    """The whole batches in a buffer; a last one that is cut off, as fetches end, is left out."""
    view = memoryview(buffer)
    position = 0
    while len(view) - position >= HEADER_SIZE:
        header = parse_header(view, position)
        if header.size > len(view) - position:
            return
        yield header, view[position : position + header.size]
        position += header.size
