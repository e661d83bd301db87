"""Reads a partition of `__consumer_offsets` into a shard, a slice at a time.

Most records are offsets that later ones have replaced. So the bytes of the last value by key are
kept, and decoded once, at the end: five million commits take some seconds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from moldau.broker.groups.records import GROUP_METADATA, MALFORMED, record_type
from moldau.protocol.crc import crc32c
from moldau.protocol.primitives import Malformed
from moldau.protocol.records import (
    CODEC_MASK,
    CONTROL,
    HEADER_SIZE,
    LOG_OVERHEAD,
    TRANSACTIONAL,
    CorruptBatch,
    iterate,
)
from moldau.storage.log import OffsetOutOfRange

if TYPE_CHECKING:
    from moldau.broker.groups.shard import Shard
    from moldau.storage.log import Log

# Of a header: base offset, length, CRC, attributes, last offset delta, producer id, count.
_HEADER = struct.Struct(">qi5xIhi16xq6xi")
_FROM_CRC = 21
_COMMIT = 1
# Records that are decoded in one slice: about as long as a slice of the log is read.
_DECODED = 10_000
_READ = 1 << 20


Values = dict[bytes, bytes | None]


class Latest:
    """The last value by key of what is read, with transactions decided: `read` takes bytes of the
    log in their order."""

    def __init__(self) -> None:
        self.next_offset = 0
        self._values: Values = {}
        # Of transactions without an end yet, by producer (Apache Kafka writes such).
        self._pending: dict[int, Values] = {}

    def in_order(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Groups before their offsets: these make no simple group of one that there is. What was
        read is forgotten on the way."""
        values, self._values = self._values, {}
        groups = [key for key in values if record_type(key) == GROUP_METADATA]
        for key in groups:
            yield key, values.pop(key)
        yield from values.items()

    def read(self, buffer: bytes) -> int:
        """Whole batches, of which the last may be cut off. How many bytes those were. Raises
        CorruptBatch."""
        view = memoryview(buffer)
        end = len(buffer)
        position = 0
        while end - position >= HEADER_SIZE:
            base, length, crc, attributes, delta, producer, count = _HEADER.unpack_from(
                buffer, position
            )
            after = position + length + LOG_OVERHEAD
            if after > end:
                break
            if crc32c(view[position + _FROM_CRC : after]) != crc:
                raise CorruptBatch(f"the checksum of the batch at offset {base} is wrong")
            if attributes & (CODEC_MASK | CONTROL | TRANSACTIONAL):
                self._read_uncommon(view[position:after], attributes, producer)
            elif self._pending:
                records: Values = {}
                read_plain(buffer, position + HEADER_SIZE, count, records)
                self._put_all(records)
            else:
                read_plain(buffer, position + HEADER_SIZE, count, self._values)
            self.next_offset = base + delta + 1
            position = after
        return position

    def _read_uncommon(self, batch: memoryview, attributes: int, producer: int) -> None:
        records = {r.key or b"": r.value for r in iterate(batch)}
        if attributes & CONTROL:
            for key in records:
                self._end_transaction(producer, record_type(key[2:]))
        elif attributes & TRANSACTIONAL:
            self._pending.setdefault(producer, {}).update(records)
        else:
            self._put_all(records)

    def _put_all(self, records: Values) -> None:
        """What is written plainly counts more than what a transaction wrote before and commits
        after it (OffsetMetadataManager.replayEndTransactionMarker)."""
        self._values.update(records)
        for pending in self._pending.values():
            for key in records:
                pending.pop(key, None)

    def _end_transaction(self, producer: int, kind: int) -> None:
        written = self._pending.pop(producer, {})
        if kind == _COMMIT:
            self._values.update(written)


class Loader:
    def __init__(self, shard: Shard, log: Log) -> None:
        self._shard = shard
        self._log = log
        self._latest = Latest()
        self._latest.next_offset = log.log_start_offset
        self._left: Iterator[tuple[bytes, bytes | None]] | None = None

    def load(self, size: int) -> bool:
        """Reads that many bytes, or a little more. True: everything is loaded. Raises DiskError
        and CorruptBatch."""
        latest = self._latest
        while self._left is None:
            if size <= 0:
                return False
            found = self._log.read(latest.next_offset, _READ, self._log.log_end_offset, True)
            if isinstance(found, OffsetOutOfRange) or not found.size:
                self._left = latest.in_order()
            else:
                latest.read(found.read())
                size -= found.size
        shard = self._shard
        count = 0
        for key, value in islice(self._left, _DECODED):
            try:
                shard.replay(key, value, -1, 0)
            except (Malformed, struct.error, UnicodeDecodeError):
                shard.unknown[MALFORMED] += 1
            count += 1
        return count < _DECODED


def read_plain(buffer: bytes, p: int, count: int, latest: Values) -> None:
    """Puts key and value of each record from position `p` on, of a batch that is not compressed.
    Written for speed: lengths are read where they stand, times and offsets passed over."""
    while count:
        count -= 1
        while buffer[p] > 127:  # the record's length
            p += 1
        p += 2  # and its attributes
        while buffer[p] > 127:  # its time
            p += 1
        p += 1
        while buffer[p] > 127:  # its offset
            p += 1
        size = buffer[p + 1]
        p += 2
        if size > 127:
            size, p = _long(buffer, p, size)
        start = p
        p += size >> 1
        key = buffer[start:p]
        size = buffer[p]
        p += 1
        if size > 127:
            size, p = _long(buffer, p, size)
        if size & 1:
            latest[key] = None
        else:
            start = p
            p += size >> 1
            latest[key] = buffer[start:p]
        if buffer[p]:
            p = _skip_headers(buffer, p)
        else:
            p += 1


def _long(buffer: bytes, p: int, value: int) -> tuple[int, int]:
    """The rest of an unsigned varint whose first byte is `value`."""
    value &= 0x7F
    shift = 7
    while True:
        byte = buffer[p]
        p += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, p
        shift += 7


def _skip_headers(buffer: bytes, p: int) -> int:
    count, p = _long(buffer, p + 1, buffer[p]) if buffer[p] > 127 else (buffer[p], p + 1)
    for _ in range(count):  # zig-zag doubles the number, and each header has two fields
        size, p = _long(buffer, p + 1, buffer[p]) if buffer[p] > 127 else (buffer[p], p + 1)
        if size & 1 == 0:
            p += size >> 1
    return p
