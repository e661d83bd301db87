"""Fetch, versions 4-18: regions of the log, at once or when there is enough.

- Answered at once when `min_bytes` are there, when any partition has an error, when nothing is
  asked for or `max_wait_ms` is 0; else parked until an append or the deadline.
- At least one whole batch, the one that holds the offset, even beyond the limits (KIP-74);
  never beyond `max_bytes` otherwise.
- Who reads committed records is told of the aborted transactions among them (a folder that Apache
  Kafka wrote may hold some), and gets nothing behind the beginning of an open one.
- v7: incremental sessions (KIP-227). v9: leader epoch fencing (KIP-320). v12: diverging epochs
  (KIP-595). v13: topic ids (KIP-516). v16: node endpoints, only for other leaders (KIP-951).
- Records are never null, not even beside an error: librdkafka expects them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.broker.fetch_session import INITIAL_EPOCH, NO_SESSION, Key, Session, asked
from moldau.broker.partition import storage_error
from moldau.protocol.codec import size_of
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.fetch import (
    AbortedTransaction,
    EpochEndOffset,
    FetchableTopicResponse,
    FetchPartition,
    FetchResponse,
    PartitionData,
)
from moldau.storage.disk import DiskError
from moldau.storage.log import OffsetOutOfRange, Slice

if TYPE_CHECKING:
    from moldau.broker.node import Node
    from moldau.broker.partition import Partition
    from moldau.broker.request import Request
    from moldau.storage.log import Log

READ_COMMITTED = 1
_FRAME_LENGTH = 4  # counts as a part of an answer for the quota of its consumer
# They come last in an answer, in this order, as in Kafka (KafkaApis.handleFetchRequest).
_UNKNOWN = (ErrorCode.UNKNOWN_TOPIC_ID, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)

Read = list[tuple[Key, PartitionData]]


def handle(node: Node, request: Request) -> FetchResponse | None:
    body = request.body
    session, error = node.sessions.begin(body, request.version, request.now_ms)
    if error:
        return FetchResponse(error_code=error)
    fetch = Fetch(node, request, session)
    read, size, failed = fetch.read()
    if failed or not read or size >= min(body.min_bytes, fetch.room) or body.max_wait_ms <= 0:
        return fetch.response(read)
    fetch.park(size)
    return None


class Fetch:
    """One request from its first reading to its answer."""

    __slots__ = ("_asked", "_missing", "_node", "_parked", "_request", "_session", "_timer", "room")

    def __init__(self, node: Node, request: Request, session: Session | None) -> None:
        self._node = node
        self._request = request
        self._session = session
        self._asked = asked(request.body, session, request.version)
        self._parked: list[Partition] = []
        self.room = min(request.body.max_bytes, node.fetch_max_bytes)
        if node.meter is not None:
            self.room = node.meter.fetch_room(request, self.room)

    # --- reading ----------------------------------------------------------------------------

    def read(self) -> tuple[Read, int, bool]:
        """The partitions, the bytes of records among them, and whether one had an error."""
        room = self.room
        size, failed = 0, False
        read: Read = []
        unknown: dict[int, Read] = {code: [] for code in _UNKNOWN}
        for key, wanted in self._asked:
            data = self._read_partition(key, wanted, max(room - size, 0), size == 0)
            size += data.records.size
            failed = failed or data.error_code != 0 or data.diverging_epoch.epoch >= 0
            unknown.get(data.error_code, read).append((key, data))
        return sum(unknown.values(), read), size, failed

    def _read_partition(
        self, key: Key, wanted: FetchPartition, room: int, at_least_one: bool
    ) -> PartitionData:
        partition, error = self._find(key, wanted)
        if partition is None:
            return _failed(wanted.partition, error)
        log = partition.log
        data = PartitionData(
            partition_index=wanted.partition,
            high_watermark=partition.high_watermark,
            last_stable_offset=partition.last_stable_offset,
            log_start_offset=log.log_start_offset,
            aborted_transactions=None,
            records=Slice.EMPTY,
        )
        if wanted.last_fetched_epoch >= 0:
            if log.end_offset_for_epoch(wanted.last_fetched_epoch)[0] == -1:
                return _failed(wanted.partition, ErrorCode.OFFSET_OUT_OF_RANGE)
            if _diverges(partition, wanted, data):
                return data
        up_to = partition.high_watermark
        if self._request.body.isolation_level == READ_COMMITTED:
            data.aborted_transactions = []
            up_to = partition.last_stable_offset
        limit = min(wanted.partition_max_bytes, room)
        try:
            found = log.read(wanted.fetch_offset, limit, up_to, at_least_one)
            if data.aborted_transactions is not None:
                data.aborted_transactions = _aborted(log, wanted.fetch_offset, found)
        except DiskError as error:
            self._node.log(f"A Fetch of {log.where} failed: {error}")
            return _failed(wanted.partition, storage_error(error))
        if isinstance(found, OffsetOutOfRange):
            return _failed(wanted.partition, ErrorCode.OFFSET_OUT_OF_RANGE)
        data.records = found
        return data

    def _find(self, key: Key, wanted: FetchPartition) -> tuple[Partition | None, ErrorCode]:
        topic = key[0]
        name = self._node.topic_name(topic) if isinstance(topic, bytes) else topic
        if name is None:
            return None, ErrorCode.UNKNOWN_TOPIC_ID
        partition = self._node.partition(name, wanted.partition)
        if partition is None:
            return None, self._node.why_missing(name, wanted.partition)
        if self._request.body.replica_id >= 0 or self._request.body.replica_state.replica_id >= 0:
            return None, ErrorCode.NOT_LEADER_OR_FOLLOWER
        # Any negative epoch says nothing here (FetchRequest.optionalEpoch), elsewhere only -1.
        error = self._node.fenced(partition, max(wanted.current_leader_epoch, -1))
        return (None, error) if error else (partition, ErrorCode.NONE)

    # --- waiting ----------------------------------------------------------------------------

    def park(self, size: int) -> None:
        """Waits for the missing bytes, an error or the deadline."""
        self._missing = min(self._request.body.min_bytes, self.room) - size
        for key, wanted in self._asked:
            partition, _ = self._find(key, wanted)
            assert partition is not None, "a partition with an error is answered at once"
            partition.readers[self] = self.appended
            self._parked.append(partition)
        deadline = self._request.now_ms + self._request.body.max_wait_ms
        self._timer = self._node.timers.at(deadline, self.complete)
        self._request.state = self

    def appended(self, size: int) -> None:
        self._missing -= size
        if self._missing <= 0:
            self.complete(0)

    def complete(self, _now_ms: int) -> None:
        """Reads again and answers."""
        self.abandon()
        self._node.respond(self._request, self.response(self.read()[0]))

    def abandon(self) -> None:
        """No longer waits: answered, or the connection is gone."""
        self._timer.cancel()
        self._request.state = None
        for partition in self._parked:
            partition.readers.pop(self, None)
        self._parked.clear()

    # --- the answer -------------------------------------------------------------------------

    def response(self, read: Read) -> FetchResponse:
        session, meter = self._session, self._node.meter
        told = read if session is None else _told(session, read, self._is_full)
        response = self._response(told)
        if meter is not None:
            size = _FRAME_LENGTH + size_of(response, self._request.version)
            throttle = meter.fetch_throttle(self._request, size)
            if throttle:
                return self._throttled(throttle)
        if session is not None:
            _remember(session, read, self._is_full)
        return response

    def _response(self, told: Read) -> FetchResponse:
        session = self._session
        responses: list[FetchableTopicResponse] = []
        last = None
        for (topic, _), data in told:
            if topic != last:  # in the order of partitions: a topic may come again, as in Kafka
                last = topic
                responses.append(
                    FetchableTopicResponse(topic_id=topic)
                    if isinstance(topic, bytes)
                    else FetchableTopicResponse(topic=topic)
                )
            responses[-1].partitions.append(data)
        return FetchResponse(
            session_id=NO_SESSION if session is None else session.id, responses=responses
        )

    @property
    def _is_full(self) -> bool:
        return bool(self._request.body.session_epoch == INITIAL_EPOCH)

    def _throttled(self, throttle_ms: int) -> FetchResponse:
        """Nothing, instead of more than the quota; a session that it would begin does not."""
        session = self._session
        if session is not None and self._is_full:
            self._node.sessions.end(session)
            session = None
        return FetchResponse(
            throttle_time_ms=throttle_ms, session_id=NO_SESSION if session is None else session.id
        )


def _told(session: Session, read: Read, everything: bool) -> Read:
    """What an answer of a session says: at its beginning everything, then what changed."""
    told = []
    for key, data in read:
        watched = session.watched.get(key)
        if watched is not None and (everything or watched.changed(data)):
            told.append((key, data))
    return told


def _remember(session: Session, read: Read, is_first: bool) -> None:
    """What the consumer knows now. What got records goes to the end of the queue; the first answer
    makes the queue, in its order."""
    for key, data in read:
        watched = session.watched.get(key)
        if watched is not None:
            watched.told(data)
            if is_first or data.records.size:
                session.rotate(key)


def _failed(index: int, error: ErrorCode) -> PartitionData:
    return PartitionData(
        partition_index=index,
        error_code=error,
        high_watermark=-1,
        # Kafka finds the unknown before it looks at any log, and says then that there are none.
        aborted_transactions=[] if error in _UNKNOWN else None,
        records=Slice.EMPTY,
    )


def _aborted(log: Log, offset: int, found: Slice | OffsetOutOfRange) -> list[AbortedTransaction]:
    if isinstance(found, OffsetOutOfRange) or not found.size:
        return []
    return [
        AbortedTransaction(producer_id=one.producer_id, first_offset=one.first_offset)
        for one in log.aborted_transactions(offset, found)
    ]


def _diverges(partition: Partition, wanted: FetchPartition, data: PartitionData) -> bool:
    """Did the reader follow a history that this log does not have (KIP-595)? Then it is told
    where the common part ends."""
    epoch, end_offset = partition.log.end_offset_for_epoch(wanted.last_fetched_epoch)
    if epoch < wanted.last_fetched_epoch or end_offset < wanted.fetch_offset:
        data.diverging_epoch = EpochEndOffset(epoch=epoch, end_offset=end_offset)
        return True
    return False
