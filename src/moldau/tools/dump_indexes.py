"""Indexes, producer snapshots and aborted transactions as kafka-dump-log shows them.

Apache Kafka: DumpLogSegments.dumpIndex and its neighbours; storage/internals/log/AbstractIndex.java
(the lookup), OffsetIndex.java, TimeIndex.java, TransactionIndex.java, ProducerStateManager.java.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from moldau.protocol.compression import Buffer
from moldau.protocol.files import ABORTED_ENTRY, TIME_ENTRY, CorruptFile, read_producers
from moldau.protocol.legacy_records import iterate_legacy
from moldau.protocol.records import MAGIC, iterate, last_sequence
from moldau.protocol.segments import Placed, batches_from, header_at
from moldau.tools.dump_findings import Findings
from moldau.tools.dump_records import ALL, content_of, offset_in

_OFFSET_ENTRY = Struct(">ii")  # as OFFSET_ENTRY in files, but a damaged position may be negative
_WARM_BYTES = 8192
_Row = tuple[int, int]


class How(NamedTuple):
    """`sanity`: only what a broker checks at its start. `quiet`: show only what is wrong."""

    sanity: bool
    quiet: bool


class _Index:
    """The entries of a sparse index; the bytes behind the last whole one count for nothing."""

    def __init__(self, path: str, base_offset: int, layout: Struct, offset_at: int) -> None:
        """Raises OSError."""
        self.path = path
        self.base_offset = base_offset
        self.content = content_of(path)
        self.entries = len(self.content) // layout.size
        self._layout = layout
        self._offset_at = offset_at

    def entry(self, number: int) -> _Row:
        """(offset, position) or (timestamp, offset)."""
        row = list(self._layout.unpack_from(self.content, number * self._layout.size))
        row[self._offset_at] += self.base_offset
        return row[0], row[1]

    def used(self) -> Iterator[_Row]:
        """The entries up to the zeros that a broker leaves behind when it crashes."""
        for number in range(self.entries):
            row = self.entry(number)
            if row[self._offset_at] == self.base_offset and number > 0:
                return
            yield row

    def check(self) -> None:
        """Raises ValueError when a broker would build it anew."""
        path = os.path.abspath(self.path)
        is_time = self._offset_at == 1
        if self.entries:
            first, last = self.entry(0), self.entry(self.entries - 1)
            if is_time and last[0] < first[0]:
                raise ValueError(
                    f"Corrupt time index found, time index file ({path}) has non-zero size but "
                    f"the last timestamp is {last[0]} which is less than the first timestamp "
                    f"{first[0]}"
                )
            if last[self._offset_at] < self.base_offset:
                raise ValueError(
                    f"Corrupt index found, index file {path} has non-zero size but the last "
                    f"offset is {last[self._offset_at]} which is less than the base offset "
                    f"{self.base_offset}"
                )
        if len(self.content) % self._layout.size:
            raise ValueError(
                f"{'Time index' if is_time else 'Index'} file {path} is corrupt, found "
                f"{len(self.content)} bytes which is neither positive nor a multiple of "
                f"{self._layout.size}"
            )

    def lookup(self, offset: int) -> int:
        """The position of the last entry at or before the offset, as a broker looks it up."""
        if not self.entries:
            return 0
        warm = max(0, self.entries - 1 - _WARM_BYTES // self._layout.size)
        if self.entry(warm)[0] < offset:
            return self._search(offset, warm, self.entries - 1)
        if self.entry(0)[0] > offset:
            return 0
        return self._search(offset, 0, warm)

    def _search(self, offset: int, low: int, high: int) -> int:
        while low < high:
            middle = (low + high + 1) // 2
            found, position = self.entry(middle)
            if found == offset:
                return position
            if found > offset:
                high = middle - 1
            else:
                low = middle
        return self.entry(low)[1]


def dump_offset_index(path: str, how: How, max_message_size: int, findings: Findings) -> None:
    """Raises OSError, ValueError."""
    base_offset, stem = _stem(path)
    segment = content_of(f"{stem}.log")
    index = _Index(path, base_offset, _OFFSET_ENTRY, 0)
    if not index.entries:
        print(f"{path} is empty.")
        return
    if how.sanity:
        _check(index)
        return
    for offset, position in index.used():
        placed = next(_slice(segment, position, max_message_size), None)
        if placed is None:
            raise ValueError(f"The segment has no batch at position {position}")
        found = _last_offset(segment, placed)
        if found != offset:
            findings.wrong_offset(path, offset, found)
        if not how.quiet:
            print(f"offset: {offset} position: {position}")


def dump_time_index(path: str, how: How, findings: Findings) -> None:
    """Raises OSError, ValueError."""
    base_offset, stem = _stem(path)
    segment = content_of(f"{stem}.log")
    offsets = _Index(f"{stem}.index", base_offset, _OFFSET_ENTRY, 0)
    index = _Index(path, base_offset, TIME_ENTRY, 1)
    if how.sanity:
        _check(index)
        return
    finder, previous = _Finder(segment), -1
    for timestamp, offset in index.used():
        placed = finder.batch(offsets.lookup(offset), offset)
        found = -1 if placed is None else _last_offset(segment, placed)
        if placed is None or found != offset:
            findings.lost_offset(path, offset, found)
        else:
            latest = _latest_timestamp(segment, placed)
            if latest != timestamp:
                findings.wrong_timestamp(path, timestamp, latest)
            if previous >= timestamp:
                findings.unordered_timestamp(path, timestamp, previous)
        if not how.quiet:
            print(f"timestamp: {timestamp} offset: {offset}")
        previous = timestamp


def dump_producers(path: str) -> None:
    """Raises OSError."""
    with open(path, "rb") as file:
        content = file.read()
    try:
        entries = read_producers(content)
    except CorruptFile as error:
        print(error, file=sys.stderr)
        return
    for entry in entries:
        first = entry.current_txn_first_offset
        line = (
            f"producerId: {entry.producer_id} producerEpoch: {entry.epoch}"
            f" coordinatorEpoch: {entry.coordinator_epoch}"
            f" currentTxnFirstOffset: OptionalLong{f'[{first}]' if first >= 0 else '.empty'}"
            f" lastTimestamp: {entry.timestamp}"
        )
        if entry.last_offset >= 0:
            line += (
                f" firstSequence: {last_sequence(entry.last_sequence, -entry.offset_delta)}"
                f" lastSequence: {entry.last_sequence} lastOffset: {entry.last_offset}"
                f" offsetDelta: {entry.offset_delta} timestamp: {entry.timestamp}"
            )
        print(line)


def dump_aborted(path: str) -> None:
    """Raises OSError, ValueError."""
    _stem(path)
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return  # a segment without aborted transactions has no such file
    whole = content[: len(content) - len(content) % ABORTED_ENTRY.size]
    rows = list(ABORTED_ENTRY.iter_unpack(whole))
    # Java looks at the first byte of the version only.
    for version, *_ in rows:
        if version >> 8 > 0:
            raise ValueError(f"Unexpected aborted transaction version {version}; only 0 is known")
    for version, producer, first, last, stable in rows:
        print(
            f"version: {version >> 8} producerId: {producer} firstOffset: {first}"
            f" lastOffset: {last} lastStableOffset: {stable}"
        )


def _stem(path: str) -> tuple[int, str]:
    """The offset in the file's name, and the path without what follows it. Raises ValueError."""
    name = os.path.basename(path).split(".")[0]
    return offset_in(name), os.path.join(os.path.dirname(path), name)


def _check(index: _Index) -> None:
    index.check()
    print(f"{index.path} passed sanity check.")


def _slice(segment: Buffer, position: int, size: int) -> Iterator[Placed]:
    """The batches from a position on. Raises ValueError for a position outside the segment."""
    if not 0 <= position <= len(segment):
        raise ValueError(
            f"Slice from position {position} exceeds end position of a segment of "
            f"{len(segment)} bytes"
        )
    if size < 0:
        raise ValueError(f"Invalid size: {size}")
    return batches_from(segment, position, min(len(segment), position + size))


def _last_offset(segment: Buffer, placed: Placed) -> int:
    if placed.magic < MAGIC:
        return placed.offset
    return header_at(segment, placed.position).last_offset


class _Finder:
    """Finds batches, and walks to the end of the segment each time as Java does, so that it fails
    where Java fails; what has been walked once is not walked again."""

    def __init__(self, segment: Buffer) -> None:
        self._segment = segment
        self._walked: set[int] = set()

    def batch(self, position: int, offset: int) -> Placed | None:
        """The first batch behind the position that ends at or behind the offset."""
        found, fresh = None, []
        for placed in _slice(self._segment, position, ALL):
            if found is None and _last_offset(self._segment, placed) >= offset:
                found = placed
            if found is not None and placed.position in self._walked:
                break
            fresh.append(placed.position)
        self._walked.update(fresh)
        return found


def _latest_timestamp(segment: Buffer, placed: Placed) -> int:
    batch = memoryview(segment)[placed.position : placed.position + placed.size]
    if placed.magic < MAGIC:
        return max((header.timestamp for header, *_ in iterate_legacy(batch)), default=-1)
    return max((record.timestamp for record in iterate(batch)), default=-1)
