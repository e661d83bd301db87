"""A segment or snapshot as kafka-dump-log shows it: batches, records, what is wrong at the end.

Apache Kafka: DumpLogSegments.dumpLog and what it calls. Java prints piece by piece, so what could
be said before something broke stands on stdout.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from moldau.protocol.compression import Buffer, Codec
from moldau.protocol.legacy_records import iterate_legacy, parse_legacy_header
from moldau.protocol.records import (
    HEADER_SIZE,
    MAGIC,
    MAGIC_OFFSET,
    BatchHeader,
    check_crc,
    iterate,
)
from moldau.protocol.segments import Placed, batches_from, header_at
from moldau.tools.dump_control import control_text
from moldau.tools.dump_findings import Findings
from moldau.tools.java_numbers import as_int, as_long
from moldau.tools.java_text import parse_int, parse_long, utf8

ALL = 2**31 - 1
_UNLIMITED = 1 << 31  # of a decompressed batch: a person looks at what a broker took
_DELETE_HORIZON = 0x40
_TIMES = {None: "NoTimestampType", 0: "CreateTime", 1: "LogAppendTime"}
_BOOTSTRAP = "bootstrap.checkpoint"
Write = Callable[[str], object]


class Decoder(Protocol):
    def show(
        self, offset: int, key: bytes | None, value: bytes | None
    ) -> tuple[str | None, str | None]:
        """Key and value as text, None for what is not shown. Raises ValueError."""


class What(NamedTuple):
    """What of a segment is shown. Without a `decoder` no keys and values are."""

    decoder: Decoder | None
    records: bool
    skips_metadata: bool
    max_bytes: int


def content_of(path: str) -> Buffer:
    """A file, mapped. Raises OSError."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return b""
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def dump_segment(path: str, what: What, findings: Findings) -> None:
    """Raises OSError, ValueError."""
    write = sys.stdout.write
    name = os.path.basename(path)
    write(f"{_title(name)}\n")
    segment = content_of(path)
    if what.max_bytes < 0:
        raise ValueError(f"Invalid size: {what.max_bytes}")
    end = min(len(segment), what.max_bytes)
    shown, previous = 0, -1
    for placed in batches_from(segment, 0, end):
        show = _show_batch if placed.magic >= MAGIC else _show_legacy
        for offset in show(write, segment, placed, shown, what):
            if offset != previous + 1:
                findings.gap(path, previous, offset)
            previous = offset
        shown += placed.size
    if shown < end and what.max_bytes == ALL:
        write(f"Found {end - shown} invalid bytes at the end of {name}\n")


def _title(name: str) -> str:
    if name.endswith(".log"):
        return f"Log starting offset: {offset_in(name.split('.')[0])}"
    if name == _BOOTSTRAP:
        return "KRaft bootstrap snapshot"
    if len(name) < 31:
        raise ValueError(f"{name} is no name of a snapshot: that is OFFSET-EPOCH.checkpoint")
    epoch = parse_int(name[21:31])
    if epoch is None:
        raise ValueError(f"{name[21:31]} in the file's name is no epoch")
    return f"Snapshot end offset: {offset_in(name[:20])}, epoch: {epoch}"


def offset_in(name: str) -> int:
    """The offset that a file is named after. Raises ValueError."""
    offset = parse_long(name)
    if offset is None:
        raise ValueError(f"{name} in the file's name is no offset")
    return offset


# --- batches of today


def _show_batch(
    write: Write, segment: Buffer, placed: Placed, position: int, what: What
) -> Iterator[int]:
    """Shows a batch, and gives the offset of each record that it shows."""
    header = header_at(segment, placed.position)
    batch = memoryview(segment)[placed.position : placed.position + placed.size]
    horizon = f"[{header.base_timestamp}]" if header.attributes & _DELETE_HORIZON else ".empty"
    write(
        f"baseOffset: {header.base_offset} lastOffset: {as_long(header.last_offset)}"
        f" count: {header.count} baseSequence: {header.base_sequence}"
        f" lastSequence: {_sequence(header, header.last_offset_delta)}"
        f" producerId: {header.producer_id} producerEpoch: {header.producer_epoch}"
        f" partitionLeaderEpoch: {header.leader_epoch}"
        f" isTransactional: {_java(header.is_transactional)}"
        f" isControl: {_java(header.is_control)} deleteHorizonMs: OptionalLong{horizon}"
    )
    is_valid = placed.size >= HEADER_SIZE and check_crc(batch)
    write(
        f" position: {position} {_TIMES[header.timestamp_type]}: {header.max_timestamp}"
        f" size: {placed.size} magic: {placed.magic} compresscodec: {_codec(header.codec)}"
        f" crc: {header.crc} isvalid: {_java(is_valid)}\n"
    )
    if what.records and header.count:
        # A magic beyond 2 is nonsense, and Java reads on.
        plain = batch if placed.magic == MAGIC else _with_magic(batch)
        yield from _show_records(write, header, plain, what)


def _with_magic(batch: Buffer) -> Buffer:
    copy = bytearray(batch)
    copy[MAGIC_OFFSET] = MAGIC
    return copy


def _sequence(header: BatchHeader, delta: int) -> int:
    """Java's sum, which begins again at 0 behind 2^31 - 1, also where the header is nonsense."""
    if header.base_sequence == -1:
        return -1
    total = header.base_sequence + delta
    return as_int(total - (1 << 31) if header.base_sequence > as_int(ALL - delta) else total)


def _codec(number: int) -> str:
    try:
        return Codec(number).name.lower()
    except ValueError:
        raise ValueError(f"Unknown compression type id: {number}") from None


def _java(value: bool) -> str:
    return "true" if value else "false"


def _show_records(write: Write, header: BatchHeader, batch: Buffer, what: What) -> Iterator[int]:
    start = as_long(header.base_offset)
    for record in iterate(batch, _UNLIMITED):
        offset = as_long(record.offset)
        yield offset
        if not what.skips_metadata:
            sequence = _sequence(header, record.offset - start) if header.base_sequence >= 0 else -1
            names = ",".join(_name(name) for name, _ in record.headers)
            write(
                f"| offset: {offset} {_TIMES[header.timestamp_type]}: {as_long(record.timestamp)}"
                f" keySize: {_size(record.key)} valueSize: {_size(record.value)}"
                f" sequence: {sequence} headerKeys: [{names}]"
            )
            if header.is_control:
                write(control_text(record.key, record.value))
        if what.decoder is not None and not header.is_control:
            _show_content(write, what, offset, record.key, record.value)
        write("\n")


def _size(data: bytes | None) -> int:
    return -1 if data is None else len(data)


def _name(name: str) -> str:
    return name if name.isascii() else utf8(name.encode("utf-8", "surrogateescape"))


def _show_content(
    write: Write, what: What, offset: int, key: bytes | None, value: bytes | None
) -> None:
    assert what.decoder is not None
    front = "| " if what.skips_metadata else " "
    shown_key, shown_value = what.decoder.show(offset, key, value)
    if shown_key is not None:
        write(f"{front}key: {shown_key}")
        front = " "
    if shown_value is not None:
        write(f"{front}payload: {shown_value}")


# --- batches of the formats v0 and v1


def _show_legacy(
    write: Write, segment: Buffer, placed: Placed, position: int, what: What
) -> Iterator[int]:
    batch = memoryview(segment)[placed.position : placed.position + placed.size]
    write(f"offset: {placed.offset}")
    outer = parse_legacy_header(batch)
    write(
        f" position: {position} {_TIMES[outer.timestamp_type]}: {outer.timestamp}"
        f" size: {placed.size} magic: {placed.magic} compresscodec: {_codec(outer.codec)}"
        f" crc: {outer.crc} isvalid: {_java(outer.is_valid)}\n"
    )
    if not what.records:
        return
    for header, key, value in iterate_legacy(batch, _UNLIMITED):
        yield header.offset
        if not what.skips_metadata:
            write(
                f"| offset: {header.offset} {_TIMES[outer.timestamp_type]}: {header.timestamp}"
                f" keySize: {_size(key)} valueSize: {_size(value)}"
                f" isValid: {_java(header.is_valid)} crc: {header.crc}"
            )
        if what.decoder is not None:
            _show_content(write, what, header.offset, key, value)
        write("\n")
