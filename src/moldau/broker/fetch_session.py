"""Incremental fetch sessions (KIP-227): the partitions that a consumer watches are sent once, then
only what changed; answers hold only the partitions that have something to say.

Like Apache Kafka's FetchSessionCache: a limited number of slots, and a session that was not used
for two minutes may be evicted for a newcomer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.fetch import FetchPartition, FetchRequest, PartitionData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A partition of a session: (topic name or id, partition).
Key = tuple[str | bytes, int]

NO_SESSION = 0
FINAL_EPOCH = -1
INITIAL_EPOCH = 0
EVICTION_MS = 120_000


class Watched:
    """What the consumer said of a partition last, and what we told it last."""

    __slots__ = ("high_watermark", "log_start_offset", "request")

    def __init__(self, request: FetchPartition) -> None:
        self.request = request
        self.high_watermark = -1
        self.log_start_offset = -1

    def changed(self, data: PartitionData) -> bool:
        """Has the partition something to say?"""
        return (
            data.error_code != 0
            or (data.records is not None and data.records.size > 0)
            or data.high_watermark != self.high_watermark
            or data.log_start_offset != self.log_start_offset
            or data.preferred_read_replica != -1
            or data.diverging_epoch.epoch != -1
        )

    def told(self, data: PartitionData) -> None:
        """The consumer is told so."""
        if data.error_code:
            # An error is repeated in the next answer, whatever the watermark will be.
            self.high_watermark = -1
        else:
            self.high_watermark = data.high_watermark
            self.log_start_offset = data.log_start_offset


class Session:
    __slots__ = ("by_id", "epoch", "id", "last_used_ms", "watched")

    def __init__(self, id: int, now_ms: int, by_id: bool) -> None:
        self.id = id
        self.epoch = 1
        self.by_id = by_id  # topics by id (version 13) or by name: never both in one session
        self.last_used_ms = now_ms
        self.watched: dict[Key, Watched] = {}

    def merge(self, body: FetchRequest) -> None:
        self.watch(body)
        for topic in body.forgotten_topics_data:
            name = topic.topic_id if self.by_id else topic.topic
            for index in topic.partitions:
                self.watched.pop((name, index), None)

    def watch(self, body: FetchRequest) -> None:
        for key, partition in _partitions(body, self.by_id):
            known = self.watched.get(key)
            if known is None:
                self.watched[key] = Watched(partition)
            else:
                known.request = partition

    def rotate(self, last: Key) -> None:
        """This partition goes behind the others: it got data, and none is to starve."""
        self.watched[last] = self.watched.pop(last)


class Sessions:
    """The sessions of a broker. `draw` gives a random session id that is not 0."""

    def __init__(self, slots: int, draw: Callable[[], int]) -> None:
        self._slots = slots
        self._draw = draw
        self._sessions: dict[int, Session] = {}  # the longest unused first

    def __len__(self) -> int:
        return len(self._sessions)

    def begin(
        self, body: FetchRequest, version: int, now_ms: int
    ) -> tuple[Session | None, ErrorCode]:
        """The session of a request, made, continued or ended as it says; None: a full fetch
        without one."""
        by_id = version >= 13
        if body.session_epoch in (FINAL_EPOCH, INITIAL_EPOCH):
            if body.session_id != NO_SESSION:
                self._sessions.pop(body.session_id, None)
            if body.session_epoch == FINAL_EPOCH or version < 7:
                return None, ErrorCode.NONE
            return self._make(body, by_id, now_ms), ErrorCode.NONE
        session = self._sessions.get(body.session_id)
        if session is None:
            return None, ErrorCode.FETCH_SESSION_ID_NOT_FOUND
        if session.epoch != body.session_epoch:
            return None, ErrorCode.INVALID_FETCH_SESSION_EPOCH
        if session.by_id != by_id:
            return None, ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR
        session.merge(body)
        if not session.watched:  # nothing to watch any more: it ends, as in FetchManager.newContext
            del self._sessions[session.id]
            return None, ErrorCode.NONE
        session.epoch = 1 if session.epoch == 0x7FFFFFFF else session.epoch + 1
        session.last_used_ms = now_ms
        self._sessions[session.id] = self._sessions.pop(session.id)
        return session, ErrorCode.NONE

    def clock_moved(self, by_ms: int) -> None:
        for session in self._sessions.values():
            session.last_used_ms += by_ms

    def end(self, session: Session) -> None:
        self._sessions.pop(session.id, None)

    def _make(self, body: FetchRequest, by_id: bool, now_ms: int) -> Session | None:
        if len(self._sessions) >= self._slots and not self._evict(now_ms):
            return None
        id = self._draw()
        while id in self._sessions or id == NO_SESSION:
            id = self._draw()
        session = Session(id, now_ms, by_id)
        session.watch(body)  # what is to be forgotten is not looked at yet, as in Kafka
        self._sessions[id] = session
        return session

    def _evict(self, now_ms: int) -> bool:
        """Room for a new session: the one unused for longest goes, if that was long enough."""
        if not self._sessions:
            return False
        oldest = next(iter(self._sessions.values()))
        if now_ms - oldest.last_used_ms <= EVICTION_MS:
            return False
        del self._sessions[oldest.id]
        return True


def _partitions(body: FetchRequest, by_id: bool) -> Iterator[tuple[Key, FetchPartition]]:
    for topic in body.topics:
        name = topic.topic_id if by_id else topic.topic
        for partition in topic.partitions:
            yield (name, partition.partition), partition


def asked(
    body: FetchRequest, session: Session | None, version: int
) -> list[tuple[Key, FetchPartition]]:
    """The partitions to read, in the order in which they are served."""
    if session is not None:
        return [(key, watched.request) for key, watched in session.watched.items()]
    # Of a partition that is named twice the last counts, at the place of the first.
    return list(dict(_partitions(body, version >= 13)).items())
