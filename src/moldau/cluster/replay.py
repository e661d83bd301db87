"""The metadata log replayed into an image.

Records between BeginTransactionRecord and EndTransactionRecord count together or, after
AbortTransactionRecord or when the log ends first, not at all (KIP-868).
"""

from __future__ import annotations

from moldau.cluster.image import ClusterImage, InconsistentMetadata
from moldau.cluster.records import Record, decode_record
from moldau.protocol.codec import Buffer
from moldau.protocol.messages.metadata_log import (
    AbortTransactionRecord,
    BeginTransactionRecord,
    EndTransactionRecord,
)


class MetadataReplay:
    """Replays `__cluster_metadata-0`. Records of control batches are none of its business.

    Replaying only collects; the image is made when it is asked for, once for all records that
    came meanwhile, so that a start with a long log copies nothing twice.
    """

    def __init__(self, image: ClusterImage | None = None) -> None:
        self._image = image or ClusterImage()
        self._committed: list[Record] = []
        self._transaction: list[Record] | None = None

    @property
    def image(self) -> ClusterImage:
        if self._committed:
            records, self._committed = self._committed, []
            self._image = self._image.apply(records)
        return self._image

    @property
    def in_transaction(self) -> bool:
        return self._transaction is not None

    def replay(
        self, key: Buffer | None, value: Buffer | None, offset: int, timestamp_ms: int
    ) -> None:
        """Raises Malformed or InconsistentMetadata, which name what is wrong."""
        if value is None:
            raise InconsistentMetadata(f"the metadata record at offset {offset} has no value")
        self.replay_record(decode_record(value))

    def replay_record(self, record: Record) -> None:
        if isinstance(record, BeginTransactionRecord):
            if self._transaction is not None:
                raise InconsistentMetadata("a transaction begins within another")
            self._transaction = []
        elif isinstance(record, EndTransactionRecord | AbortTransactionRecord):
            if self._transaction is None:
                raise InconsistentMetadata("a transaction ends that did not begin")
            if isinstance(record, EndTransactionRecord):
                self._committed += self._transaction
            self._transaction = None
        elif self._transaction is not None:
            self._transaction.append(record)
        else:
            self._committed.append(record)
