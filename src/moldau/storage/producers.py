"""The producers that a log remembers, so that a batch sent twice is kept once.

Rules and messages: Apache Kafka, ProducerStateManager, ProducerStateEntry, ProducerAppendInfo.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from struct import Struct
from typing import NamedTuple

from moldau.protocol.errors import ErrorCode
from moldau.protocol.files import ProducerEntry
from moldau.protocol.records import BatchHeader, CorruptBatch, iterate, last_sequence
from moldau.storage.aborted import AbortedTransaction, CompletedTransaction
from moldau.storage.outcome import ActiveProducer, Refused

REMEMBERED = 5  # batches of each producer
_MAX_SEQUENCE = 0x7FFFFFFF
_COORDINATOR_EPOCH = Struct(">hi")
_MARKER_KEY = Struct(">hh")
_ABORT, _COMMIT = 0, 1


class Batch(NamedTuple):
    first_sequence: int
    last_sequence: int
    first_offset: int
    last_offset: int
    timestamp: int


class Producer:
    __slots__ = ("batches", "coordinator_epoch", "epoch", "last_timestamp", "txn_first_offset")

    def __init__(self, epoch: int, timestamp: int) -> None:
        self.epoch = epoch
        self.last_timestamp = timestamp
        self.coordinator_epoch = -1
        self.txn_first_offset = -1
        self.batches: deque[Batch] = deque(maxlen=REMEMBERED)

    @property
    def last_sequence(self) -> int:
        return self.batches[-1].last_sequence if self.batches else -1


class Producers:
    """`end_offset` is the offset up to which the state is that of the log, `open_transactions`
    says by producer where its transaction that has no end yet begins. Of the batches before
    `forgotten_to` only the last of each producer is known."""

    __slots__ = ("_producers", "end_offset", "forgotten_to", "open_transactions")

    def __init__(self) -> None:
        self._producers: dict[int, Producer] = {}
        self.end_offset = 0
        self.forgotten_to = 0
        self.open_transactions: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._producers)

    def check(self, producer_id: int, epoch: int, sequence: int, delta: int) -> Batch | str | None:
        """May a client's batch be appended? None: yes. A Batch: it was, then. A sentence: no,
        out of order (see `refused`)."""
        producer = self._producers.get(producer_id)
        if producer is None:
            return None  # any sequence: what this producer wrote before may have been deleted
        if epoch == producer.epoch:
            last = producer.last_sequence
            if sequence == last + 1:
                return None
            end = last_sequence(sequence, delta)
            for batch in producer.batches:
                if batch.first_sequence == sequence and batch.last_sequence == end:
                    return batch
            if sequence == 0 and last == _MAX_SEQUENCE:
                return None
            return f"{sequence} (incoming seq. number), {last} (current end sequence number)"
        if epoch < producer.epoch:
            return f"{epoch} (request epoch), {producer.epoch} (last seen epoch)"
        if sequence != 0:
            return (
                f"{epoch} (request epoch), {sequence} (seq. number),"
                f" {producer.epoch} (current producer epoch)"
            )
        return None

    def refused(self, why: str, producer_id: int, epoch: int, offset: int, where: str) -> Refused:
        """The answer to a client whose batch `check` found out of order."""
        producer = self._producers[producer_id]
        if epoch < producer.epoch:
            return Refused(
                ErrorCode.INVALID_PRODUCER_EPOCH,
                f"Epoch of producer {producer_id} at offset {offset} in {where} is {epoch},"
                f" which is smaller than the last seen epoch {producer.epoch}",
            )
        return Refused(
            ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
            f"Out of order sequence number for producer {producer_id} at offset {offset}"
            f" in partition {where}: {why}",
        )

    def appended(
        self, producer_id: int, epoch: int, sequence: int, delta: int, offset: int, timestamp: int
    ) -> None:
        """A data batch of this producer is in the log, its first record at `offset`."""
        producer = self._producers.get(producer_id)
        if producer is None:
            producer = self._producers[producer_id] = Producer(epoch, timestamp)
        elif producer.epoch != epoch:
            producer.batches.clear()
            producer.epoch = epoch
        producer.last_timestamp = timestamp
        end = last_sequence(sequence, delta)
        producer.batches.append(Batch(sequence, end, offset, offset + delta, timestamp))

    def recall(self, headers: Iterable[BatchHeader]) -> None:
        """The batches before `forgotten_to`, of which the snapshot knew only the last of each
        producer."""
        self.forgotten_to = 0
        found: defaultdict[int, deque[Batch]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        for header in headers:
            producer = self._producers.get(header.producer_id)
            if (
                producer is not None
                and producer.batches
                and not header.is_control
                and producer.epoch == header.producer_epoch
                and producer.batches[0].first_offset > header.base_offset
            ):
                batch = Batch(
                    header.base_sequence,
                    header.last_sequence,
                    header.base_offset,
                    header.last_offset,
                    header.max_timestamp,
                )
                found[header.producer_id].append(batch)
        for producer_id, earlier in found.items():
            producer = self._producers[producer_id]
            producer.batches = deque((*earlier, *producer.batches), maxlen=REMEMBERED)

    def replay(self, header: BatchHeader, batch: memoryview) -> CompletedTransaction | None:
        """A batch that is in the log already. The transaction that it ends."""
        self.end_offset = header.next_offset
        if header.producer_id < 0:
            return None
        if header.is_control:
            return self._end_transaction(header, batch)
        self.appended(
            header.producer_id,
            header.producer_epoch,
            header.base_sequence,
            header.last_offset_delta,
            header.base_offset,
            header.max_timestamp,
        )
        producer = self._producers[header.producer_id]
        if header.is_transactional and producer.txn_first_offset < 0:
            producer.txn_first_offset = header.base_offset
            self.open_transactions[header.producer_id] = header.base_offset
        return None

    def _end_transaction(
        self, header: BatchHeader, batch: memoryview
    ) -> CompletedTransaction | None:
        marker = next(iterate(batch), None)
        if marker is None or marker.key is None or marker.value is None:
            return None  # cleaning has emptied it
        if len(marker.key) < _MARKER_KEY.size or len(marker.value) < _COORDINATOR_EPOCH.size:
            raise CorruptBatch(f"the control record at offset {header.base_offset} is too short")
        kind = _MARKER_KEY.unpack_from(marker.key)[1]
        if kind not in (_ABORT, _COMMIT):
            return None
        producer = self._producers.get(header.producer_id)
        if producer is None:
            producer = Producer(header.producer_epoch, marker.timestamp)
            self._producers[header.producer_id] = producer
        elif producer.epoch != header.producer_epoch:
            producer.batches.clear()
            producer.epoch = header.producer_epoch
        producer.last_timestamp = marker.timestamp
        producer.coordinator_epoch = _COORDINATOR_EPOCH.unpack_from(marker.value)[1]
        producer.txn_first_offset = -1
        first = self.open_transactions.pop(header.producer_id, None)
        if first is None:
            return None  # one without records, of which no reader need know
        return CompletedTransaction(header.producer_id, first, marker.offset, kind == _ABORT)

    def first_unstable_offset(self) -> int | None:
        """Where the oldest open transaction begins; None when there is none."""
        return min(self.open_transactions.values(), default=None)

    def aborted(self, ended: CompletedTransaction) -> AbortedTransaction:
        """What the index keeps of an aborted transaction that has just ended."""
        stable = self.first_unstable_offset()
        return AbortedTransaction(
            ended.producer_id,
            ended.first_offset,
            ended.last_offset,
            ended.last_offset + 1 if stable is None else stable,
        )

    def expire(self, now_ms: int, expiration_ms: int) -> None:
        """Forgets producers that have been silent for producer.id.expiration.ms."""
        silent = [
            one
            for one, producer in self._producers.items()
            if producer.txn_first_offset < 0 and now_ms - producer.last_timestamp >= expiration_ms
        ]
        for one in silent:
            del self._producers[one]

    def active(self) -> list[ActiveProducer]:
        return [
            ActiveProducer(
                one,
                producer.epoch,
                producer.last_sequence,
                producer.last_timestamp,
                producer.coordinator_epoch,
                producer.txn_first_offset,
            )
            for one, producer in self._producers.items()
        ]

    # --- snapshots --------------------------------------------------------------------------

    def to_entries(self) -> list[ProducerEntry]:
        """A snapshot keeps the last batch of each producer only, as Kafka's does."""
        entries = []
        for one, producer in self._producers.items():
            last = producer.batches[-1] if producer.batches else None
            entries.append(
                ProducerEntry(
                    one,
                    producer.epoch,
                    producer.last_sequence,
                    last.last_offset if last else -1,
                    last.last_offset - last.first_offset if last else 0,
                    producer.last_timestamp,
                    producer.coordinator_epoch,
                    producer.txn_first_offset,
                )
            )
        return entries

    def load(self, entries: Iterable[ProducerEntry], end_offset: int) -> None:
        self._producers.clear()
        self.open_transactions.clear()
        self.end_offset = self.forgotten_to = end_offset
        for entry in entries:
            producer = Producer(entry.epoch, entry.timestamp)
            producer.coordinator_epoch = entry.coordinator_epoch
            producer.txn_first_offset = entry.current_txn_first_offset
            if entry.current_txn_first_offset >= 0:
                self.open_transactions[entry.producer_id] = entry.current_txn_first_offset
            if entry.last_offset >= 0:
                delta = entry.offset_delta
                first = entry.last_sequence
                if first >= 0:
                    first = (first - delta) & _MAX_SEQUENCE
                producer.batches.append(
                    Batch(
                        first,
                        entry.last_sequence,
                        entry.last_offset - delta,
                        entry.last_offset,
                        entry.timestamp,
                    )
                )
            self._producers[entry.producer_id] = producer
