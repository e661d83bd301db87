"""The layouts of the small files in Kafka's folder. (Batches are in `records`.)

Sources: Apache Kafka 4.3, storage/internals/log (OffsetIndex, TimeIndex, TransactionIndex,
ProducerStateManager), storage/internals/checkpoint, metadata/properties/MetaProperties.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct
from typing import NamedTuple

from moldau.protocol import uuids
from moldau.protocol.crc import crc32c
from moldau.protocol.properties import as_mapping

OFFSET_ENTRY = Struct(">iI")  # offset relative to the segment's base, position of the batch
TIME_ENTRY = Struct(">qi")  # timestamp, offset relative to the segment's base
ABORTED_ENTRY = Struct(">hqqqq")  # version, producer id, first, last, last stable offset

_SNAPSHOT_HEAD = Struct(">hI")
_SNAPSHOT_COUNT = Struct(">i")
_SNAPSHOT_ENTRY = Struct(">qhiqiqiq")
_SNAPSHOT_VERSION = 1


class CorruptFile(ValueError):
    """A file is not what its name says. The text says what is wrong in it."""


class ProducerEntry(NamedTuple):
    """One producer in a .snapshot file (ProducerSnapshot.json)."""

    producer_id: int
    epoch: int
    last_sequence: int
    last_offset: int
    offset_delta: int
    timestamp: int
    coordinator_epoch: int
    current_txn_first_offset: int


def segment_name(base_offset: int) -> str:
    """Twenty digits, the stem of all the files of a segment."""
    return f"{base_offset:020d}"


def segment_offset(name: str) -> int | None:
    """The offset in a file name such as 00000000000000000042.log; None when it has none."""
    stem = name.partition(".")[0]
    return int(stem) if len(stem) == 20 and stem.isascii() and stem.isdigit() else None


def write_producers(entries: Iterable[ProducerEntry]) -> bytes:
    packed = [_SNAPSHOT_ENTRY.pack(*entry) for entry in entries]
    rest = _SNAPSHOT_COUNT.pack(len(packed)) + b"".join(packed)
    return _SNAPSHOT_HEAD.pack(_SNAPSHOT_VERSION, crc32c(rest)) + rest


def read_producers(content: bytes) -> list[ProducerEntry]:
    """Raises CorruptFile."""
    start = _SNAPSHOT_HEAD.size + _SNAPSHOT_COUNT.size
    if len(content) < start:
        raise CorruptFile(f"a producer snapshot of {len(content)} bytes is cut off")
    version, crc = _SNAPSHOT_HEAD.unpack_from(content)
    if version != _SNAPSHOT_VERSION:
        raise CorruptFile(f"a producer snapshot of version {version}; only 1 exists")
    if crc32c(content[_SNAPSHOT_HEAD.size :]) != crc:
        raise CorruptFile("the checksum of a producer snapshot does not hold")
    (count,) = _SNAPSHOT_COUNT.unpack_from(content, _SNAPSHOT_HEAD.size)
    if len(content) - start != count * _SNAPSHOT_ENTRY.size:
        raise CorruptFile(f"a producer snapshot says {count} entries and has another length")
    return [ProducerEntry._make(one) for one in _SNAPSHOT_ENTRY.iter_unpack(content[start:])]


def _write_checkpoint(lines: list[str]) -> bytes:
    return "\n".join(("0", str(len(lines)), *lines, "")).encode()


def _read_checkpoint(content: bytes, fields: int) -> list[list[str]]:
    """Lines of `fields` words after version and count (CheckpointFile.java). Apache Kafka makes
    empty files at its start, which say nothing yet."""
    if not content:
        return []
    try:
        lines = content.decode().splitlines()
        version, count = int(lines[0]), int(lines[1])
    except (UnicodeDecodeError, ValueError, IndexError):
        raise CorruptFile("a checkpoint must begin with its version and a count") from None
    if version != 0:
        raise CorruptFile(f"a checkpoint of version {version}; only 0 exists")
    entries = [line.split() for line in lines[2:]]
    if len(entries) != count or any(len(entry) != fields for entry in entries):
        raise CorruptFile(f"a checkpoint says {count} entries of {fields} words and has others")
    return entries


def write_epochs(entries: Iterable[tuple[int, int]]) -> bytes:
    """leader-epoch-checkpoint: (epoch, start offset)."""
    return _write_checkpoint([f"{epoch} {start}" for epoch, start in entries])


def read_epochs(content: bytes) -> list[tuple[int, int]]:
    """Raises CorruptFile."""
    try:
        return [(int(epoch), int(start)) for epoch, start in _read_checkpoint(content, 2)]
    except ValueError as error:
        raise CorruptFile(f"leader-epoch-checkpoint: {error}") from None


def write_offsets(offsets: Mapping[tuple[str, int], int]) -> bytes:
    """recovery-point-, log-start- and replication-offset-checkpoint."""
    return _write_checkpoint([f"{t} {p} {offset}" for (t, p), offset in offsets.items()])


def read_offsets(content: bytes) -> dict[tuple[str, int], int]:
    """Raises CorruptFile."""
    try:
        return {(t, int(p)): int(offset) for t, p, offset in _read_checkpoint(content, 3)}
    except ValueError as error:
        raise CorruptFile(f"an offset checkpoint: {error}") from None


def write_partition_metadata(topic_id: bytes) -> bytes:
    return f"version: 0\ntopic_id: {uuids.to_text(topic_id)}".encode()


def read_partition_metadata(content: bytes) -> bytes:
    """The topic id. Raises CorruptFile."""
    try:
        lines = dict(line.split(": ", 1) for line in content.decode().splitlines())
        if lines["version"] != "0":
            raise CorruptFile(f"partition.metadata of version {lines['version']}; only 0 exists")
        return uuids.from_text(lines["topic_id"])
    except (KeyError, ValueError) as error:
        raise CorruptFile(f"partition.metadata is damaged: {error}") from None


class MetaProperties(NamedTuple):
    """meta.properties, version 1. `directory_id` None: written by an older Kafka."""

    cluster_id: str
    node_id: int
    directory_id: str | None


def write_meta(meta: MetaProperties) -> bytes:
    lines = [f"cluster.id={meta.cluster_id}"]
    if meta.directory_id is not None:
        lines.append(f"directory.id={meta.directory_id}")
    return "\n".join(("#", *lines, f"node.id={meta.node_id}", "version=1", "")).encode()


def read_meta(content: bytes) -> MetaProperties:
    """Raises CorruptFile, also for the files of brokers that used ZooKeeper (version 0)."""
    try:
        values = as_mapping(content.decode())
        if values["version"] != "1":
            raise CorruptFile(
                f"meta.properties has version {values['version']}; only 1 (KRaft) is supported"
            )
        node_id = values["node.id"]
        if not node_id.isdecimal():
            raise CorruptFile(f"meta.properties has node.id {node_id!r}, which is no number")
        return MetaProperties(values["cluster.id"], int(node_id), values.get("directory.id"))
    except KeyError as error:
        raise CorruptFile(f"meta.properties lacks {error}") from None
    except UnicodeDecodeError as error:
        raise CorruptFile(f"meta.properties is damaged: {error}") from None


def write_clean_shutdown(broker_epoch: int = -1) -> bytes:
    """.kafka_cleanshutdown, JSON (CleanShutdownFileHandler.java)."""
    return b'{"version":0,"brokerEpoch":%d}' % broker_epoch
