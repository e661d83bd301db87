"""What is in a folder: read from the files as they lie, nothing is written.

The metadata say what there should be; the directories of the partitions, what there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from moldau.broker.stored_metadata import METADATA_DIRECTORY, Stored, load_metadata
from moldau.broker.takeover.coordinated import Group, Transactional, groups_in, transactional_in
from moldau.cluster.topic_names import CLUSTER_METADATA, CONSUMER_OFFSETS, TRANSACTION_STATE
from moldau.protocol.files import CorruptFile, MetaProperties, read_meta, read_offsets
from moldau.storage.at_rest import LogAtRest
from moldau.storage.disk import Disk, read_file
from moldau.storage.handles import OpenFiles
from moldau.storage.manager import CLEAN_FILE, META_FILE, RECOVERY_FILE, START_FILE

# What is no partition that counts: being deleted, set aside, or on its way from another directory.
ASIDE = ("delete", "stray", "future")


class OpenTransaction(NamedTuple):
    producer_id: int
    first_offset: int


class PartitionContents(NamedTuple):
    """`is_there` False: the metadata name it, and the folder has no directory for it."""

    topic: str
    partition: int
    is_there: bool
    log_start_offset: int
    log_end_offset: int
    size: int
    producers: int
    open_transactions: tuple[OpenTransaction, ...]
    aborted: int
    damage: str | None

    @property
    def name(self) -> str:
        return f"{self.topic}-{self.partition}"


class Contents(NamedTuple):
    """`metadata_synced` is up to where the metadata were known to be on the disk; `others` are
    directories that belong to no partition that the metadata name."""

    data_dir: str
    meta: MetaProperties | None
    metadata: Stored
    metadata_synced: int
    is_clean: bool
    partitions: list[PartitionContents]
    groups: list[Group]
    transactional: list[Transactional]
    others: list[str]


def look(disk: Disk, data_dir: str, stored: Stored | None = None) -> Contents:
    """All of it. `stored` are the metadata for whom has them already. Raises ForeignFolder,
    InconsistentMetadata, Malformed, CorruptBatch when the metadata cannot be used; FolderError;
    DiskError."""
    names = {one.name for one in disk.list(data_dir) if one.is_directory}
    stored = stored or load_metadata(disk, data_dir)
    reading = _Reading(disk, data_dir, names)
    partitions = [
        reading.partition(topic.name, index)
        for topic in stored.image.topics.values()
        for index in range(len(topic.partitions))
    ]
    known = {one.name for one in partitions} | {METADATA_DIRECTORY}
    return Contents(
        data_dir,
        _meta(disk, data_dir),
        stored,
        _offsets(disk, data_dir, RECOVERY_FILE).get((CLUSTER_METADATA, 0), 0),
        disk.stat(f"{data_dir}/{CLEAN_FILE}") is not None,
        partitions,
        reading.groups,
        reading.transactional,
        sorted(partition_directories(names) - known),
    )


class _Reading:
    """One look at the partitions, with what their internal topics keep."""

    def __init__(self, disk: Disk, data_dir: str, names: set[str]) -> None:
        self._files = OpenFiles(disk)
        self._data_dir = data_dir
        self._names = names
        self._starts = _offsets(disk, data_dir, START_FILE)
        self.groups: list[Group] = []
        self.transactional: list[Transactional] = []

    def partition(self, topic: str, index: int) -> PartitionContents:
        name = f"{topic}-{index}"
        if name not in self._names:
            return PartitionContents(topic, index, False, 0, 0, 0, 0, (), 0, None)
        start = self._starts.get((topic, index), 0)
        log = LogAtRest(self._files, f"{self._data_dir}/{name}", start)
        producers = log.producers()
        if topic == CONSUMER_OFFSETS:
            self.groups += groups_in(log, name)
        elif topic == TRANSACTION_STATE:
            self.transactional += transactional_in(log, name)
        self._files.forget_directory(log.directory)
        return PartitionContents(
            topic,
            index,
            True,
            log.log_start_offset,
            log.log_end_offset,
            log.size,
            len(producers),
            tuple(OpenTransaction(*one) for one in sorted(producers.open_transactions.items())),
            sum(segment.aborted.count for segment in log.segments),
            log.damage,
        )


def partition_directories(names: set[str]) -> set[str]:
    """Those that look like a partition's, or like one that was renamed."""
    return set(_of_partitions(names))


def _of_partitions(names: set[str]) -> Iterator[str]:
    for name in names:
        stem, _, last = name.rpartition("-")
        if stem and (last.isdigit() or last in ASIDE):
            yield name


def _meta(disk: Disk, data_dir: str) -> MetaProperties | None:
    path = f"{data_dir}/{META_FILE}"
    if disk.stat(path) is None:
        return None
    return read_meta(read_file(disk, path))


def _offsets(disk: Disk, data_dir: str, name: str) -> dict[tuple[str, int], int]:
    """An offset checkpoint; one that is damaged counts as empty, as at a start."""
    path = f"{data_dir}/{name}"
    try:
        return read_offsets(read_file(disk, path)) if disk.stat(path) is not None else {}
    except CorruptFile:
        return {}
