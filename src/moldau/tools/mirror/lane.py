"""One partition on its way from the source to the target: what is read and not yet sent, what is
under way, and what an answer means for it. No sockets here: `copy` feeds and drains it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from enum import Enum

from moldau.client.batches import Appended, Fetched
from moldau.protocol.errors import ErrorCode
from moldau.protocol.raw_records import checksum, raw_records
from moldau.protocol.records import CorruptBatch, batches, parse_header
from moldau.tools.mirror.offset_map import Break
from moldau.tools.mirror.recode import Payload, take
from moldau.tools.mirror.visible import Piece, visible
from moldau.tools.mirror.window import Progress, Unexplained, Window

TopicPartition = tuple[str, int]
# A batch that may contradict another is read back and compared: keep that small.
_COMPARED = 100
# What a producer id wrote at the target is forgotten when the times of its records are older than
# producer.id.expiration.ms, a day by default.
REMEMBERED_MS = 20 * 3_600_000
# So many empty answers in a row mean that there is nothing.
_BELIEVED = 5
_FAR = 1 << 60  # no offset is
_TOO_LARGE = {ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.RECORD_LIST_TOO_LARGE}
_OUT_OF_ORDER = {
    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    ErrorCode.DUPLICATE_SEQUENCE_NUMBER,
}
_REFUSALS = {
    ErrorCode.INVALID_RECORD,
    ErrorCode.INVALID_TIMESTAMP,
    ErrorCode.CORRUPT_MESSAGE,
    ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
    ErrorCode.INVALID_PRODUCER_EPOCH,
    ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
    ErrorCode.POLICY_VIOLATION,
}


class Verdict(Enum):
    """What becomes of a batch whose answer has come."""

    LANDED = "it is in the log"
    SETTLE = "look at the end of the log"
    AGAIN = "send it again, perhaps elsewhere"
    STOPPED = "the partition cannot go on"


class Lane:
    """`start`: where the source's log begins, in source offsets like `position`, from which is
    read next, and `goal`, which is to be reached."""

    def __init__(
        self, place: TopicPartition, target_id: str, progress: Progress, start: int
    ) -> None:
        self.place = place
        self.target_id = target_id
        self.progress = progress
        self.start = start
        self.goal = start
        self.position = start
        self.pieces: deque[Piece] = deque()
        self.window: Window | None = None
        self.payload: Payload | None = None
        self.unwritten: list[Break] = []  # of the map, not yet in the journal
        self.cut_at: int | None = None  # as `unwritten`
        self.trouble: str | None = None
        self.failing_since: float | None = None
        self.not_before = 0.0
        self.quiet_until: float | None = None  # then look at the log before anything is sent
        self.records = self.bytes = 0  # copied in this run
        self._most_records: int | None = None
        self._most_bytes = _FAR
        self._empty_answers = 0
        self.reread()

    @property
    def name(self) -> str:
        return "{}-{}".format(*self.place)

    @property
    def is_there(self) -> bool:
        """Is everything up to the goal at the target?"""
        return self.position >= self.goal and not self.pieces and self.window is None

    @property
    def left(self) -> int:
        """How many source offsets there are still to go."""
        return max(0, min(self.goal, _FAR) - self.covered)

    @property
    def gap(self) -> str | None:
        """What the source has deleted between what was copied and where its log begins now."""
        expected = self.progress.map.next_source
        if 0 <= expected < self.start:
            return (
                f"{self.name}: the source has deleted the offsets {expected} to {self.start - 1} "
                "before they were copied"
            )
        return None

    @property
    def covered(self) -> int:
        """The source offset up to which all that is to be seen is at the target."""
        if self.pieces or self.window is not None:
            return max(self.progress.map.next_source, self.start)
        return self.position

    @property
    def wants(self) -> bool:
        """Is there something to read, and nothing left of what was read before?"""
        return self.trouble is None and not self.pieces and self.position < self.goal

    def fail(self, sentence: str) -> None:
        self.trouble = f"{self.name}: {sentence}"
        self.pieces.clear()
        self.window = self.payload = None

    # --- reading

    def feed(self, fetched: Fetched, *, all_empty: bool) -> None:
        """`all_empty`: no partition of the whole answer has records."""
        if all_empty and fetched.stable_end > self.position:
            self._pass_over(fetched.stable_end)
            return
        self._empty_answers = 0
        if self.window is None:
            self.failing_since = None
        try:
            pieces, self.position = visible(fetched, self.position)
        except CorruptBatch as error:
            self.fail(
                f"the source sends what is no batch of format 2 (Kafka 0.11 and newer): {error}"
            )
            return
        self.pieces.extend(pieces)

    def _pass_over(self, end: int) -> None:
        """A log may end in offsets whose records are all gone. An answer can be empty for other
        reasons too, so not at the first."""
        self._empty_answers += 1
        if self._empty_answers >= _BELIEVED:
            self.position = end

    # --- sending

    def plan(self, most_bytes: int) -> bool:
        """Makes the next window out of what was read; False when there is nothing to send.

        The window is pending from now on: the caller announces it before it sends it.
        """
        if self.window is not None or self.trouble is not None:
            return self.window is not None
        try:
            payload = self._payload(most_bytes)
        except ValueError as error:  # CorruptBatch, TooLargeDecompressed
            self.fail(f"a batch of the source cannot be read: {error}")
            return False
        if payload is None:
            return False
        window = self._window(payload)
        if self.progress.contradicted(window):
            sealed = payload.sealed(-1, -1, -1)
            window = window._replace(digest=checksum(raw_records(parse_header(sealed), sealed)))
        self.progress.plan(window)
        self.window, self.payload = window, payload
        return True

    def _payload(self, most_bytes: int) -> Payload | None:
        most_records = self._most_records
        if self.progress.pending:
            # Perhaps one that was killed announced something else for this place.
            most_records = min(most_records or _COMPARED, _COMPARED)
        while self.pieces:
            payload = take(self.pieces, min(most_bytes, self._most_bytes), most_records)
            if payload is not None:
                return payload
        return None

    def _window(self, payload: Payload) -> Window:
        header = payload.header
        return Window(self.progress.end, header.count, tuple(payload.breaks), header.max_timestamp)

    def batch(self, producer_id: int) -> bytes:
        assert self.window is not None
        assert self.payload is not None
        return self.payload.sealed(producer_id, 0, self.progress.sequence(self.window.first))

    @staticmethod
    def forgotten(window: Window, now_ms: int) -> bool:
        """May the target forget that it has seen this batch, and keep one that comes late twice?"""
        return window.newest < now_ms - REMEMBERED_MS

    def answered(self, answer: Appended) -> Verdict:
        assert self.window is not None
        if answer.error_code == 0:
            if self.window.digest is not None:
                return Verdict.SETTLE
            if answer.base_offset not in (self.window.first, -1):
                self.fail(_foreign(self.window.first, answer.base_offset))
                return Verdict.STOPPED
            self._landed()
            return Verdict.LANDED
        if answer.error_code in _OUT_OF_ORDER:
            return Verdict.SETTLE
        if answer.error_code in _TOO_LARGE and self._split():
            return Verdict.AGAIN
        if answer.error_code in _REFUSALS | _TOO_LARGE:
            self.fail(self._refused(answer))
            return Verdict.STOPPED
        return Verdict.AGAIN

    def _landed(self) -> None:
        assert self.window is not None
        assert self.payload is not None
        self.records += self.window.count
        self.bytes += len(self.payload.records)
        self.unwritten += self.progress.landed(self.window)
        self.window = self.payload = None
        self.failing_since = None
        self._most_records = None

    def settle(self, log_end: int, evidence: Callable[[Window], int | None]) -> bool:
        """The target's log ends at `log_end`. False: what is pending is not there (yet)."""
        if log_end == self.progress.end:
            return False
        if self.progress.map.base <= log_end < self.progress.end:
            self.progress.lost(log_end)
            self.cut_at = log_end
            self.unwritten = [one for one in self.unwritten if one[0] < log_end]
            self.reread()
            return True
        try:
            self.unwritten += self.progress.settle(log_end, evidence)
        except Unexplained as error:
            self.fail(_unexplained(error))
            return True
        self.reread()
        return True

    def reread(self) -> None:
        """What was read and is not at the target is read again, from where the map ends."""
        self.pieces.clear()
        self.window = self.payload = None
        self.position = max(self.progress.map.next_source, self.start)

    def _split(self) -> bool:
        """Too large for the target: half of it, if that is possible, and no more than that is
        joined from now on."""
        assert self.window is not None
        assert self.payload is not None
        if self.window.count == 1:
            return False
        self._most_bytes = min(self._most_bytes, len(self.payload.records) // 2)
        self._most_records = max(1, self.window.count // 2)
        self.reread()
        return True

    def _refused(self, answer: Appended) -> str:
        assert self.window is not None
        assert self.payload is not None
        why = answer.message or ErrorCode(answer.error_code).name
        source = self.window.breaks[0][1]
        if answer.error_code in _TOO_LARGE:
            return (
                f"the record at offset {source} is {len(self.payload.records):,} bytes, too large "
                "for the target: raise max.message.bytes of the topic there and start again"
            )
        return f"the target refuses the records from offset {source} of the source on: {why}"

    # --- when it does not go on

    def postpone(self, seconds: float, patience_s: float, why: str) -> None:
        now = time.monotonic()
        self.not_before = now + seconds
        if self.failing_since is None:
            self.failing_since = now
        elif now - self.failing_since > patience_s:
            self.fail(f"no progress in {patience_s:.0f} s: {why}")


def digest(records: memoryview, first: int, end: int) -> int | None:
    """The checksum of the records from `first` to `end`; None when some are not there."""
    found = [
        record
        for header, data in batches(records)
        if not header.is_control
        for record in raw_records(header, data)
        if first <= record.offset < end
    ]
    return checksum(found) if len(found) == end - first else None


def _foreign(expected: int, found: int) -> str:
    return (
        f"somebody else writes to it at the target (a batch of ours is at offset {found}, not at "
        f"{expected}): delete the topic there, keep other producers away and start again"
    )


def _unexplained(error: Unexplained) -> str:
    return (
        f"somebody else has written to it at the target ({error}): delete the topic there, keep "
        "other producers away and start again"
    )
