"""Snapshots of the metadata: `<end offset>-<leader epoch>.checkpoint` beside the metadata log.

A snapshot holds the records that make the image of everything before its end offset, between a
header and a footer that are control records; without its footer it is not whole. The file that
`kafka-storage format` leaves, `bootstrap.checkpoint`, has the same form. Sources:
RecordsSnapshotWriter, Snapshots and MetadataImage of Apache Kafka.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from moldau.cluster.image import ClusterImage
from moldau.cluster.quorum import Control, KeyValue, Quorum, control, control_type
from moldau.cluster.records import (
    METADATA_VERSION_FEATURE,
    Record,
    decode_record,
    encode_record,
    level_for,
)
from moldau.protocol.codec import Buffer, decode
from moldau.protocol.messages import metadata_log as m
from moldau.protocol.messages.control_records import SnapshotFooterRecord, SnapshotHeaderRecord
from moldau.protocol.records import CorruptBatch, build, check_crc, iterate, parse_header
from moldau.protocol.records import Record as LogRecord

SUFFIX: Final = ".checkpoint"
BOOTSTRAP_FILE: Final = "bootstrap.checkpoint"
_OFFSET_WIDTH, _EPOCH_WIDTH = 20, 10
# Some milliseconds of encoding, in which nobody else is served.
_RECORDS_IN_BATCH = 500


class SnapshotId(NamedTuple):
    """It holds what lies before `end_offset`, whose last record is of leader epoch `epoch`."""

    end_offset: int
    epoch: int

    @property
    def file(self) -> str:
        return f"{self.end_offset:0{_OFFSET_WIDTH}d}-{self.epoch:0{_EPOCH_WIDTH}d}{SUFFIX}"


# What `kafka-storage format` writes for a dynamic quorum: the voters, and from 4.4 on the records
# to begin with, which belong into the log.
FORMATTED: Final = SnapshotId(0, 0)


def snapshot_id(name: str) -> SnapshotId | None:
    """That of a file of this name; None when it is no whole snapshot's."""
    offset, dash, epoch = name.removesuffix(SUFFIX).partition("-")
    is_one = (
        name.endswith(SUFFIX)
        and dash
        and (len(offset), len(epoch)) == (_OFFSET_WIDTH, _EPOCH_WIDTH)
        and f"{offset}{epoch}".isdecimal()
    )
    return SnapshotId(int(offset), int(epoch)) if is_one else None


# --- reading ----------------------------------------------------------------------------------


class Snapshot(NamedTuple):
    """`timestamp_ms` is that of the last record before the end offset."""

    records: list[Record]
    quorum: Quorum
    timestamp_ms: int


def read_snapshot(content: Buffer) -> Snapshot:
    """Raises CorruptBatch where it is damaged or not whole, Malformed where a record makes no
    sense."""
    records: list[Record] = []
    quorum = Quorum(is_in_log=False)
    timestamp_ms, is_whole = -1, False
    for is_control, batch in _batches(content):
        if not is_control:
            records += (decode_record(record.value or b"") for record in iterate(batch))
            continue
        for record in iterate(batch):
            kind = control_type(record.key)
            if kind == Control.SNAPSHOT_HEADER:
                header = decode(SnapshotHeaderRecord, 0, record.value or b"")
                timestamp_ms = header.last_contained_log_timestamp
            is_whole = kind == Control.SNAPSHOT_FOOTER
            quorum = quorum.replay(record.key, record.value)
    if not is_whole:
        raise CorruptBatch(f"it ends after {len(content)} bytes without its footer")
    return Snapshot(records, quorum._replace(is_in_log=False), timestamp_ms)


def _batches(content: Buffer) -> Iterator[tuple[bool, memoryview]]:
    view = memoryview(content)
    position = 0
    while position < len(view):
        header = parse_header(view, position)
        batch = view[position : position + header.size]
        if len(batch) < header.size or not check_crc(batch):
            raise CorruptBatch(f"the batch at byte {position} is cut off or damaged")
        yield header.is_control, batch
        position += header.size


# --- writing ----------------------------------------------------------------------------------


def snapshot_batches(
    image: ClusterImage, quorum: Quorum, epoch: int, timestamp_ms: int, now_ms: int
) -> Iterator[bytes]:
    """The content of a snapshot, to be written piece by piece: the image does not change."""
    header = SnapshotHeaderRecord(last_contained_log_timestamp=timestamp_ms)
    first = [control(Control.SNAPSHOT_HEADER, header), *quorum.described()]
    offset = 0

    def batch(pairs: Sequence[tuple[bytes | None, bytes]], **options: Any) -> bytes:
        nonlocal offset
        records = [LogRecord(0, now_ms, key, value) for key, value in pairs]
        data = build(records, base_offset=offset, leader_epoch=epoch, **options)
        offset += len(records)
        return data

    yield batch(first, control=True)
    level = level_for((), image.features)
    records = image_records(image)
    while some := [(None, encode_record(r, level)) for r in islice(records, _RECORDS_IN_BATCH)]:
        yield batch(some)
    yield batch([_footer()], control=True)


def _footer() -> KeyValue:
    return control(Control.SNAPSHOT_FOOTER, SnapshotFooterRecord())


def image_records(image: ClusterImage) -> Iterator[Record]:
    """The records that make this image. metadata.version comes first: it may say how the others
    are to be read."""
    names = sorted(image.features, key=lambda name: (name != METADATA_VERSION_FEATURE, name))
    for name in names:
        yield m.FeatureLevelRecord(name=name, feature_level=image.features[name])
    for broker in image.brokers.values():
        yield _registration(broker)
    for topic in image.topics.values():
        yield m.TopicRecord(name=topic.name, topic_id=topic.id)
        for index, partition in enumerate(topic.partitions):
            yield _partition(topic.id, index, partition)
    for (kind, resource), values in image.configs.items():
        for name, value in values.items():
            yield m.ConfigRecord(resource_type=kind, resource_name=resource, name=name, value=value)
    if image.next_producer_id:
        yield m.ProducerIdsRecord(broker_id=-1, next_producer_id=image.next_producer_id)
    yield from _client_quotas(image)
    yield from image.others.values()


def _client_quotas(image: ClusterImage) -> Iterator[Record]:
    for whom, limits in image.client_quotas.items():
        for key, limit in limits.items():
            names = [m.EntityData(entity_type=kind, entity_name=name) for kind, name in whom]
            yield m.ClientQuotaRecord(entity=names, key=key, value=limit)


def _registration(broker: Any) -> m.RegisterBrokerRecord:
    return m.RegisterBrokerRecord(
        broker_id=broker.id,
        incarnation_id=broker.incarnation_id,
        broker_epoch=broker.epoch,
        end_points=[
            m.BrokerEndpoint(
                name=name, host=e.host, port=e.port, security_protocol=e.security_protocol
            )
            for name, e in broker.listeners.items()
        ],
        features=[
            m.BrokerFeature(name=name, min_supported_version=low, max_supported_version=high)
            for name, (low, high) in broker.features.items()
        ],
        rack=broker.rack,
        fenced=broker.fenced,
        in_controlled_shutdown=broker.in_controlled_shutdown,
        log_dirs=list(broker.log_dirs),
        cordoned_log_dirs=list(broker.cordoned_log_dirs) or None,
    )


def _partition(topic_id: bytes, index: int, partition: Any) -> m.PartitionRecord:
    return m.PartitionRecord(
        partition_id=index,
        topic_id=topic_id,
        replicas=list(partition.replicas),
        isr=list(partition.isr),
        removing_replicas=list(partition.removing_replicas),
        adding_replicas=list(partition.adding_replicas),
        leader=partition.leader,
        leader_recovery_state=partition.leader_recovery_state,
        leader_epoch=partition.leader_epoch,
        partition_epoch=partition.partition_epoch,
        directories=list(partition.directories),
        eligible_leader_replicas=list(partition.elr) or None,
        last_known_elr=list(partition.last_known_elr) or None,
    )
