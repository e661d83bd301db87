"""The metadata of a folder as they are stored: the latest snapshot that is whole, and the log
behind it.

Read from the files as they lie, before anything is opened: by the broker, which then goes on with
them or leaves the folder as it was, and by whoever only looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from moldau.cluster.boot import ForeignFolder
from moldau.cluster.checkpoint import (
    BOOTSTRAP_FILE,
    FORMATTED,
    Snapshot,
    SnapshotId,
    read_snapshot,
    snapshot_id,
)
from moldau.cluster.image import ClusterImage
from moldau.cluster.quorum import Quorum
from moldau.cluster.records import METADATA_VERSION_FEATURE, Record, decode_record
from moldau.cluster.replay import committed
from moldau.cluster.topic_names import CLUSTER_METADATA
from moldau.protocol.primitives import Malformed
from moldau.protocol.records import CorruptBatch, iterate
from moldau.storage.at_rest import LogAtRest
from moldau.storage.disk import Disk, read_file
from moldau.storage.handles import OpenFiles

METADATA_DIRECTORY = f"{CLUSTER_METADATA}-0"
QUORUM_STATE = "quorum-state"


class Stored(NamedTuple):
    """What is known of the metadata up to `end_offset`; `damage` says what ends them there before
    the files do. `snapshot` is the one that was used, None: the log alone was; `damaged` says by
    snapshot what is wrong with it. `epoch` is the highest leader epoch that is known of.
    `bootstrap` is what a formatting tool left for the first start, None when the log has begun."""

    image: ClusterImage = ClusterImage()
    quorum: Quorum = Quorum()
    bootstrap: list[Record] | None = None
    in_transaction: bool = False
    snapshots: tuple[SnapshotId, ...] = ()
    snapshot: SnapshotId | None = None
    timestamp_ms: int = -1
    damaged: tuple[tuple[SnapshotId, str], ...] = ()
    damage: str | None = None
    end_offset: int = 0
    replayed_bytes: int = 0
    size: int = 0
    epoch: int = -1


def load_metadata(disk: Disk, data_dir: str) -> Stored:
    """Raises ForeignFolder when what is there is not enough; InconsistentMetadata, Malformed and
    CorruptBatch when it makes no sense; DiskError."""
    directory = f"{data_dir}/{METADATA_DIRECTORY}"
    if disk.stat(directory) is None:
        return Stored(bootstrap=_bootstrap(disk, data_dir, None))
    return _Loading(disk, data_dir, LogAtRest(OpenFiles(disk), directory)).load()


class _Loading:
    def __init__(self, disk: Disk, data_dir: str, log: LogAtRest) -> None:
        self._disk = disk
        self._data_dir = data_dir
        self._log = log
        self._snapshots = tuple(sorted(filter(None, map(snapshot_id, log.entries))))
        self._damaged: dict[SnapshotId, str] = {}
        self._quorum = Quorum()
        self._end = 0
        self._bytes = 0

    def load(self) -> Stored:
        log = self._log
        used, snapshot = self._latest()
        formatted = self._read(FORMATTED) if FORMATTED in self._snapshots else None
        if used is None and log.log_start_offset > 0:
            raise ForeignFolder(self._no_snapshot())
        known = snapshot or formatted
        if known is not None:
            self._quorum = known.quorum
        self._end = start = used.end_offset if used else 0
        stored = committed(self._records(start) if start < log.log_end_offset else ())
        image = ClusterImage().apply(snapshot.records if snapshot else ()).apply(stored.records)
        epoch, voters = self._election()
        quorum = self._quorum
        if not quorum.voter_ids:  # the log may be cut behind the last election
            quorum = quorum._replace(leaders=voters)
        bootstrap = None
        if METADATA_VERSION_FEATURE not in image.features:
            bootstrap = _bootstrap(self._disk, self._data_dir, formatted)
        return Stored(
            image,
            quorum,
            bootstrap,
            stored.in_transaction,
            self._snapshots,
            used,
            snapshot.timestamp_ms if snapshot else -1,
            tuple(self._damaged.items()),
            log.damage if start < log.log_end_offset else None,  # else a snapshot has it all
            self._end,
            self._bytes,
            log.size,
            max(log.latest_epoch, used.epoch if used else -1, epoch),
        )

    def _records(self, start: int) -> Iterator[Record]:
        for header, batch in self._log.iterate(start):
            self._bytes += header.size
            for record in iterate(batch):
                if record.offset < start:
                    continue  # a snapshot may end within a batch
                if header.is_control:
                    self._quorum = self._quorum.replay(record.key, record.value)
                else:
                    yield decode_record(record.value or b"")
            self._end = header.next_offset

    def _latest(self) -> tuple[SnapshotId | None, Snapshot | None]:
        """The latest that is whole and that the log goes on from."""
        for one in reversed(self._snapshots):
            if one != FORMATTED and one.end_offset >= self._log.log_start_offset:
                snapshot = self._read(one)
                if snapshot is not None:
                    return one, snapshot
        return None, None

    def _read(self, one: SnapshotId) -> Snapshot | None:
        try:
            return read_snapshot(read_file(self._disk, f"{self._log.directory}/{one.file}"))
        except (CorruptBatch, Malformed) as error:
            self._damaged[one] = str(error)
            return None

    def _no_snapshot(self) -> str:
        found = "; ".join(f"{one.file}: {what}" for one, what in self._damaged.items())
        return (
            f"their log begins at offset {self._log.log_start_offset}, and there is no snapshot "
            f"of what was before ({found or 'none is there'}). Restore a .checkpoint file in "
            f"{self._log.directory}"
        )

    def _election(self) -> tuple[int, tuple[int, ...]]:
        """Epoch and voters of the last election that Apache Kafka took part in: it may have ended
        with a crash before the log had a record of it. Epoch -1: none, or not to be read."""
        if QUORUM_STATE not in self._log.entries:
            return -1, ()
        import json  # only Apache Kafka leaves such a file

        try:
            state = json.loads(read_file(self._disk, f"{self._log.directory}/{QUORUM_STATE}"))
            voters = tuple(int(one["voterId"]) for one in state.get("currentVoters") or ())
            return int(state["leaderEpoch"]), voters
        except (ValueError, KeyError, TypeError, AttributeError):
            return -1, ()


def _bootstrap(disk: Disk, data_dir: str, formatted: Snapshot | None) -> list[Record] | None:
    """What `kafka-storage format` wrote down for the first start; None: nothing."""
    if formatted is not None and formatted.records:
        return formatted.records
    path = f"{data_dir}/{BOOTSTRAP_FILE}"
    if disk.stat(path) is None:
        return None
    try:
        return read_snapshot(read_file(disk, path)).records
    except (CorruptBatch, Malformed) as error:
        raise ForeignFolder(f"{BOOTSTRAP_FILE} is damaged ({error}): format the folder anew") from (
            error
        )
