"""The journal's topic at the target: one mirror at a time writes there, and this is how it is made
sure.

Each run is an incarnation, and its number is the producer epoch with which it writes. Its first
record says so; from then on the target refuses every older epoch, so whoever was at work before
cannot announce a batch any more, even one that was only asleep. A batch of data is sent only when
its announcement is in the journal.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from moldau.client.admin import Admin
from moldau.client.batches import (
    Fetched,
    FetchLimits,
    new_producer_id,
    receive_fetch,
    receive_produce,
    send_fetch,
    send_produce,
)
from moldau.client.connection import Connection
from moldau.client.errors import KafkaError, Refused
from moldau.client.leaders import TopicPartition
from moldau.client.offsets import EARLIEST, READ_UNCOMMITTED, list_offsets
from moldau.client.topics import create_topic, describe_topics
from moldau.protocol.errors import ErrorCode
from moldau.protocol.records import BatchHeader, Record, batches, build, iterate
from moldau.tools.mirror.failure import MirrorError
from moldau.tools.mirror.journal import TOPIC, Journal, Line, Owner

BEAT_S = 2.0
# A mirror that has written nothing for this long is not at work.
SILENCE_S = 3 * BEAT_S
# After this long without an answer from the journal, it is read whether it is still ours.
STALE_S = 60.0
R = TypeVar("R")
_NOT_YET = {
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.UNKNOWN_TOPIC_ID,
    ErrorCode.NOT_ENOUGH_REPLICAS,
    ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
}
PLACE: TopicPartition = (TOPIC, 0)
# Nothing goes by its age or size. Compaction does what `trim` leaves, where the target has it; a
# topic that is only compacted would not let records be deleted. Files go when they are full.
CONFIGS = {
    "cleanup.policy": "compact,delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "segment.bytes": str(4 << 20),
}
_GZIP = 1
_COMPRESSED_FROM = 2_000
_BATCH_BYTES = 500_000
_MOST_INCARNATIONS = 0x7FFF
_TRIES_S = 60.0


class Fenced(MirrorError):
    """Another process does the work of this mirror now."""


class Notebook:
    """Reads and writes the journal of one mirror. `journal` is what has been read so far."""

    def __init__(self, admin: Admin, journal: Journal, replication_factor: int = -1) -> None:
        self.journal = journal
        self._admin = admin
        self._token = secrets.token_hex(8)
        self._incarnation = 0
        self._sequence = 0
        self._read_to = 0
        self._written_at = self._clock()
        self._me: Owner | None = None
        self._leader_id = -1
        self._ids = {TOPIC: self._ensured(replication_factor)}

    def _ensured(self, replication_factor: int) -> bytes:
        try:
            create_topic(
                self._admin,
                TOPIC,
                1,
                replication_factor,
                configs=CONFIGS,
            )
        except Refused as error:
            if error.code is not ErrorCode.TOPIC_ALREADY_EXISTS:
                raise
        deadline = time.monotonic() + _TRIES_S
        while True:
            try:
                (topic,) = describe_topics(self._admin, [TOPIC])
                return topic.id
            except Refused:
                # Brokers hear of a new topic one after the other.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    # --- to be the one

    def take_over(self, tell: Callable[[str], None]) -> None:
        """Makes this process the mirror of this name. Raises MirrorError when another is at work,
        or when the target does not check what all of this stands on."""
        self._read()
        if self.journal.producer_id < 0:
            self._be_born()
        owner = self.journal.owner
        if owner is not None and not owner.ended:
            self._see_that_nobody_works(owner, tell)
        self._become(owner)
        self._probe()
        self.journal.replayed()

    def _be_born(self) -> None:
        """The first birth in the topic counts, so two mirrors that are born at once agree."""
        producer_id = new_producer_id(self._admin)
        self._append([self.journal.birth(self._token, producer_id)], producer_id, 0, 0)
        self._read()

    def _see_that_nobody_works(self, owner: Owner, tell: Callable[[str], None]) -> None:
        if owner.place == place():
            if began(owner.process) == owner.began:
                raise MirrorError(
                    f"the mirror {self.journal.name!r} is at work already, in process "
                    f"{owner.process} on this machine, since {owner.since}: stop that one, or give "
                    "this one another --name and other topics"
                )
            return
        tell(f"is the mirror that began at {owner.since} still at work? waiting {SILENCE_S:.0f} s")
        deadline = time.monotonic() + SILENCE_S
        while time.monotonic() < deadline:
            time.sleep(BEAT_S / 4)
            if any(header.producer_id == self.journal.producer_id for header in self._read()):
                raise MirrorError(
                    f"the mirror {self.journal.name!r} is at work already, on another machine, "
                    f"since {owner.since}: stop that one, or give this one another --name and "
                    "other topics"
                )

    def _become(self, before: Owner | None) -> None:
        self._incarnation = (before.incarnation if before else 0) + 1
        if self._incarnation > _MOST_INCARNATIONS:
            raise MirrorError(
                f"the mirror {self.journal.name!r} has been started {_MOST_INCARNATIONS:,} times, "
                "and cannot be again: give it another --name and new topics"
            )
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        process = os.getpid()
        self._me = Owner(
            self._token, self._incarnation, place(), process, began(process), since, False
        )
        self.write([self.journal.owned(self._me)])
        self._confirm()

    def _confirm(self) -> None:
        """Of two that started at the same moment with the same epoch, one is told that its record
        is there, and it is the other's."""
        self._read()
        if self.journal.owner is None or self.journal.owner.token != self._token:
            raise self._fenced()

    def _probe(self) -> None:
        """A batch with a gap before its sequence number must be refused: the copy stands on it."""
        try:
            ahead = self._sequence + 5
            self._append(
                [self.journal.owned(self._owner)],
                self.journal.producer_id,
                self._incarnation,
                ahead,
            )
        except Refused as error:
            if error.code is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
                return
            raise
        raise MirrorError(
            "the target does not check the sequence numbers of producers, so a batch that arrives "
            "twice would be kept twice: this Kafka cannot be mirrored to"
        )

    @property
    def _owner(self) -> Owner:
        assert self._me is not None
        return self._me

    def _fenced(self) -> Fenced:
        return Fenced(
            f"another process has become the mirror {self.journal.name!r}: this one stops; what "
            "it has copied counts"
        )

    # --- writing

    def write(self, lines: Sequence[Line]) -> int:
        """Appends the lines; they are at all replicas when this returns. The offset of the first.
        Raises Fenced.

        One batch at most times, and so all or nothing; one that would be too large is cut between
        lines.
        """
        first = -1
        for part in _parts(lines):
            try:
                at = self._append(part, self.journal.producer_id, self._incarnation, self._sequence)
            except Refused as error:
                if error.code is ErrorCode.INVALID_PRODUCER_EPOCH:
                    raise self._fenced() from None
                raise
            first = at if first < 0 else first
            self._sequence += len(part)
            self._written_at = self._clock()
            self.journal.weight += sum(line.size for line in part)
        return first

    def beat(self) -> None:
        """To be called often: says that we are at work, when it is time to."""
        if self._clock() - self._written_at >= BEAT_S:
            self.write([self.journal.owned(self._owner)])

    def still_ours(self) -> int:
        """Says that we are at work; the offset of that. Raises Fenced when another has taken over
        by now."""
        return self.write([self.journal.owned(self._owner)])

    def make_sure(self) -> None:
        """To be called before data are sent: a process that slept since its announcement was
        written looks first whether the work is still its own."""
        if self._clock() - self._written_at >= STALE_S:
            self.write([self.journal.owned(self._owner)])
            self._confirm()

    def end(self) -> None:
        self.write([self.journal.owned(self._owner._replace(ended=True))])

    @staticmethod
    def _clock() -> float:
        """Goes on while the machine sleeps, where there is such a clock."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def _append(self, lines: Iterable[Line], producer_id: int, epoch: int, sequence: int) -> int:
        now = time.time_ns() // 1_000_000
        records = [Record(0, now, key, value) for key, value in lines]
        large = sum(len(r.key or b"") + len(r.value or b"") for r in records) > _COMPRESSED_FROM
        batch = build(
            records,
            codec=_GZIP if large else 0,
            producer_id=producer_id,
            producer_epoch=epoch,
            base_sequence=sequence,
        )

        def attempt(connection: Connection) -> int:
            sent = send_produce(connection, {PLACE: batch}, self._ids)
            answer = receive_produce(connection, sent, self._ids)[PLACE]
            _check(answer.error_code, answer.message)
            return answer.base_offset

        return self._ask_leader(attempt)

    # --- reading

    def catch_up(self) -> None:
        """Reads what others have written since."""
        self._read()
        self.journal.pass_over()

    def _read(self) -> list[BatchHeader]:
        """Replays all up to the end as it is now; the headers of what was read."""
        headers: list[BatchHeader] = []
        while True:
            end, found = self._fetch()
            for header, records in found:
                headers.append(header)
                self._replay(records)
                self._read_to = max(self._read_to, header.next_offset)
            if self._read_to >= end:
                return headers
            if not found:
                raise MirrorError(
                    f"topic {TOPIC} cannot be read at offset {self._read_to} of {end}: look at the "
                    "target's log"
                )

    def _replay(self, records: Iterator[Record]) -> None:
        for record in records:
            if record.offset >= self._read_to and record.key is not None:
                self.journal.replay(Line(record.key, record.value or b"null"), record.offset)

    def _fetch(self) -> tuple[int, list[tuple[BatchHeader, Iterator[Record]]]]:
        limits = FetchLimits(4 << 20, 4 << 20, 0, READ_UNCOMMITTED)

        def attempt(connection: Connection) -> Fetched:
            sent = send_fetch(connection, {PLACE: self._read_to}, self._ids, limits)
            answer = receive_fetch(connection, sent, self._ids)[PLACE]
            if answer.error_code != ErrorCode.OFFSET_OUT_OF_RANGE:
                _check(answer.error_code, None)
            return answer

        answer = self._ask_leader(attempt)
        if answer.error_code:
            # A mirror has deleted what neither it nor we need any more.
            start = list_offsets(self._admin, [PLACE], EARLIEST)[PLACE]
            self._read_to = max(self._read_to, start)
            answer = self._ask_leader(attempt)
            _check(answer.error_code, None)
        self._read_to = max(self._read_to, answer.log_start)
        return answer.high_watermark, [(h, iterate(data)) for h, data in batches(answer.records)]

    def _ask_leader(self, attempt: Callable[[Connection], R]) -> R:
        def once(connection: Connection) -> R:
            try:
                return attempt(connection)
            except KafkaError:
                self._leader_id = -1
                raise

        return self._admin.call("journal", self._leader, once)

    def _leader(self) -> Connection:
        if self._leader_id < 0:
            metadata = self._admin.metadata(self._admin.anyone(), [TOPIC])
            for topic in metadata.topics:
                _check(topic.error_code, None)
                self._leader_id = topic.partitions[0].leader_id
        if self._leader_id < 0:
            raise Refused(ErrorCode.LEADER_NOT_AVAILABLE)
        return self._admin.broker(self._leader_id)


def _check(code: int, message: str | None) -> None:
    """Raises Refused; what a broker says that has not heard of the topic yet may pass."""
    if code in _NOT_YET:
        raise Refused(ErrorCode.LEADER_NOT_AVAILABLE, message)
    if code:
        raise Refused(code, message)


def _parts(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    start = size = 0
    for index, (key, value) in enumerate(lines):
        size += len(key) + len(value)
        if size > _BATCH_BYTES and index > start:
            yield lines[start:index]
            start, size = index, len(key) + len(value)
    if start < len(lines):
        yield lines[start:]


def place() -> str:
    """This machine, since its start, as far as process numbers go."""
    parts = [socket.gethostname()]
    for path in ("/proc/sys/kernel/random/boot_id",):
        try:
            with open(path) as file:
                parts.append(file.read().strip())
        except OSError:
            parts.append("")
    try:
        parts.append(os.readlink("/proc/self/ns/pid"))
    except OSError:
        parts.append(secrets.token_hex(4))  # not Linux: nobody is seen to be on this machine
    return " ".join(parts)


def began(process: int) -> int:
    """When a process began, in clock ticks since the machine did; -1 when it is not there."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return -1
