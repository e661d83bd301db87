"""The metadata log of this node: what is stored is loaded from it, what is decided is appended.

Snapshots of the image (metadata_snapshots) let it be cut at the front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from moldau.broker.metadata_snapshots import MetadataSnapshots
from moldau.broker.partition import Partition
from moldau.broker.stored_metadata import Stored
from moldau.cluster.quorum import epoch_start
from moldau.cluster.records import Record, encode_record, level_for
from moldau.cluster.topic_names import CLUSTER_METADATA
from moldau.protocol.messages.metadata_log import NoOpRecord
from moldau.protocol.records import CorruptBatch, build
from moldau.protocol.records import Record as LogRecord
from moldau.storage.config import LogConfig
from moldau.storage.log import Appended, Origin, Refused

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.cluster.image import ClusterImage

METADATA_TOPIC_ID = bytes(15) + b"\x01"


def log_config(broker: Mapping[str, Any]) -> LogConfig:
    """Nothing but a snapshot ever shortens this log."""
    return LogConfig(
        cleanup_policy=frozenset(),
        max_message_bytes=(1 << 31) - 1,
        segment_bytes=broker["internal.metadata.log.segment.bytes"]
        or broker["metadata.log.segment.bytes"],
        segment_ms=broker["metadata.log.segment.ms"],
    )


class MetadataJournal:
    """`partition` is the log with its waiters; its leader epoch is the controller's."""

    def __init__(self, node: Node, stored: Stored) -> None:
        """Opens the log that `stored` was read from. Raises DiskError and CorruptBatch."""
        self._node = node
        log = node.logs.metadata_log(CLUSTER_METADATA, log_config(node.settings.broker))
        self.partition = Partition(CLUSTER_METADATA, 0, METADATA_TOPIC_ID, log, stored.epoch + 1)
        node.watch(self.partition)
        self.snapshots = MetadataSnapshots(node, self.partition, self._note_nothing)
        self.quorum = stored.quorum
        if log.log_end_offset < stored.end_offset:
            # Its tail is gone, and what it held is in a snapshot.
            log.start_over(stored.end_offset)
        elif log.log_end_offset > stored.end_offset:
            raise CorruptBatch(
                f"what is behind offset {stored.end_offset} is lost: {stored.damage}"
            )
        self.snapshots.begin(stored)

    @property
    def end_offset(self) -> int:
        return self.partition.log.log_end_offset

    def begin(self) -> Refused | None:
        """Goes on with what is stored, in a new leader epoch."""
        return self._append(epoch_start(self._node.settings.node_id, self.quorum), control=True)

    def write(self, records: Sequence[Record], features: Mapping[str, int]) -> Refused | None:
        """Appends records, at the level of metadata.version that they find or begin."""
        level = level_for(records, features)
        return self._append([(None, encode_record(record, level)) for record in records])

    def written(self, image: ClusterImage) -> None:
        """The image has all that was written: perhaps it is time for a snapshot of it."""
        self.snapshots.consider(image, self.quorum)

    def _note_nothing(self) -> Refused | None:
        return self._append([(None, encode_record(NoOpRecord()))])

    def _append(
        self, pairs: Sequence[tuple[bytes | None, bytes]], *, control: bool = False
    ) -> Refused | None:
        now_ms = self._node.now_ms
        records = [LogRecord(0, now_ms, key, value) for key, value in pairs]
        batch = build(records, control=control)
        result = self.partition.log.append_as_leader(
            memoryview(batch), self.partition.leader_epoch, now_ms, Origin.CONTROLLER
        )
        if not isinstance(result, Appended):
            return result
        self.snapshots.size += len(batch)
        return None
