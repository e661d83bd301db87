"""The .snapshot files of a log: what was known of its producers at certain offsets.

Kafka keeps one at the base of each segment and the latest (ProducerStateManager): a start loads
the latest and reads the log from there. A snapshot holds one batch of each producer, which is too
little for one that had five under way when the broker stopped: it sends all of them again. The
others are read from the log before it, when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from moldau.protocol.files import CorruptFile, read_producers, segment_offset, write_producers
from moldau.protocol.records import BatchHeader, CorruptBatch
from moldau.storage.aborted import CompletedTransaction
from moldau.storage.disk import DiskError, read_file, replace_file
from moldau.storage.handles import OpenFiles
from moldau.storage.producers import Producers
from moldau.storage.segment import Segment, batches_from

Report = Callable[[str], None]

# How far to look back for batches that producers may send again: so many entries of the offset
# index, which are as many large batches, or a quarter of a megabyte of small ones.
RECALLED = 64
_RECALL_CHUNK = 64 * 1024


class Snapshots:
    """`offsets` of the snapshots that are there, rising."""

    __slots__ = ("_directory", "_files", "offsets")

    def __init__(self, files: OpenFiles, directory: str, offsets: Iterable[int] = ()) -> None:
        self._files = files
        self._directory = directory
        self.offsets = sorted(offsets)

    @classmethod
    def found(
        cls, files: OpenFiles, directory: str, segments: Sequence[Segment], end: int
    ) -> Snapshots:
        """Those in the directory. Those beyond the log's end, and strays, are removed."""
        names = (one.name for one in files.disk.list(directory))
        offsets = (segment_offset(name) for name in names if name.endswith(".snapshot"))
        snapshots = cls(files, directory, (one for one in offsets if one is not None))
        snapshots.cut_beyond(end)
        snapshots._drop_strays({segment.base_offset for segment in segments})
        return snapshots

    def path(self, offset: int) -> str:
        return f"{self._directory}/{offset:020d}.snapshot"

    def is_current(self, end: int) -> bool:
        return bool(self.offsets) and self.offsets[-1] == end

    def take(self, producers: Producers, end: int, bases: Iterable[int]) -> tuple[str, list[str]]:
        """Writes the producers as of `end`, also when there are none, so that a start need not
        look for any. `bases` are those of the segments. The path, which is yet to be synced, and
        the paths of older ones that went."""
        path = self.path(end)
        content = write_producers(producers.to_entries())
        replace_file(self._files.disk, path, content, sync=False)
        self.offsets.append(end)
        return path, self._drop_strays(set(bases))

    def _drop_strays(self, bases: set[int]) -> list[str]:
        kept = {*bases, *self.offsets[-1:]}
        return self._remove([one for one in self.offsets if one not in kept])

    def cut_beyond(self, end: int) -> list[str]:
        """Removes those of a log that now ends at `end`. Their paths."""
        return self._remove([one for one in self.offsets if one > end])

    def _remove(self, offsets: list[int]) -> list[str]:
        paths = [self.path(offset) for offset in offsets]
        for offset, path in zip(offsets, paths, strict=True):
            self.offsets.remove(offset)
            self._files.forget(path)
            self._files.disk.remove(path)
        return paths

    def forget(self, bases: Iterable[int]) -> None:
        """The files of the segments with these bases have gone, snapshots included."""
        gone = set(bases)
        self.offsets = [one for one in self.offsets if one not in gone]

    def load(
        self, segments: Sequence[Segment], start: int, end: int, *, clean: bool, report: Report
    ) -> Producers:
        """From the latest snapshot that can be read, and the log after it. Raises CorruptBatch."""
        # As in Kafka: a clean stop leaves a snapshot, so its absence means there were none.
        was_empty = clean and not self.offsets
        producers = self.before(end, end if was_empty else start, report)
        if producers.end_offset < end:
            for _ in replay(segments, producers):
                pass
        producers.end_offset = end
        return producers

    def before(self, offset: int, start: int, report: Report | None) -> Producers:
        """As of the latest snapshot up to `offset` that can be read, whose end offset they have;
        none as of `start` without one. Damaged ones are removed where there is a `report`."""
        for latest in reversed([one for one in self.offsets if one <= offset]):
            producers = Producers()
            try:
                content = read_file(self._files.disk, self.path(latest))
                producers.load(read_producers(content), latest)
            except CorruptFile as error:
                if report is not None:
                    report(
                        f"{self.path(latest)}: {error}. An older one is taken, or the log is read."
                    )
                    self._remove([latest])
            else:
                return producers
        producers = Producers()
        producers.end_offset = start
        return producers


def batches_before(segments: Sequence[Segment], end: int) -> Iterator[BatchHeader]:
    """The headers of the last batches before `end`, oldest first. Where there is damage they end:
    it is for readers to find."""
    pieces: list[tuple[Segment, int]] = []
    wanted = RECALLED
    with suppress(CorruptBatch, DiskError):
        for segment in reversed(segments):
            if segment.base_offset < end and wanted > 0:
                index = segment.index
                count = index.rank(end - 1 - segment.base_offset)
                pieces.append((segment, index.entry(count - wanted)[1] if count > wanted else 0))
                wanted -= count + 1
        for segment, position in reversed(pieces):
            for _, header in segment.scan(position, segment.size, chunk=_RECALL_CHUNK):
                if header.base_offset >= end:
                    return
                yield header


def replay(
    segments: Sequence[Segment], producers: Producers
) -> Iterator[tuple[Segment, CompletedTransaction]]:
    """Brings the producers from their end offset to the end of the log. The transactions that end
    there, each with the segment that holds its marker. Raises CorruptBatch."""
    start = producers.end_offset
    followers = [segment.base_offset for segment in segments[1:]]
    skipped = sum(1 for base in followers if base <= start)
    for segment in segments[skipped:]:
        for header, batch in batches_from([segment], start):
            if header.base_offset >= start:
                ended = producers.replay(header, batch)
                if ended is not None:
                    yield segment, ended
