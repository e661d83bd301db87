"""A log as it lies on disk: looked at, never touched, whatever state a stop has left it in.

Indexes are used where they are right and passed over where not. A torn tail ends the log, as it
would end it in recovery.
"""

from __future__ import annotations

from collections.abc import Iterator

from moldau.protocol.files import CorruptFile, read_epochs, segment_offset
from moldau.protocol.records import BatchHeader, CorruptBatch, check_crc
from moldau.storage.disk import Entry, read_file
from moldau.storage.epochs import LeaderEpochs
from moldau.storage.handles import OpenFiles
from moldau.storage.producers import Producers
from moldau.storage.recovery import EPOCHS_FILE
from moldau.storage.segment import Segment, batches_from
from moldau.storage.snapshots import Snapshots, replay
from moldau.storage.swaps import SWAP, interrupted


class LogAtRest:
    """`damage` says what ends the log before its files do. Raises DiskError."""

    def __init__(self, files: OpenFiles, directory: str, log_start_offset: int = 0) -> None:
        self._files = files
        self.directory = directory
        self.entries = {one.name: one for one in files.disk.list(directory)}
        self.damage: str | None = None
        swapped = self._swap()
        self.segments = [
            self._segment(name, entry, swapped)
            for name, entry in sorted(self.entries.items())
            if name.endswith(".log") and segment_offset(name) is not None
        ]
        first = self.segments[0].base_offset if self.segments else 0
        self.log_start_offset = max(log_start_offset, first)
        self.log_end_offset = max(self._end(), self.log_start_offset)

    def _swap(self) -> set[str]:
        """Looks at an interrupted compaction as if it were completed. The names of the segments
        that are still called .swap."""
        swaps = interrupted(self._files, self.directory, self.entries)
        for name in swaps.removals:
            del self.entries[name]
        for name in swaps.renames:
            self.entries[name.removesuffix(SWAP)] = self.entries.pop(name)
        return {name.removesuffix(SWAP) for name in swaps.renames}

    def _segment(self, name: str, entry: Entry, swapped: set[str]) -> Segment:
        base = segment_offset(name)
        assert base is not None
        segment = Segment(self._files, self.directory, base, entry.modified_ms)
        stem = name.partition(".")[0]
        index, times, aborted = (
            self.entries.get(f"{stem}{suffix}") for suffix in (".index", ".timeindex", ".txnindex")
        )
        if name in swapped:  # its indexes too may have another name; do without
            segment.path += SWAP
            segment.size = entry.size
            return segment
        segment.aborted.load(aborted and aborted.size)
        if not segment.load(entry.size, index and index.size, times and times.size):
            segment.index.count, segment.index.last = 0, None
        return segment

    def _end(self) -> int:
        """The offset behind the last whole batch."""
        if not self.segments:
            return 0
        last = self.segments[-1]
        end = last.base_offset
        entry = last.index.last
        try:
            for found in last.scan(entry[1] if entry else 0, last.size):
                end = found.header.next_offset
        except CorruptBatch as error:
            self.damage = str(error)
        return end

    @property
    def size(self) -> int:
        """Bytes of all segments, without their indexes."""
        return sum(segment.size for segment in self.segments)

    @property
    def latest_epoch(self) -> int:
        """The leader epoch of the last batch, as the checkpoint beside it says; -1: it does not."""
        if EPOCHS_FILE not in self.entries:
            return -1
        try:
            content = read_file(self._files.disk, f"{self.directory}/{EPOCHS_FILE}")
            return LeaderEpochs(read_epochs(content)).latest
        except CorruptFile:
            return -1

    def iterate(self, from_offset: int) -> Iterator[tuple[BatchHeader, memoryview]]:
        """The batches from the one that holds `from_offset` to the end or to the first that is not
        sound, which is noted as `damage`. Their bytes are valid until the next is asked for."""
        behind = [one.base_offset for one in self.segments[1:]]
        first = sum(1 for base in behind if base <= from_offset)
        try:
            for header, batch in batches_from(self.segments[first:], from_offset):
                if not check_crc(batch):
                    self.damage = (
                        f"{self.directory}: the checksum of the batch at offset"
                        f" {header.base_offset} does not hold"
                    )
                    return
                yield header, batch
        except CorruptBatch as error:
            self.damage = str(error)

    def producers(self) -> Producers:
        """What is known of the producers at the end of the log."""
        names = (segment_offset(name) for name in self.entries if name.endswith(".snapshot"))
        known = (one for one in names if one is not None and one <= self.log_end_offset)
        snapshots = Snapshots(self._files, self.directory, known)
        producers = snapshots.before(self.log_end_offset, self.log_start_offset, None)
        try:
            if producers.end_offset < self.log_end_offset:
                for _ in replay(self.segments, producers):
                    pass
        except CorruptBatch as error:
            self.damage = str(error)
        return producers
