"""Records without a look into them: offset, time, and the bytes that follow (key, value, headers).

For who copies or compares records: a third of the work of `records.iterate`, and no way to change
a key or a header.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from moldau.protocol.compression import DECOMPRESSED_LIMIT, Buffer, compress
from moldau.protocol.crc import crc32c
from moldau.protocol.primitives import uvarint
from moldau.protocol.records import (
    LOG_APPEND_TIME,
    MAGIC,
    NO_PRODUCER,
    BatchHeader,
    CorruptBatch,
    open_payload,
    read_varint,
)

_TIME = 8
_new = tuple.__new__


class RawRecord(NamedTuple):
    """`rest` begins with the length of the key."""

    offset: int
    timestamp: int
    rest: bytes


def raw_records(
    header: BatchHeader, batch: Buffer, limit: int = DECOMPRESSED_LIMIT
) -> list[RawRecord]:
    """The records of one batch. Raises CorruptBatch, and TooLargeDecompressed beyond the limit."""
    plain = open_payload(header, batch, limit)
    found: list[RawRecord] = []
    try:
        _read(plain, header, found)
    except IndexError as error:
        raise CorruptBatch(
            f"record {len(found)} of the batch at offset {header.base_offset} is damaged: {error}"
        ) from None
    return found


def _read(plain: bytes, header: BatchHeader, found: list[RawRecord]) -> None:
    """Varints of one and two bytes are read in place: a call for each would double the time."""
    append = found.append
    base_offset, base_time = header.base_offset, header.base_timestamp
    append_time = header.max_timestamp if header.attributes & LOG_APPEND_TIME else None
    end = 0
    size = len(plain)
    for _ in range(header.count):
        at = end
        byte = plain[at]
        if byte < 0x80:
            end = at + 1 + (byte >> 1)
            at += 2
        elif plain[at + 1] < 0x80:
            end = at + 2 + ((byte & 0x7F | plain[at + 1] << 7) >> 1)
            at += 3
        else:
            length, at = read_varint(plain, at)
            end = at + length
            at += 1
        # Behind the length and the attributes: how far time and offset are from the batch's.
        byte = plain[at]
        if byte < 0x80:
            time = (byte >> 1) ^ -(byte & 1)
            at += 1
        elif plain[at + 1] < 0x80:
            byte = byte & 0x7F | plain[at + 1] << 7
            time = (byte >> 1) ^ -(byte & 1)
            at += 2
        else:
            time, at = read_varint(plain, at)
        byte = plain[at]
        if byte < 0x80:
            offset = byte >> 1
            at += 1
        elif plain[at + 1] < 0x80:
            offset = (byte & 0x7F | plain[at + 1] << 7) >> 1
            at += 2
        else:
            offset, at = read_varint(plain, at)
        if not at < end <= size:
            raise IndexError(f"it ends at byte {end} of {size}")
        timestamp = base_time + time if append_time is None else append_time
        append(_new(RawRecord, (base_offset + offset, timestamp, plain[at:end])))


_SMALL = 1 << 14


def _zigzags() -> list[bytes]:
    if not _table:
        _table.extend(uvarint(2 * value) for value in range(_SMALL))
    return _table


_table: list[bytes] = []


def _varint(value: int) -> bytes:
    return uvarint((value << 1) ^ (value >> 63))


def pack(records: Sequence[RawRecord], codec: int = 0) -> tuple[BatchHeader, bytes]:
    """Header and payload of a batch of these records, with consecutive offsets from 0; for
    `records.seal`."""
    small = _zigzags()
    base = records[0].timestamp
    parts: list[bytes] = []
    for index, (_, timestamp, rest) in enumerate(records):
        delta = timestamp - base
        time = small[delta] if 0 <= delta < _SMALL else _varint(delta)
        offset = small[index] if index < _SMALL else _varint(index)
        length = 1 + len(time) + len(offset) + len(rest)
        parts += (
            small[length] if length < _SMALL else _varint(length), b"\0", time, offset, rest
        )  # fmt: skip
    header = BatchHeader(
        0,
        0,
        -1,
        MAGIC,
        0,
        codec,
        len(records) - 1,
        base,
        max(record.timestamp for record in records),
        NO_PRODUCER,
        -1,
        -1,
        len(records),
    )
    return header, compress(codec, b"".join(parts))


def checksum(records: Iterable[RawRecord], before: int = 0) -> int:
    """CRC-32C of times, keys, values and headers, in order; not of offsets, which a copy may have
    others of."""
    parts: list[bytes] = []
    for _, timestamp, rest in records:
        parts += (timestamp.to_bytes(_TIME, "big", signed=True), rest)
    return int(crc32c(b"".join(parts), before))
