"""A log as it is found on disk: what is sound is kept, what is torn is cut, and both are said.

After a clean stop nothing is scanned but the few batches behind the last index entry. After any
other stop, batches are read and their checksums verified from the recovery point on, the offset
up to which a checkpoint knows that the log was synced; Apache Kafka (LogLoader.recoverLog) does
this for the whole segment that holds the recovery point and rebuilds its indexes, here they are
kept up to it after a check of their order.

At the first thing that is no sound batch the log is cut, and what comes after it goes too, also
later segments, as in Kafka: offsets would have a hole. None of it was promised to anybody when it
lies behind the recovery point; if it does not, files were damaged since, and what is cut is kept
beside under another name. Other damage before the recovery point is not looked for at start (nor
is it in Kafka): a reader finds it, by a header (the fetch fails with a storage error, and the log
line names file and byte) or by the checksum of a batch (the consumer says so). Batches before and
after it stay readable.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from moldau.protocol.files import CorruptFile, read_epochs, segment_offset
from moldau.protocol.records import CONTROL, TRANSACTIONAL, CorruptBatch
from moldau.storage.aborted import AbortedTransaction
from moldau.storage.config import LogConfig
from moldau.storage.disk import Entry, read_file
from moldau.storage.epochs import LeaderEpochs
from moldau.storage.handles import OpenFiles
from moldau.storage.producers import Producers
from moldau.storage.segment import SCAN_CHUNK, Segment
from moldau.storage.snapshots import Report, Snapshots, replay
from moldau.storage.swaps import complete_swaps

EPOCHS_FILE = "leader-epoch-checkpoint"
_LEFTOVERS = (".deleted", ".cleaned", ".tmp")
_INDEXES = (".index", ".timeindex", ".txnindex")


@dataclass(slots=True)
class Found:
    """What the log begins with."""

    segments: list[Segment]
    epochs: LeaderEpochs
    producers: Producers
    snapshots: Snapshots
    log_start_offset: int
    log_end_offset: int
    epochs_are_stored: bool  # as they are here; perhaps not yet on the disk


class Loader:
    """One loading of one directory."""

    def __init__(
        self,
        files: OpenFiles,
        directory: str,
        config: LogConfig,
        now_ms: int,
        report: Report,
    ) -> None:
        self._files = files
        self._disk = files.disk
        self._directory = directory
        self._config = config
        self._now_ms = now_ms
        self._report = report
        self._interval = config.index_interval_bytes
        self._segments: list[Segment] = []
        # The first segment that was recovered and knows of transactions.
        self._transactions_from: Segment | None = None

    def begin(self) -> Found:
        """A directory that was just made has nothing to load."""
        self._add_segment(0)
        snapshots = Snapshots(self._files, self._directory)
        return Found(self._segments, LeaderEpochs(), Producers(), snapshots, 0, 0, True)

    def load(self, recovery_point: int, log_start_offset: int, *, clean: bool) -> Found:
        entries = self._tidy()
        stored = self._load_epochs(entries)
        epochs = LeaderEpochs(stored or ())
        self._load_segments(entries, scanned_after=None if clean else recovery_point)
        end = None
        if clean:
            end = self._load_end()
        if end is None:
            end = self._recover(recovery_point, epochs)
        if end < recovery_point:
            self._report(
                f"{self._directory}: the log ends at offset {end}, and was on the disk up to"
                f" {recovery_point}: its files were cut, lost or damaged since. Restore them from a"
                f" copy if there is one."
            )
        if stored is None:
            epochs = self._read_epochs()
        if end < log_start_offset:
            self._start_over(end, log_start_offset)
            end = log_start_offset
        start = max(log_start_offset, self._segments[0].base_offset)
        epochs.cut_from(end)
        epochs.cut_before(start)
        snapshots = Snapshots.found(self._files, self._directory, self._segments, end)
        producers = snapshots.load(self._segments, start, end, clean=clean, report=self._report)
        if self._transactions_from is not None:
            self._index_aborted(self._transactions_from, snapshots, start)
        are_stored = (stored or []) == epochs.entries
        return Found(self._segments, epochs, producers, snapshots, start, end, are_stored)

    # --- files ------------------------------------------------------------------------------

    def _tidy(self) -> dict[str, Entry]:
        """The files, without what a stop in the middle of something left behind."""
        entries = {one.name: one for one in self._disk.list(self._directory)}
        complete_swaps(self._files, self._directory, entries, self._report)
        for name in list(entries):
            orphan = name.endswith(_INDEXES) and f"{name.partition('.')[0]}.log" not in entries
            if name.endswith(_LEFTOVERS) or orphan:
                self._disk.remove(f"{self._directory}/{name}")
                del entries[name]
        return entries

    def _load_epochs(self, entries: dict[str, Entry]) -> list[tuple[int, int]] | None:
        if EPOCHS_FILE not in entries:
            return None
        path = f"{self._directory}/{EPOCHS_FILE}"
        try:
            return read_epochs(read_file(self._disk, path))
        except CorruptFile as error:
            self._report(f"{path}: {error}. It is made again from the log.")
            return None

    def _read_epochs(self) -> LeaderEpochs:
        """From the headers of the whole log: consumers reset themselves when an epoch that they
        know is not known here."""
        epochs = LeaderEpochs()
        for segment in self._segments:
            with suppress(CorruptBatch):  # for readers to find
                for _, header in segment.scan(0, segment.size):
                    if header.leader_epoch > epochs.latest:
                        epochs.assign(header.leader_epoch, header.base_offset)
        return epochs

    def _load_segments(self, entries: dict[str, Entry], scanned_after: int | None) -> None:
        """Every .log file, with indexes that look right or were made again; those of segments
        that begin after `scanned_after`, and of small ones, will be made by recovery."""
        names = sorted(name for name in entries if name.endswith(".log"))
        for name in names:
            base = segment_offset(name)
            if base is None:
                self._report(f"{self._directory}/{name} is not named as a segment; left alone.")
                continue
            entry = entries[name]
            segment = Segment(self._files, self._directory, base, entry.modified_ms)
            stem = name.partition(".")[0]
            index, times = entries.get(f"{stem}.index"), entries.get(f"{stem}.timeindex")
            sound = segment.load(entry.size, index and index.size, times and times.size)
            aborted = entries.get(f"{stem}.txnindex")
            segment.aborted.load(aborted and aborted.size)
            is_scanned = scanned_after is not None and (
                base > scanned_after or (name == names[-1] and entry.size <= SCAN_CHUNK)
            )
            if not sound and is_scanned:
                for one, found in ((segment.index, index), (segment.times, times)):
                    if found is not None:
                        one.reset()
            elif not sound:
                self._rebuild(segment, missing=index is None or times is None)
            self._segments.append(segment)
        if not self._segments:
            self._add_segment(0)

    def _rebuild(self, segment: Segment, *, missing: bool) -> None:
        if segment.size and not missing:
            self._report(f"{segment.index.path} is damaged; it is made again from the log.")
        try:
            segment.rebuild_indexes(self._interval)
        except CorruptBatch as error:
            self._report(f"Damage found while an index was made again: {error}")

    def _add_segment(self, base_offset: int) -> None:
        segment = Segment(self._files, self._directory, base_offset, self._now_ms)
        segment.create()
        self._segments.append(segment)

    def _remove(self, segment: Segment) -> None:
        for path in segment.paths():
            self._files.forget(path)
            self._disk.remove(path)

    # --- the end ----------------------------------------------------------------------------

    def _load_end(self) -> int | None:
        """The end after a clean stop; None when it is not what a clean stop leaves."""
        try:
            return self._segments[-1].load_tail(self._interval)
        except CorruptBatch as error:
            self._report(f"Not as a clean stop leaves it: {error}")
            return None

    def _recover(self, recovery_point: int, epochs: LeaderEpochs) -> int:
        """Verifies and indexes from the recovery point on; cuts. The log end offset."""
        first = 0
        for number, segment in enumerate(self._segments):
            if segment.base_offset <= recovery_point:
                first = number
        end = self._segments[first].base_offset
        for number in range(first, len(self._segments)):
            segment = self._segments[number]
            size = segment.size
            sound, end = self._recover_segment(segment, recovery_point, epochs)
            if not sound or self._has_hole(number, end):
                if end < recovery_point:
                    self._keep_damaged(number, size)
                self._cut(number, size, end)
                break
            if number < len(self._segments) - 1:
                segment.seal()
        return end

    def _has_hole(self, number: int, end: int) -> bool:
        """Does the next segment begin later than this one ends? Compaction leaves that behind; in
        any other log the end of this segment never reached the disk."""
        is_last = number == len(self._segments) - 1
        if is_last or self._config.is_compacted:
            return False
        return self._segments[number + 1].base_offset > end

    def _recover_segment(
        self, segment: Segment, recovery_point: int, epochs: LeaderEpochs
    ) -> tuple[bool, int]:
        if not segment.index.verify(segment.size - 1) or not segment.times.verify(0x7FFFFFFF):
            self._report(f"{segment.index.path} was not complete; it is made again from there.")
        end = segment.base_offset
        position = segment.rewind(recovery_point)
        transactions = segment.aborted.count
        try:
            for found, _ in segment.recover(position, self._interval):
                header = found.header
                end = header.next_offset
                transactions += header.attributes & (TRANSACTIONAL | CONTROL)
                if header.leader_epoch > epochs.latest:
                    epochs.assign(header.leader_epoch, header.base_offset)
        except CorruptBatch as error:
            self._report(f"Recovery stops at: {error}")
            return False, end
        finally:
            if transactions and self._transactions_from is None:
                self._transactions_from = segment
        return True, end

    def _index_aborted(self, first: Segment, snapshots: Snapshots, start: int) -> None:
        """Makes the indexes of aborted transactions again, from that segment on: they may not have
        reached the disk, and readers of committed records would be given aborted ones."""
        producers = snapshots.before(first.base_offset, start, self._report)
        aborted: dict[Segment, list[AbortedTransaction]] = {
            segment: [] for segment in self._segments if segment.base_offset >= first.base_offset
        }
        for segment, ended in replay(self._segments, producers):
            if ended.is_aborted and segment in aborted:
                aborted[segment].append(producers.aborted(ended))
        for segment, entries in aborted.items():
            segment.aborted.replace(entries)

    def _cut(self, number: int, size_before: int, end: int) -> None:
        segment = self._segments[number]
        segment.file.truncate(segment.size)
        later = self._segments[number + 1 :]
        lost = size_before - segment.size + sum(one.size for one in later)
        for one in later:
            self._remove(one)
        del self._segments[number + 1 :]
        self._report(
            f"{segment.path}: cut at byte {segment.size}, {lost} bytes behind offset {end - 1}"
            f" are gone ({len(later)} later segments)."
        )

    def _keep_damaged(self, number: int, size_before: int) -> None:
        """What is going to be cut had been synced, so it is not what a crash leaves: it is kept
        beside, for somebody who may know how to read it."""
        segment = self._segments[number]
        path = f"{segment.path}.damaged"
        kept = self._disk.open(path, create=True)
        kept.truncate(0)
        for position in range(segment.size, size_before, SCAN_CHUNK):
            chunk = segment.file.pread(min(SCAN_CHUNK, size_before - position), position)
            kept.append((chunk,), position - segment.size)
        kept.sync()
        self._report(f"What stood there had been synced; it is kept as {path}.")
        for later in self._segments[number + 1 :]:
            self._disk.rename(later.path, f"{later.path}.damaged")
            self._report(f"The segment behind it is kept as {later.path}.damaged.")

    def _start_over(self, end: int, log_start_offset: int) -> None:
        """Kafka's deleteSegmentsIfLogStartGreaterThanLogEnd."""
        if end:
            self._report(
                f"{self._directory}: the log ends at {end}, before its start {log_start_offset};"
                f" it starts over there."
            )
        for segment in self._segments:
            self._remove(segment)
        self._segments.clear()
        self._add_segment(log_start_offset)
