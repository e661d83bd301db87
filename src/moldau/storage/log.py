"""The log of one partition: append, read, roll, retention, truncation (UnifiedLog, LocalLog)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EIO
from struct import Struct
from zlib import crc32

from moldau.protocol.errors import ErrorCode
from moldau.protocol.files import write_epochs
from moldau.protocol.records import HEADER_SIZE, BatchHeader, CorruptBatch
from moldau.storage import retention, times
from moldau.storage.aborted import AbortedTransaction
from moldau.storage.config import FOREVER, LogConfig
from moldau.storage.disk import Buffer, DiskError, replace_file
from moldau.storage.handles import OpenFiles
from moldau.storage.outcome import (
    ActiveProducer,
    Appended,
    OffsetOutOfRange,
    Origin,
    Refused,
    Region,
    Slice,
    SyncJob,
    TimestampOffset,
)
from moldau.storage.producers import Batch
from moldau.storage.recovery import EPOCHS_FILE, Found, Loader
from moldau.storage.segment import Found as SegmentFound
from moldau.storage.segment import RollLimits, Segment, batches_from
from moldau.storage.snapshots import batches_before
from moldau.storage.validator import validate

__all__ = (
    "ActiveProducer",
    "Appended",
    "CorruptLog",
    "Log",
    "OffsetOutOfRange",
    "Origin",
    "Refused",
    "Region",
    "Slice",
    "SyncJob",
    "TimestampOffset",
)

PRODUCER_EXPIRATION_MS = 24 * 60 * 60 * 1000
SNAPSHOT_AFTER_BYTES = 16 * 1024 * 1024
_FRONT = Struct(">qii")
_new = tuple.__new__  # what a NamedTuple calls in the end


class CorruptLog(DiskError):
    """A segment is damaged where it was read. `filename` and `strerror` say where and how."""


def _nobody(_log: Log, _now_ms: int) -> None:
    """Stands for the manager of a log that has none."""


class Log:
    """`log_start_offset` is the first offset that may be read, `log_end_offset` the next to be
    written; what lies before `synced_offset` is on the disk.

    Methods that read raise DiskError (CorruptLog where a segment is damaged). Not for threads:
    only the files of a SyncJob may be touched elsewhere.
    """

    def __init__(
        self,
        files: OpenFiles,
        directory: str,
        topic: str,
        partition: int,
        config: LogConfig,
        now_ms: int,
        found: Found,
        report: Callable[[str], None],
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.directory = directory
        self.where = f"{topic}-{partition}"
        self.log_start_offset = found.log_start_offset
        self.log_end_offset = found.log_end_offset
        self.synced_offset = found.log_end_offset
        self.producer_expiration_ms = PRODUCER_EXPIRATION_MS
        self.changed: Callable[[Log, int], None] = _nobody  # first append since `checkpointed`
        self.wants_sync: Callable[[Log, int], None] = _nobody  # flush.messages, or a roll
        self._files = files
        self._report = report
        self._segments = found.segments
        self._bases = [segment.base_offset for segment in found.segments]
        self._active = found.segments[-1]
        self._epochs = found.epochs
        self._stored_epoch = found.epochs.latest  # the last that its checkpoint knows
        self._producers = found.producers
        self._snapshots = found.snapshots
        self._has_aborted = any(segment.aborted.count for segment in found.segments)
        self._snapshot_size = 0  # bytes appended since the last snapshot
        self._dirty: set[str] = set()
        self._dirty_directory = False
        self._is_changed = False
        self.is_deleted = False
        self._is_new = False  # its name is not yet known to be on the disk
        self._doomed: list[tuple[int, list[str]]] = []
        self._now_ms = now_ms
        self.config = config
        self._limits = self._roll_limits()
        self._flush_at = self._next_flush()

    @classmethod
    def open(
        cls,
        files: OpenFiles,
        directory: str,
        topic: str,
        partition: int,
        config: LogConfig,
        now_ms: int,
        *,
        recovery_point: int = 0,
        log_start_offset: int = 0,
        clean: bool = False,
        report: Callable[[str], None] = lambda _line: None,
    ) -> Log:
        """Opens the log in `directory`, or begins one. `clean`: the last stop was a clean one.
        `report` is told, in sentences, what was found damaged and what was done about it."""
        is_new = files.disk.stat(directory) is None
        if is_new:
            files.disk.mkdir(directory)
        loader = Loader(files, directory, config, now_ms, report)
        if is_new and not recovery_point and not log_start_offset:
            found = loader.begin()
        else:
            found = loader.load(recovery_point, log_start_offset, clean=clean)
        log = cls(files, directory, topic, partition, config, now_ms, found, report)
        log._is_new = is_new
        if is_new or not clean:
            log.synced_offset = min(recovery_point, log.log_end_offset)
            log._dirty.update(one.path for one in log._segments if one is log._active or one.size)
            log._dirty_directory = True
        if not found.epochs_are_stored:
            log._write_epochs()
        elif found.epochs.entries and not clean:
            log._dirty.add(f"{directory}/{EPOCHS_FILE}")
        return log

    def reconfigure(self, config: LogConfig) -> None:
        """The topic's configuration, from now on."""
        self.config = config
        self._limits = self._roll_limits()
        self._flush_at = self._next_flush()
        self.changed(self, self._now_ms)

    def _roll_limits(self) -> RollLimits:
        config = self.config
        jitter = 0
        if config.segment_jitter_ms:
            # Kafka throws dice so that not all logs roll at once; the name does as well.
            seed = f"{self.where}-{self._active.base_offset}".encode()
            jitter = crc32(seed) % min(config.segment_jitter_ms, config.segment_ms)
        return RollLimits(
            config.segment_bytes,
            config.segment_ms - jitter,
            max(config.segment_index_bytes // 8, 1),
            max(config.segment_index_bytes // 12 - 1, 1),
        )

    def _next_flush(self) -> int:
        if self.config.flush_messages == FOREVER:
            return FOREVER
        return self.synced_offset + self.config.flush_messages - 1

    # --- appending --------------------------------------------------------------------------

    def append_as_leader(
        self,
        records: bytes | memoryview,
        leader_epoch: int,
        now_ms: int,
        origin: Origin = Origin.CLIENT,
    ) -> Appended | Refused:
        """Checks one batch as Kafka does, gives it its offsets and writes it.

        The caller's bytes are neither changed nor copied. A full disk is an answer as well
        (KAFKA_STORAGE_ERROR): nothing was appended, and later appends work when there is room.
        """
        valid = validate(memoryview(records), self.config, now_ms, origin, self.where)
        if isinstance(valid, Refused):
            return valid
        header, rest = valid
        if header.producer_id >= 0 and origin is Origin.CLIENT:
            known = self._producers.check(
                header.producer_id,
                header.producer_epoch,
                header.base_sequence,
                header.last_offset_delta,
            )
            if known is not None:
                if isinstance(known, str) and self._producers.forgotten_to:
                    known = self._recalled(header) or known
                return self._refused_or_duplicate(header, known)
        try:
            return self._write(header, rest, leader_epoch, now_ms)
        except DiskError as error:
            return Refused(ErrorCode.KAFKA_STORAGE_ERROR, str(error))

    def _write(
        self, header: BatchHeader, rest: Buffer, epoch: int, now_ms: int
    ) -> Appended | Refused:
        size = header.batch_length + 12
        first = self.log_end_offset
        last = first + header.last_offset_delta
        max_timestamp = header.max_timestamp
        limits = self._limits
        if size > limits.segment_bytes:
            return self._larger_than_segment(size)
        segment = self._active
        if segment.should_roll(size, last, max_timestamp, now_ms, limits):
            segment = self._roll(now_ms)
        if epoch != self._stored_epoch:
            self._begin_epoch(epoch)
        front = _FRONT.pack(first, header.batch_length, epoch)
        segment.append(
            [front, rest], size, first, last, max_timestamp, self.config.index_interval_bytes
        )
        self.log_end_offset = last + 1
        self._dirty.add(segment.path)
        if header.producer_id >= 0:
            self._remember_producer(header, first, front, rest)
        self._producers.end_offset = last + 1
        self._snapshot_size += size
        if not self._is_changed:
            self._is_changed = True
            self._now_ms = now_ms
            self.changed(self, now_ms)
        if last >= self._flush_at:
            self.wants_sync(self, now_ms)
        append_time = max_timestamp if header.attributes & 8 else -1
        return _new(Appended, (first, last, append_time, self.log_start_offset, False))

    def _remember_producer(
        self, header: BatchHeader, first: int, front: bytes, rest: Buffer
    ) -> None:
        if header.is_control or header.is_transactional:
            written = memoryview(b"".join((front, rest)))
            self._producers.replay(header._replace(base_offset=first), written)
            return
        self._producers.appended(
            header.producer_id,
            header.producer_epoch,
            header.base_sequence,
            header.last_offset_delta,
            first,
            header.max_timestamp,
        )

    def _recalled(self, header: BatchHeader) -> Batch | str | None:
        """Checks again, with what was known before the snapshot that the start was from."""
        producers = self._producers
        producers.recall(batches_before(self._segments, producers.forgotten_to))
        return producers.check(
            header.producer_id,
            header.producer_epoch,
            header.base_sequence,
            header.last_offset_delta,
        )

    def _refused_or_duplicate(self, header: BatchHeader, known: Batch | str) -> Appended | Refused:
        if isinstance(known, str):
            return self._producers.refused(
                known, header.producer_id, header.producer_epoch, self.log_end_offset, self.where
            )
        return Appended(
            known.first_offset,
            known.last_offset,
            known.timestamp,
            self.log_start_offset,
            True,
        )

    def _larger_than_segment(self, size: int) -> Refused:
        return Refused(
            ErrorCode.RECORD_LIST_TOO_LARGE,
            f"Message batch size is {size} bytes in append to partition {self.where}, which"
            f" exceeds the maximum configured segment size of {self.config.segment_bytes}.",
        )

    # --- segments ---------------------------------------------------------------------------

    def roll(self, now_ms: int) -> None:
        """Begins a new segment, unless the newest is empty. Raises DiskError."""
        if self._active.size:
            self._roll(now_ms)

    def _roll(self, now_ms: int) -> Segment:
        """Raises DiskError; then the old segment is still the one to write to."""
        old = self._active
        old.seal()
        self._take_snapshot()
        segment = Segment(self._files, self.directory, self.log_end_offset, now_ms)
        segment.create()  # the last that can fail: an empty segment would hide what follows in old
        self._dirty.update((old.index.path, old.times.path, segment.path))
        self._dirty_directory = True
        self._segments.append(segment)
        self._bases.append(segment.base_offset)
        self._active = segment
        self._limits = self._roll_limits()
        self.wants_sync(self, now_ms)
        return segment

    def _take_snapshot(self) -> None:
        if not self._snapshots.is_current(self.log_end_offset):
            path, gone = self._snapshots.take(self._producers, self.log_end_offset, self._bases)
            self._snapshot_size = 0
            self.wrote(path)
            self._dirty.difference_update(gone)

    def lead(self, epoch: int) -> None:
        """What follows is written in this epoch, and what was written in earlier ones ends here,
        even if nothing follows: a reader of an earlier epoch may ask for that end. Written down
        with the first batch (UnifiedLog.assignEpochStartOffset)."""
        if epoch > self._epochs.latest:
            self._epochs.assign(epoch, self.log_end_offset)

    def _begin_epoch(self, epoch: int) -> None:
        """An epoch that is not written down takes no batch: the next append tries again."""
        self._epochs.assign(epoch, self.log_end_offset)
        self._write_epochs()

    def _write_epochs(self) -> None:
        path = f"{self.directory}/{EPOCHS_FILE}"
        self._files.forget(path)
        content = write_epochs(self._epochs.entries)
        replace_file(self._files.disk, path, content, sync=False)
        self._stored_epoch = self._epochs.latest
        self._dirty.add(path)
        self._dirty_directory = True

    def _remove(self, path: str) -> None:
        self._files.forget(path)
        self._dirty.discard(path)
        self._files.disk.remove(path)

    @property
    def first_segment_offset(self) -> int:
        """Where the log starts if nothing says that it starts later."""
        return self._bases[0]

    @property
    def size(self) -> int:
        """Bytes of all segments, without their indexes."""
        return sum(segment.size for segment in self._segments)

    # --- reading ----------------------------------------------------------------------------

    def read(
        self, offset: int, max_bytes: int, up_to_offset: int, at_least_one: bool
    ) -> Slice | OffsetOutOfRange:
        """The records from the batch that holds `offset` on, all of them before `up_to_offset`.

        At most `max_bytes`, which may cut the last batch as in Kafka; with `at_least_one` the
        first batch is whole whatever its size, without it a first batch that does not fit is
        nothing. Of one segment only; the next read goes on.
        """
        if not self.log_start_offset <= offset <= self.log_end_offset:
            return OffsetOutOfRange(offset, self.log_start_offset, self.log_end_offset)
        up_to_offset = min(up_to_offset, self.log_end_offset)
        if offset >= up_to_offset:
            return Slice.EMPTY
        number = len(self._bases) - 1
        if offset < self._bases[number]:
            number = bisect_right(self._bases, offset) - 1
        segment = self._segments[number]
        position, size = segment.recent_position(offset), None
        if position is None:
            found = self._find(segment, offset)
            while found is None:  # compaction may leave nothing behind an offset in its segment
                number += 1
                if number == len(self._segments) or self._bases[number] >= up_to_offset:
                    return Slice.EMPTY
                segment = self._segments[number]
                found = self._find(segment, offset)
            position, size = found.position, found.header.size
        end = self._end_position(number, up_to_offset)
        available = end - position
        if available > max_bytes:
            if size is None:
                size = self._first_size(segment, position)
            available = max_bytes if size <= max_bytes else size if at_least_one else 0
        if available <= 0:
            return Slice.EMPTY
        return Slice([Region(segment.file, position, available)], available)

    def _end_position(self, number: int, up_to_offset: int) -> int:
        """Where reading ends in a segment: its end, or the batch that holds `up_to_offset`."""
        segment = self._segments[number]
        following = self._bases[number + 1] if number + 1 < len(self._bases) else None
        if up_to_offset >= (self.log_end_offset if following is None else following):
            return segment.size
        found = self._find(segment, up_to_offset)
        return segment.size if found is None else found.position

    def _first_size(self, segment: Segment, position: int) -> int:
        with self._damage_of(segment):
            return next(segment.scan(position, segment.size, chunk=HEADER_SIZE)).header.size

    def _find(self, segment: Segment, offset: int) -> SegmentFound | None:
        """As Segment.find; an index that is wrong is made again."""
        try:
            return segment.find(offset)
        except CorruptBatch:
            pass
        with self._damage_of(segment):
            self._rebuild_indexes(segment)
            return segment.find(offset)

    def _rebuild_indexes(self, segment: Segment) -> None:
        for _ in segment.scan(0, segment.size):
            pass  # were the log itself damaged, a new index would know less than this one
        segment.rebuild_indexes(self.config.index_interval_bytes)
        self._report(f"{segment.index.path} was wrong; it was made again from the log.")

    @contextmanager
    def _damage_of(self, segment: Segment) -> Iterator[None]:
        try:
            yield
        except CorruptBatch as error:
            raise self._corrupt(segment, error) from None

    def _corrupt(self, segment: Segment, error: CorruptBatch) -> CorruptLog:
        self._report(
            f"A segment is damaged, what is behind that place can't be read by offset: {error}."
            f" Restore the file, or move its start behind it with kafka-delete-records."
        )
        return CorruptLog(EIO, str(error), segment.path)

    def iterate(self, from_offset: int) -> Iterator[tuple[BatchHeader, memoryview]]:
        """The batches from the one that holds `from_offset` to the end, in large reads. Their
        bytes are valid until the next one is asked for. Raises CorruptLog."""
        for segment in self._segments_from(from_offset):
            with self._damage_of(segment):
                yield from batches_from([segment], from_offset)

    def _segments_from(self, offset: int) -> list[Segment]:
        return self._segments[max(bisect_right(self._bases, offset) - 1, 0) :]

    # --- times and epochs -------------------------------------------------------------------

    def offset_for_timestamp(self, timestamp: int) -> TimestampOffset | None:
        """The first record that is as late as `timestamp`, or later; None when there is none."""
        for segment in self._segments_from(self.log_start_offset):
            if segment.max_timestamp >= timestamp:
                found = self._first_since(segment, timestamp)
                if found is not None:
                    return found
        return None

    def _first_since(self, segment: Segment, timestamp: int) -> TimestampOffset | None:
        try:
            return times.first_since(segment, self._find, timestamp, self.log_start_offset)
        except CorruptBatch:
            pass
        with self._damage_of(segment):
            self._rebuild_indexes(segment)
            return times.first_since(segment, self._find, timestamp, self.log_start_offset)

    def max_timestamp(self) -> TimestampOffset | None:
        """The latest record and its time; None when no record has a time."""
        latest = max(self._segments, key=lambda segment: segment.max_timestamp)
        with self._damage_of(latest):
            return times.latest(latest, self._find)

    @property
    def latest_epoch(self) -> int:
        """The last leader epoch that has begun; -1 when there was none."""
        return self._epochs.latest

    def end_offset_for_epoch(self, epoch: int) -> tuple[int, int]:
        """(epoch, end offset) of the last epoch up to `epoch`; -1, -1 when it is newer than all."""
        return self._epochs.end_offset_for(epoch, self.log_end_offset)

    def epoch_of(self, offset: int) -> int:
        """The leader epoch in which the record at `offset` was written, -1 when not known."""
        return self._epochs.epoch_of(offset)

    def active_producers(self) -> list[ActiveProducer]:
        return self._producers.active()

    # --- transactions -----------------------------------------------------------------------

    def first_unstable_offset(self) -> int | None:
        """Where the oldest open transaction begins; None when there is none."""
        if not self._producers.open_transactions:
            return None
        return self._producers.first_unstable_offset()

    def aborted_transactions(self, offset: int, found: Slice) -> list[AbortedTransaction]:
        """Those that have records in what was read from `offset` on, and perhaps a few more, in
        the order of their markers (LocalLog.addAbortedTransactions)."""
        if not self._has_aborted:
            return []
        number = bisect_right(self._bases, offset) - 1
        region = found.regions[-1]
        while self._segments[number].path != region.file.path:
            number += 1  # compaction left nothing of that offset's segment
        end = self._segments[number].offset_beyond(region.position + region.length)
        if end is None:
            following = self._bases[number + 1 : number + 2]
            end = following[0] if following else self.log_end_offset
        aborted = []
        for segment in self._segments[number:]:
            some, is_all = segment.aborted.overlapping(offset, end)
            aborted += some
            if is_all:
                break
        return aborted

    # --- deleting ---------------------------------------------------------------------------

    def delete_records(self, offset: int) -> None:
        """Moves the start of the log forward. The files go with the next `apply_retention`; the
        caller writes the checkpoint of start offsets before it answers anybody."""
        if offset > self.log_start_offset:
            self.log_start_offset = min(offset, self.log_end_offset)
            self._cut_epochs()
            self.changed(self, self._now_ms)

    def _cut_epochs(self) -> None:
        """Forgets the epochs before the start. A checkpoint that tells of them does no harm, and a
        disk that is full must not keep old segments from going."""
        if self._epochs.cut_before(self.log_start_offset):
            with suppress(DiskError):
                self._write_epochs()

    def apply_retention(self, now_ms: int) -> int | None:
        """Renames what has served its time to .deleted, as Kafka does. When the next segment will
        have served, ms, or None; a change before that is told by `changed`. Raises DiskError."""
        self._is_changed = False
        self._producers.expire(now_ms, self.producer_expiration_ms)
        count = retention.expired(
            self._segments, self.config, self.log_start_offset, self.log_end_offset, now_ms
        )
        is_all = count == len(self._segments)
        if is_all:
            count -= 1  # a new one takes room, which the others make
        if count:
            self._drop_segments(count, now_ms)
        if is_all:
            self._roll(now_ms)
            self._drop_segments(1, now_ms)
        return retention.deadline_ms(self._segments, self.config)

    def remove_doomed(self, now_ms: int) -> int | None:
        """Removes renamed files after file.delete.delay.ms. When the next are due, ms, or None."""
        while self._doomed and self._doomed[0][0] <= now_ms:
            paths = self._doomed[0][1]
            while paths:
                self._files.disk.remove(paths[-1])
                paths.pop()
            del self._doomed[0]
        return self._doomed[0][0] if self._doomed else None

    def _drop_segments(self, count: int, now_ms: int) -> None:
        going = self._segments[:count]
        del self._segments[:count], self._bases[:count]
        self.log_start_offset = max(self.log_start_offset, self._bases[0])
        doomed: list[str] = []
        self._doomed.append((now_ms + self.config.file_delete_delay_ms, doomed))
        for segment in going:
            for path in segment.paths():
                self._files.forget(path)
                self._dirty.discard(path)
                self._files.disk.rename(path, f"{path}.deleted")
                doomed.append(f"{path}.deleted")
        self._cut_epochs()
        self._snapshots.forget(segment.base_offset for segment in going)
        self._dirty_directory = True

    def truncate_to(self, offset: int) -> None:
        """Drops everything from the batch that holds `offset` on, as a follower does whose leader
        never had it. Raises DiskError."""
        if offset >= self.log_end_offset:
            return
        while len(self._segments) > 1 and self._bases[-1] >= offset:
            for path in self._segments.pop().paths():
                self._remove(path)
            self._snapshots.forget([self._bases.pop()])
        self._active = self._segments[-1]
        with self._damage_of(self._active):
            self._active.truncate(offset, self.config.index_interval_bytes)
            end = self._active.load_tail(self.config.index_interval_bytes)
        self.log_end_offset = max(end, self._active.base_offset)
        self.synced_offset = min(self.synced_offset, self.log_end_offset)
        self.log_start_offset = min(self.log_start_offset, self.log_end_offset)
        self._dirty.add(self._active.path)
        self._dirty_directory = True
        self._limits = self._roll_limits()
        self._flush_at = self._next_flush()
        if self._epochs.cut_from(self.log_end_offset):
            self._write_epochs()
        self._dirty.difference_update(self._snapshots.cut_beyond(self.log_end_offset))
        with self._damage_of(self._active):
            self._producers = self._snapshots.load(
                self._segments,
                self.log_start_offset,
                self.log_end_offset,
                clean=False,
                report=self._report,
            )

    def start_over(self, offset: int) -> None:
        """Drops everything and goes on at an offset behind the end, as one whose beginning is
        kept elsewhere. Raises DiskError."""
        for segment in self._segments:
            for path in segment.paths():
                self._remove(path)
        self._dirty.difference_update(self._snapshots.cut_beyond(-1))
        segment = Segment(self._files, self.directory, offset, self._now_ms)
        segment.create()
        self._active = segment
        self._segments[:], self._bases[:] = [segment], [offset]
        self.log_start_offset = self.log_end_offset = self._producers.end_offset = offset
        self.synced_offset = offset
        self._limits, self._flush_at = self._roll_limits(), self._next_flush()
        self._dirty.add(segment.path)
        self._epochs.cut_from(0)
        self._write_epochs()

    # --- durability -------------------------------------------------------------------------

    @property
    def dirty_files(self) -> int:
        """How many the next job has."""
        return len(self._dirty)

    def sync_job(self, *, opened: bool = True) -> SyncJob:
        """What was written since the last job. After its files and directories are synced, call
        `synced(job.offset)`; when that fails, stop: the next sync would lie. Files that need not be
        `opened`, because their whole volume will be synced, are left out."""
        paths, self._dirty = self._dirty, set()
        files = [self._files.get(path) for path in paths] if opened else []
        directories = [self.directory] if self._dirty_directory else []
        if self._is_new:
            directories.append(self.directory.rpartition("/")[0])
        self._dirty_directory = self._is_new = False
        return SyncJob(files, directories, self.log_end_offset)

    def synced(self, offset: int) -> None:
        """The log is on the disk up to `offset`."""
        if self.synced_offset < offset <= self.log_end_offset:
            self.synced_offset = offset
            self._flush_at = self._next_flush()

    def wrote(self, path: str) -> None:
        """Somebody wrote a new file in the log's directory: the next job takes it along."""
        self._dirty.add(path)
        self._dirty_directory = True

    def rename(self, old: str, new: str) -> None:
        """Gives a file that somebody wrote beside the log its name. Raises DiskError."""
        self._files.forget(old)
        self._files.disk.rename(old, new)
        self._dirty.discard(old)
        self._dirty_directory = True

    def sync(self) -> None:
        """Syncs here and now, for a clean stop and the like. Raises DiskError."""
        job = self.sync_job()
        for file in job.files:
            file.sync()
        for directory in job.directories:
            self._files.disk.sync_dir(directory)
        self.synced(job.offset)

    def watch(self) -> None:
        """The next append is a change again, of which `changed` is told."""
        self._is_changed = False

    def checkpoint(self) -> int:
        """Writes what shortens the next start. The recovery point. Raises DiskError."""
        self.watch()
        self._active.flush_indexes()
        if len(self._producers) and self._snapshot_size >= SNAPSHOT_AFTER_BYTES:
            self._take_snapshot()
        return self.synced_offset

    def close(self, *, sync: bool = True) -> bool:
        """A clean stop: everything is written. True: there was anything to sync, which `sync`
        says to do at once. Raises DiskError."""
        segment = self._active
        is_written = not self._dirty and not self._dirty_directory
        if not (is_written and self._snapshots.is_current(self.log_end_offset)):
            if segment.file.size() != segment.size:
                segment.file.truncate(segment.size)  # what a failed write left behind the end
            segment.seal()
            self._dirty.update((segment.path, segment.index.path, segment.times.path))
            self._take_snapshot()
            is_written = False
        if sync and not is_written:
            self.sync()
        self._files.forget_directory(self.directory)
        return not is_written

    def delete(self, directory: str) -> None:
        """Renames the log's directory to `directory`; its files are for the manager to remove.
        Regions that are being sent stay readable."""
        self._files.forget_directory(self.directory)
        self.is_deleted = True  # before the name goes, for a sync that is under way in a thread
        self._files.disk.rename(self.directory, directory)
        self._dirty.clear()
        self.directory = directory
