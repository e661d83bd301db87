"""A partition that this node leads: its log, and who waits for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from moldau.protocol.errors import ErrorCode
from moldau.storage.log import CorruptLog

if TYPE_CHECKING:
    from moldau.storage.disk import DiskError
    from moldau.storage.log import Log


def storage_error(error: DiskError) -> ErrorCode:
    """How a client is told that a read failed. Damage is named as such, because it will not go
    away: librdkafka and Java hand CORRUPT_MESSAGE to the application, and try the other again."""
    if isinstance(error, CorruptLog):
        return ErrorCode.CORRUPT_MESSAGE
    return ErrorCode.KAFKA_STORAGE_ERROR


class SyncWaiters:
    """Calls to make when a log is on disk up to an offset. Offsets are asked for in order."""

    __slots__ = ("_queue",)

    def __init__(self) -> None:
        self._queue: deque[tuple[int, Callable[[], None]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._queue)

    def add(self, offset: int, call: Callable[[], None]) -> None:
        self._queue.append((offset, call))

    def synced(self, offset: int) -> None:
        queue = self._queue
        while queue and queue[0][0] <= offset:
            queue.popleft()[1]()

    def release(self) -> None:
        """The log is gone for good: nobody waits for its disk any more."""
        while self._queue:
            self._queue.popleft()[1]()


class Partition:
    """With one broker the high watermark is the end of the log, as in Apache Kafka."""

    __slots__ = (
        "created_at",
        "index",
        "leader_epoch",
        "log",
        "readers",
        "sync_waiters",
        "topic",
        "topic_id",
    )

    def __init__(
        self, topic: str, index: int, topic_id: bytes, log: Log, leader_epoch: int
    ) -> None:
        self.topic = topic
        self.index = index
        self.topic_id = topic_id
        self.log = log
        self.leader_epoch = leader_epoch
        # The offset of the metadata log up to which the partition's creation is recorded; 0 when
        # it was there at the start.
        self.created_at = 0
        self.sync_waiters = SyncWaiters()
        # Parked fetches: called with the number of bytes that were appended.
        self.readers: dict[object, Callable[[int], None]] = {}

    def lead(self, epoch: int) -> None:
        """This node leads the partition in that epoch."""
        self.leader_epoch = epoch
        self.log.lead(epoch)

    @property
    def high_watermark(self) -> int:
        return self.log.log_end_offset

    @property
    def last_stable_offset(self) -> int:
        """Before it every transaction has ended."""
        unstable = self.log.first_unstable_offset()
        return self.high_watermark if unstable is None else unstable

    def appended(self, size: int) -> None:
        """Tells the readers that wait at the end. A reader may leave while it is told."""
        if self.readers:
            for reader in tuple(self.readers.values()):
                reader(size)
