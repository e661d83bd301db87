"""Snapshots of the metadata, written while the broker serves, and the cutting of the log's front.

One is due by the bytes written since the last, or by time (`metadata.log.max.*`). The image does
not change, so it is encoded a piece at a time between other work. The file is written under
another name; a record that says nothing follows it in the log, and when that is on disk, so is the
file, and it gets its name. After another such record the directory is on disk too: only then may
older snapshots go, and the segments that they needed (KafkaRaftLog.maybeClean).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from moldau.broker.loggers import CONTROLLER
from moldau.cluster.checkpoint import (
    SUFFIX,
    SnapshotId,
    read_snapshot,
    snapshot_batches,
    snapshot_id,
)
from moldau.protocol.primitives import Malformed
from moldau.protocol.records import CorruptBatch
from moldau.storage.disk import DiskError, read_file

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.partition import Partition
    from moldau.broker.stored_metadata import Stored
    from moldau.cluster.image import ClusterImage
    from moldau.cluster.quorum import Quorum
    from moldau.storage.disk import File
    from moldau.storage.log import Refused

PART = f"{SUFFIX}.part"
DELETED = f"{SUFFIX}.deleted"
DAMAGED = ".damaged"


class MetadataSnapshots:
    """`size` counts the bytes of the log since the latest. `note_nothing` appends a record that
    says nothing; `whole` are the snapshots that are on disk, by age, with their times."""

    def __init__(
        self, node: Node, partition: Partition, note_nothing: Callable[[], Refused | None]
    ) -> None:
        broker = node.settings.broker
        self._node = node
        self._partition = partition
        self._note_nothing = note_nothing
        self._say = node.loggers[CONTROLLER]
        self._max_bytes: Any = broker["metadata.log.max.record.bytes.between.snapshots"]
        self._max_ms: Any = broker["metadata.log.max.snapshot.interval.ms"]
        self._retention_bytes: Any = broker["metadata.max.retention.bytes"]
        self._retention_ms: Any = broker["metadata.max.retention.ms"]
        self._since_ms = node.now_ms
        self._is_busy = False
        self.size = 0
        self.whole: dict[SnapshotId, int | None] = {}

    @property
    def _directory(self) -> str:
        return self._partition.log.directory

    def begin(self, stored: Stored) -> None:
        """Takes what a start has found, and tidies up. Raises DiskError."""
        disk = self._node.logs.disk
        for one, why in stored.damaged:
            path = f"{self._directory}/{one.file}"
            # Apache Kafka would stop on it; under another name it is in nobody's way.
            disk.rename(path, path + DAMAGED)
            self._say.warn(f"{path}: {why}. Set aside as {path}{DAMAGED}.")
        for entry in disk.list(self._directory):
            if entry.name.endswith((PART, DELETED)):
                disk.remove(f"{self._directory}/{entry.name}")
        start = self._partition.log.log_start_offset
        for one in [one for one in stored.snapshots if one not in dict(stored.damaged)]:
            if one.end_offset < start:  # the log no longer goes on from it
                disk.remove(f"{self._directory}/{one.file}")
            else:
                self.whole[one] = None
        if stored.snapshot is not None:
            self.whole[stored.snapshot] = stored.timestamp_ms
        self.size = stored.replayed_bytes
        self._clean()

    # --- writing ----------------------------------------------------------------------------

    def consider(self, image: ClusterImage, quorum: Quorum) -> None:
        """Begins a snapshot of the image, which is that of the log's end, when one is due."""
        waited = self._node.now_ms - self._since_ms
        if self.size < self._max_bytes and not 0 < self._max_ms <= waited:
            return
        if self._is_busy:
            return
        self.size, self._since_ms = 0, self._node.now_ms
        log, epoch = self._partition.log, self._partition.leader_epoch
        writing = _Writing(SnapshotId(log.log_end_offset, epoch), self._node.now_ms)
        if writing.id in self.whole:
            return
        writing.batches = snapshot_batches(
            image, quorum, epoch, writing.timestamp_ms, self._node.now_ms
        )
        self._is_busy = True
        writing.path = f"{self._directory}/{writing.id.file.removesuffix(SUFFIX)}-{PART}"
        self._next(writing)

    def _next(self, writing: _Writing) -> None:
        self._node.timers.at(self._node.now_ms, lambda _now_ms: self._step(writing))

    def _step(self, writing: _Writing) -> None:
        try:
            if writing.write_batch(self._node.logs.disk):
                self._next(writing)
                return
        except DiskError as error:
            self._give_up(writing, error)
            return
        self._partition.log.wrote(writing.path)
        self._when_synced(writing, self._publish)

    def _when_synced(self, writing: _Writing, then: Callable[[_Writing], None]) -> None:
        """When everything that was written so far is on disk."""
        refused = self._note_nothing()
        if refused is not None:
            self._is_busy = False
            self._say.warn(f"The snapshot {writing.id.file} waits no longer: {refused.message}")
            return
        end = self._partition.log.log_end_offset
        self._node.when_synced([(self._partition, end)], lambda: then(writing))

    def _publish(self, writing: _Writing) -> None:
        try:
            self._partition.log.rename(writing.path, f"{self._directory}/{writing.id.file}")
        except DiskError as error:
            self._give_up(writing, error)
            return
        self.whole[writing.id] = writing.timestamp_ms
        self._when_synced(writing, self._published)

    def _published(self, _writing: _Writing) -> None:
        self._is_busy = False
        self._clean()

    def _give_up(self, writing: _Writing, error: DiskError) -> None:
        """The next is tried when it is due: the log has everything."""
        self._is_busy = False
        self._say.warn(f"No snapshot of the metadata could be written: {error}")
        try:
            self._node.logs.disk.remove(writing.path)
        except DiskError:
            return  # the next start removes it

    # --- cutting the front ------------------------------------------------------------------

    def _clean(self) -> None:
        """Removes the oldest snapshots, and of the log what only they needed, while both are too
        large or the oldest too old. One snapshot always stays."""
        log, logs = self._partition.log, self._node.logs
        try:
            while len(self.whole) > 1:
                oldest, following, *_ = self.whole
                if not (self._is_too_large() or self._is_too_old(oldest)):
                    return
                log.delete_records(following.end_offset)
                logs.apply_retention(log, self._node.now_ms)
                logs.disk.remove(f"{self._directory}/{oldest.file}")
                del self.whole[oldest]
        except DiskError as error:
            self._say.warn(f"Old snapshots of the metadata could not be removed: {error}")

    def _is_too_large(self) -> bool:
        if self._retention_bytes < 0:
            return False
        found = self._node.logs.disk.list(self._directory)
        snapshots = sum(one.size for one in found if snapshot_id(one.name) is not None)
        return bool(self._partition.log.size + snapshots > self._retention_bytes)

    def _is_too_old(self, one: SnapshotId) -> bool:
        if self._retention_ms < 0:
            return False
        timestamp_ms = self.whole[one]
        if timestamp_ms is None:
            timestamp_ms = self.whole[one] = self._read_time(one)
        return bool(self._node.now_ms - timestamp_ms > self._retention_ms)

    def _read_time(self, one: SnapshotId) -> int:
        try:
            content = read_file(self._node.logs.disk, f"{self._directory}/{one.file}")
            return read_snapshot(content).timestamp_ms
        except (CorruptBatch, Malformed):
            return -1


class _Writing:
    """A snapshot under way."""

    def __init__(self, id: SnapshotId, timestamp_ms: int) -> None:
        self.id = id
        self.timestamp_ms = timestamp_ms
        self.path = ""
        self.batches: Iterator[bytes] = iter(())
        self._file: File | None = None
        self._size = 0

    def write_batch(self, disk: Any) -> bool:
        """False: it was the last. Raises DiskError."""
        if self._file is None:
            self._file = disk.open(self.path, create=True)
            self._file.truncate(0)
        batch = next(self.batches, None)
        if batch is None:
            self._file = None
            return False
        self._file.append((batch,), self._size)
        self._size += len(batch)
        return True
