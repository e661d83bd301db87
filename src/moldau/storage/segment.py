"""One segment of a log: a file of batches, its two indexes, and what is known of both."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from struct import Struct
from typing import NamedTuple

from moldau.protocol.files import OFFSET_ENTRY, TIME_ENTRY, segment_name
from moldau.protocol.records import (
    HEADER_SIZE,
    LOG_OVERHEAD,
    BatchHeader,
    CorruptBatch,
    check_crc,
    parse_header,
)
from moldau.storage.aborted import AbortedTransactions
from moldau.storage.disk import Buffer, File
from moldau.storage.handles import OpenFiles
from moldau.storage.index import Index

SUFFIXES = (".log", ".index", ".timeindex", ".txnindex", ".snapshot")
SEARCH_CHUNK = 8 * 1024
SCAN_CHUNK = 1024 * 1024
RECENT = 1024
MAX_RELATIVE = 0x7FFFFFFF
NO_TIMESTAMP = -1

_FIRST_TIMESTAMP = Struct(">35xq")


class Found(NamedTuple):
    """A batch in a segment."""

    position: int
    header: BatchHeader


class Segment:
    __slots__ = (
        "_files",
        "_recent_offsets",
        "_recent_positions",
        "_rolling_timestamp",
        "_since_index",
        "aborted",
        "base_offset",
        "created_ms",
        "directory",
        "index",
        "max_timestamp",
        "max_timestamp_offset",
        "path",
        "size",
        "times",
    )

    def __init__(self, files: OpenFiles, directory: str, base_offset: int, created_ms: int):
        stem = f"{directory}/{segment_name(base_offset)}"
        self._files = files
        self.directory = directory
        self.base_offset = base_offset
        self.created_ms = created_ms
        self.path = f"{stem}.log"
        self.size = 0
        self.index = Index(files, f"{stem}.index", OFFSET_ENTRY)
        self.times = Index(files, f"{stem}.timeindex", TIME_ENTRY)
        self.aborted = AbortedTransactions(files, f"{stem}.txnindex")
        self.max_timestamp = NO_TIMESTAMP
        self.max_timestamp_offset = base_offset
        self._since_index = 0
        self._rolling_timestamp: int | None = None
        # Base offsets and positions of the newest batches: readers at the tail find theirs here.
        self._recent_offsets: list[int] = []
        self._recent_positions: list[int] = []

    @property
    def file(self) -> File:
        return self._files.get(self.path)

    @property
    def largest_timestamp(self) -> int:
        """What retention goes by: the time of its records, else when the file was changed."""
        return self.max_timestamp if self.max_timestamp >= 0 else self.created_ms

    # --- writing ----------------------------------------------------------------------------

    def create(self) -> None:
        """An empty file of this name, whatever was there."""
        self._files.create(self.path)

    def append(
        self,
        buffers: list[Buffer],
        size: int,
        base_offset: int,
        last_offset: int,
        max_timestamp: int,
        index_interval: int,
    ) -> None:
        """Writes a batch of `size` bytes. Raises DiskError; then nothing was appended."""
        position = self.size
        self._files.get(self.path).append(buffers, position)
        self.size = position + size
        self._note(position, size, base_offset, last_offset, max_timestamp, index_interval)

    def _note(
        self,
        position: int,
        size: int,
        base_offset: int,
        last_offset: int,
        max_timestamp: int,
        index_interval: int,
    ) -> None:
        """Indexes a batch as Kafka does (LogSegment.append)."""
        if max_timestamp > self.max_timestamp:
            self.max_timestamp = max_timestamp
            self.max_timestamp_offset = last_offset
        if self._since_index > index_interval:
            self.index.append(last_offset - self.base_offset, position)
            self._index_time()
            self._since_index = 0
        self._since_index += size
        self._recent_offsets.append(base_offset)
        self._recent_positions.append(position)
        if len(self._recent_offsets) > 2 * RECENT:
            del self._recent_offsets[:RECENT]
            del self._recent_positions[:RECENT]

    def _index_time(self) -> None:
        last = self.times.last
        if self.max_timestamp > (last[0] if last else NO_TIMESTAMP):
            self.times.append(self.max_timestamp, self.max_timestamp_offset - self.base_offset)

    def seal(self) -> None:
        """Nothing will be appended: the time index gets its last entry, the indexes go to disk.

        Kafka does the same at a roll and at a clean stop. Both files are there afterwards.
        """
        self._index_time()
        self._recent_offsets.clear()
        self._recent_positions.clear()
        self.flush_indexes()
        for index in (self.index, self.times):
            if not index.count:
                index.reset()

    def flush_indexes(self) -> None:
        self.index.flush()
        self.times.flush()

    def should_roll(
        self, size: int, last_offset: int, max_timestamp: int, now_ms: int, limits: RollLimits
    ) -> bool:
        """Must a batch of `size` bytes go to a new segment? (LogSegment.shouldRoll)"""
        if self.size == 0:
            return False
        return (
            self.size > limits.segment_bytes - size
            or self.waited_ms(now_ms, max_timestamp) > limits.roll_ms
            or last_offset - self.base_offset > MAX_RELATIVE
            or self.index.count >= limits.max_offset_entries
            or self.times.count >= limits.max_time_entries
        )

    def waited_ms(self, now_ms: int, max_timestamp: int) -> int:
        """The age of the segment in time of records; of the clock when they have no time."""
        first = self._rolling_timestamp
        if first is None:
            data = self.file.pread(HEADER_SIZE, 0)
            first = _FIRST_TIMESTAMP.unpack_from(data)[0] if len(data) == HEADER_SIZE else -1
            self._rolling_timestamp = first
        return max_timestamp - first if first >= 0 else now_ms - self.created_ms

    # --- reading ----------------------------------------------------------------------------

    def find(self, offset: int) -> Found | None:
        """The first batch whose last offset is `offset` or more; None when all are before.

        Raises CorruptBatch when what the index points at is no batch.
        """
        position = self.floor(offset)
        for found in self.scan(position, self.size, chunk=SEARCH_CHUNK):
            if found.position == position > 0 and found.header.base_offset > offset:
                raise CorruptBatch(
                    f"{self.index.path} is wrong: offset {found.header.base_offset}"
                    f" where {offset} or less must be"
                )
            if found.header.last_offset >= offset:
                return found
        return None

    def floor(self, offset: int) -> int:
        """The position of a batch at or before the one that holds `offset`."""
        recent = self._recent_offsets
        if recent and recent[0] <= offset:
            return self._recent_positions[bisect_right(recent, offset) - 1]
        entry = self.index.floor(offset - self.base_offset)
        return entry[1] if entry else 0

    def offset_beyond(self, position: int) -> int | None:
        """The last offset of the first indexed batch at `position` or behind it; None when none
        is indexed there."""
        entry = self.index.first_with_value(position)
        return self.base_offset + entry[0] if entry else None

    def recent_position(self, offset: int) -> int | None:
        """The position of the batch that begins at `offset`, if it is among the newest."""
        recent = self._recent_offsets
        at = bisect_right(recent, offset) - 1
        if at >= 0 and recent[at] == offset:
            return self._recent_positions[at]
        return None

    def scan(self, position: int, end: int, *, chunk: int = SCAN_CHUNK) -> Iterator[Found]:
        """The headers from `position` on; batches beyond `end` are damage. Raises CorruptBatch."""
        for found, _ in self.scan_batches(position, end, chunk=chunk, whole=False):
            yield found

    def scan_batches(
        self, position: int, end: int, *, chunk: int = SCAN_CHUNK, whole: bool = True
    ) -> Iterator[tuple[Found, memoryview]]:
        """Batches with their bytes, which are a view of a buffer read in large pieces.

        With `whole` False only headers are sure to be there: large batches are not read.
        Raises CorruptBatch at the first thing that is no batch.
        """
        file = self.file
        start, view, size = position, memoryview(b""), 0
        while position < end:
            at = position - start
            if len(view) - at < HEADER_SIZE:
                start, at = position, 0
                piece = chunk if whole or size < SEARCH_CHUNK else min(chunk, SEARCH_CHUNK)
                view = memoryview(file.pread(min(piece, end - position), position))
            header = self._header(view, at, position, end)
            size = header.batch_length + LOG_OVERHEAD
            if whole and len(view) - at < size:
                start, at = position, 0
                view = memoryview(file.pread(min(max(chunk, size), end - position), position))
            yield Found(position, header), view[at : at + size]
            position += size

    def _header(self, view: memoryview, at: int, position: int, end: int) -> BatchHeader:
        try:
            header = parse_header(view, at)
        except CorruptBatch as error:
            raise CorruptBatch(f"{self.path}, byte {position}: {error}") from None
        if header.size > end - position:
            raise CorruptBatch(
                f"{self.path}, byte {position}: a batch says {header.size} bytes"
                f" where {end - position} are left"
            )
        if header.base_offset < self.base_offset or header.last_offset_delta < 0:
            raise CorruptBatch(
                f"{self.path}, byte {position}: a batch with offsets {header.base_offset}"
                f" to {header.last_offset} cannot be here"
            )
        return header

    # --- opening and repairing --------------------------------------------------------------

    def load(self, size: int, index_size: int | None, times_size: int | None) -> bool:
        """Takes the files as they are found. False: an index is missing or wrong."""
        self.size = size
        if index_size is None or times_size is None:
            return False
        good = self.index.load(index_size) and self.times.load(times_size)
        time = self.times.last
        if time:
            self.max_timestamp = time[0]
            self.max_timestamp_offset = self.base_offset + time[1]
        # A sealed segment has an entry of time for its latest record, so none is a lost file.
        return good and (time is not None or size == 0) and self.has_true_indexes()

    def has_true_indexes(self) -> bool:
        """Do the last entries of both indexes name batches that are there? Recovery begins behind
        the one, and retention goes by the other: either, believed when it is wrong, loses data."""
        last = self.index.last
        try:
            if last is not None:
                found = next(self.scan(last[1], self.size, chunk=HEADER_SIZE), None)
                if found is None or found.header.last_offset != self.base_offset + last[0]:
                    return False
            return self.is_true_time(self.times.last)
        except CorruptBatch:
            return False

    def is_true_time(self, entry: tuple[int, int] | None) -> bool:
        """Does the batch that an entry of the time index names have its time? CorruptBatch."""
        if entry is None:
            return True
        found = self.find(self.base_offset + entry[1])
        return found is not None and found.header.max_timestamp == entry[0]

    def load_tail(self, index_interval: int) -> int:
        """The next offset after this segment, read from its last indexed batch on. What is found
        there is indexed and remembered for readers. Raises CorruptBatch when it is not sound."""
        last = self.index.last
        self._since_index = 0
        return self._note_all(last[1] if last else 0, index_interval)

    def _note_all(self, position: int, index_interval: int) -> int:
        next_offset = self.base_offset
        for found in self.scan(position, self.size):
            self._note_found(found, index_interval)
            next_offset = found.header.next_offset
        return next_offset

    def _note_found(self, found: Found, index_interval: int) -> None:
        header = found.header
        self._note(
            found.position,
            header.size,
            header.base_offset,
            header.last_offset,
            header.max_timestamp,
            index_interval,
        )

    def rewind(self, offset: int) -> int:
        """Forgets what the indexes know of batches that end at `offset` or later. The position of
        the last batch they still know: from there on the segment is to be noted again."""
        self.index.cut_keys_from(offset - self.base_offset)
        last = self.index.last
        self.times.cut_values_from(last[0] + 1 if last else 0)
        if not self.has_true_indexes():
            self.index.cut(0)
            self.times.cut(0)
        last, time = self.index.last, self.times.last
        self.max_timestamp = time[0] if time else NO_TIMESTAMP
        self.max_timestamp_offset = self.base_offset + (time[1] if time else 0)
        self._since_index = 0
        self._rolling_timestamp = None
        self._recent_offsets.clear()
        self._recent_positions.clear()
        return last[1] if last else 0

    def recover(self, position: int, index_interval: int) -> Iterator[tuple[Found, memoryview]]:
        """Checks every batch from `position` (what `rewind` gave) on, and indexes it again.
        Raises CorruptBatch; then `size` is the end of what is sound."""
        end, self.size = self.size, position
        next_offset = self.base_offset
        for found, batch in self.scan_batches(position, end):
            header = found.header
            if header.base_offset < next_offset:
                raise CorruptBatch(
                    f"{self.path}, byte {found.position}: offset {header.base_offset}"
                    f" where {next_offset} or more must be"
                )
            if not check_crc(batch):
                raise CorruptBatch(
                    f"{self.path}, byte {found.position}: the checksum of the batch"
                    f" at offset {header.base_offset} does not hold"
                )
            self.size = found.position + header.size
            next_offset = header.next_offset
            self._note_found(found, index_interval)
            yield found, batch

    def truncate(self, offset: int, index_interval: int) -> None:
        """Drops the batch that holds `offset` and everything after it. Raises CorruptBatch."""
        position = self.rewind(offset)
        end, self.size = self.size, position
        for found in self.scan(position, end):
            if found.header.last_offset >= offset:
                break
            self.size = found.position + found.header.size
            self._note_found(found, index_interval)
        self.file.truncate(self.size)
        self.aborted.cut_from(offset)

    def rebuild_indexes(self, index_interval: int) -> None:
        """Indexes made from the headers alone. Raises CorruptBatch where those end."""
        self.index.reset()
        self.times.reset()
        self._note_all(self.rewind(self.base_offset), index_interval)
        self._index_time()
        self.flush_indexes()

    def paths(self) -> list[str]:
        """The files of this segment that are there."""
        stem = self.path[: -len(".log")]
        return [stem + s for s in SUFFIXES if self._files.disk.stat(stem + s) is not None]


class RollLimits(NamedTuple):
    """When a segment is full. The time index keeps a free entry for the seal."""

    segment_bytes: int
    roll_ms: int
    max_offset_entries: int
    max_time_entries: int


def batches_from(
    segments: Iterable[Segment], offset: int
) -> Iterator[tuple[BatchHeader, memoryview]]:
    """The batches from the one that holds `offset` on, read in large pieces.

    Raises CorruptBatch where there is something else.
    """
    for segment in segments:
        found = segment.find(offset)
        if found is not None:
            for batch, view in segment.scan_batches(found.position, segment.size):
                yield batch.header, view
