"""What the log answers: appended, refused, a slice to send, out of range, what to sync."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import ClassVar, NamedTuple

from moldau.protocol.errors import ErrorCode
from moldau.storage.disk import File


class Origin(Enum):
    """Who appends (AppendOrigin.java). Only a client's batches are distrusted."""

    CLIENT = "client"
    COORDINATOR = "coordinator"
    CONTROLLER = "controller"


class Appended(NamedTuple):
    first_offset: int
    last_offset: int
    log_append_time_ms: int  # -1 with CreateTime
    log_start_offset: int
    duplicate: bool


class Refused(NamedTuple):
    """`is_unframed`: no batch was found in the bytes, so the log was not even asked."""

    code: ErrorCode
    message: str
    record_errors: Sequence[tuple[int, str]] = ()
    is_unframed: bool = False


class Region(NamedTuple):
    """Bytes of a file. Holding it keeps the file readable after retention has removed it."""

    file: File
    position: int
    length: int


class Slice:
    """Records to send. The last batch may be cut off, as in Kafka: readers pass over it."""

    __slots__ = ("regions", "size")
    EMPTY: ClassVar[Slice]

    def __init__(self, regions: list[Region], size: int) -> None:
        self.regions = regions
        self.size = size

    def read(self) -> bytes:
        """The bytes in one piece. For small things and tests; servers send regions."""
        return b"".join(one.file.pread(one.length, one.position) for one in self.regions)


Slice.EMPTY = Slice([], 0)


class OffsetOutOfRange(NamedTuple):
    """Kafka counts the log end offset as in range: there is nothing yet."""

    offset: int
    log_start_offset: int
    log_end_offset: int


class TimestampOffset(NamedTuple):
    timestamp: int
    offset: int
    leader_epoch: int


class SyncJob(NamedTuple):
    """Sync the files, then the directories, then call `log.synced(offset)`."""

    files: list[File]
    directories: list[str]
    offset: int


class ActiveProducer(NamedTuple):
    producer_id: int
    epoch: int
    last_sequence: int
    last_timestamp: int
    coordinator_epoch: int
    current_txn_start_offset: int
