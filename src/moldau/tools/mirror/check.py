"""The last word: both sides are read again, and every record of the one is compared with its copy.

Records are matched by the map of offsets and compared by time, key, value and headers; a partition
gets a count and a checksum of each side.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from moldau.client.batches import Fetched, FetchLimits, receive_fetch, send_fetch
from moldau.client.errors import KafkaError
from moldau.client.leaders import TopicPartition
from moldau.client.offsets import (
    EARLIEST,
    READ_COMMITTED,
    READ_UNCOMMITTED,
    list_offsets,
)
from moldau.protocol.errors import ErrorCode
from moldau.protocol.raw_records import RawRecord, checksum, raw_records
from moldau.tools.mirror.failure import MirrorError
from moldau.tools.mirror.lane import Lane
from moldau.tools.mirror.sides import Side
from moldau.tools.mirror.visible import Piece, visible

_READ = 4 << 20
_TRIES = 100
_PAUSE_S = 0.1
_NAMED = 3


@dataclass
class Compared:
    """One partition. `gone_there`: deleted or cleaned at the target since; `gone_here`: at the
    source."""

    name: str
    count: int = 0
    source_checksum: int = 0
    target_checksum: int = 0
    gone_there: int = 0
    gone_here: int = 0
    differences: list[str] = field(default_factory=list)

    def differs(self, sentence: str) -> None:
        self.differences.append(f"{self.name}: {sentence}")


class Comparison:
    """Compares one lane after the other. `tick` takes the number of records that were compared."""

    def __init__(
        self,
        source: Side,
        target: Side,
        places: list[TopicPartition],
        tick: Callable[[int], None],
    ) -> None:
        self._source = source
        self._target = target
        self._starts_here = list_offsets(source.admin, places, EARLIEST)
        self._starts_there = list_offsets(target.admin, places, EARLIEST)
        self._tick = tick

    def compare(self, lane: Lane, *, cleaned: bool) -> Compared:
        """`cleaned`: may the target have deleted single records?"""
        place, progress = lane.place, lane.progress
        found = Compared(lane.name)
        start_here = max(lane.start, self._starts_here[place])
        start_there = self._starts_there[place]
        here = self._mapped(lane, found, start_here, lane.covered)
        there = self._read(
            self._target, place, max(start_there, progress.map.base), progress.end, READ_UNCOMMITTED
        )
        _walk(here, there, found, start_there, cleaned, self._tick)
        return found

    def _mapped(
        self, lane: Lane, found: Compared, start: int, end: int
    ) -> Iterator[list[RawRecord]]:
        """The source's records with the offsets that they have at the target."""
        for records in self._read(self._source, lane.place, start, end, READ_COMMITTED):
            sources = [record.offset for record in records]
            targets = lane.progress.map.targets_of(sources)
            if targets == sources:
                yield records
                continue
            if -1 in targets:
                strangers = [r.offset for r, t in zip(records, targets, strict=True) if t < 0]
                found.differs(
                    f"{len(strangers):,} records of the source were never copied, the first at "
                    f"offset {strangers[0]}"
                )
            yield [
                RawRecord(target, record.timestamp, record.rest)
                for record, target in zip(records, targets, strict=True)
                if target >= 0
            ]

    def _read(
        self, side: Side, place: TopicPartition, start: int, end: int, isolation: int
    ) -> Iterator[list[RawRecord]]:
        position = start
        empty = 0
        limits = FetchLimits(_READ, _READ, 0, isolation)
        while position < end and empty < _TRIES:
            fetched = self._fetch(side, place, position, limits)
            if fetched.error_code:
                position = self._begin_of_log(side, place, position)
                continue
            pieces, next_offset = visible(fetched, position)
            records = _within(pieces, position, end)
            empty = 0 if next_offset > position else empty + 1
            position = max(next_offset, fetched.log_start)
            if records:
                yield records
            elif empty:
                time.sleep(_PAUSE_S / 10)

    def _fetch(
        self, side: Side, place: TopicPartition, position: int, limits: FetchLimits
    ) -> Fetched:
        why = ""
        for _ in range(_TRIES):
            node = side.leaders.get(place, -1)
            try:
                connection = side.connection(node)
                sent = send_fetch(connection, {place: position}, side.ids, limits)
                fetched = receive_fetch(connection, sent, side.ids)[place]
                if fetched.error_code in (0, ErrorCode.OFFSET_OUT_OF_RANGE):
                    return fetched
                why = f"error {fetched.error_code}"
            except (KafkaError, KeyError) as error:
                side.drop(node)
                why = str(error)
            time.sleep(_PAUSE_S)
            side.refresh({place[0]})
        raise MirrorError(f"{'{}-{}'.format(*place)} cannot be read for the check: {why}")

    def _begin_of_log(self, side: Side, place: TopicPartition, position: int) -> int:
        """Retention does not wait for the check."""
        first = list_offsets(side.admin, [place], EARLIEST)[place]
        if first <= position:
            raise MirrorError(
                f"{'{}-{}'.format(*place)} cannot be read for the check: its log ends before "
                f"offset {position}, which was copied"
            )
        return first


def _within(pieces: list[Piece], start: int, end: int) -> list[RawRecord]:
    records: list[RawRecord] = []
    for header, data, _ in pieces:
        found = raw_records(header, data)
        if header.base_offset < start or header.last_offset >= end:
            found = [record for record in found if start <= record.offset < end]
        records += found
    return records


def _walk(
    here: Iterator[list[RawRecord]],
    there: Iterator[list[RawRecord]],
    found: Compared,
    start_there: int,
    cleaned: bool,
    tick: Callable[[int], None],
) -> None:
    """Both streams side by side, by target offset."""
    ours: list[RawRecord] = []
    theirs: list[RawRecord] = []
    while True:
        ours = ours or next(here, [])
        theirs = theirs or next(there, [])
        if not ours and not theirs:
            return
        n = min(len(ours), len(theirs))
        if n and ours[:n] == theirs[:n]:
            _count(found, ours[:n], theirs[:n])
            ours, theirs = ours[n:], theirs[n:]
        else:
            ours, theirs = _step(ours, theirs, found, start_there, cleaned)
        tick(found.count)


def _count(found: Compared, ours: list[RawRecord], theirs: list[RawRecord]) -> None:
    found.count += len(ours)
    found.source_checksum = checksum(ours, found.source_checksum)
    found.target_checksum = checksum(theirs, found.target_checksum)


def _step(
    ours: list[RawRecord],
    theirs: list[RawRecord],
    found: Compared,
    start_there: int,
    cleaned: bool,
) -> tuple[list[RawRecord], list[RawRecord]]:
    """Record by record up to the end of the shorter list."""
    a = b = 0
    while a < len(ours) and b < len(theirs):
        one, other = ours[a], theirs[b]
        if one.offset == other.offset:
            _count(found, [one], [other])
            if one != other:
                found.differs(f"the record at offset {other.offset} of the target is not its own")
            a, b = a + 1, b + 1
        elif one.offset < other.offset:
            _missing(one, found, start_there, cleaned)
            a += 1
        else:
            found.gone_here += 1
            b += 1
    if not theirs:
        for one in ours:
            _missing(one, found, start_there, cleaned)
        return [], theirs
    if not ours:
        found.gone_here += len(theirs)
        return ours, []
    return ours[a:], theirs[b:]


def _missing(one: RawRecord, found: Compared, start_there: int, cleaned: bool) -> None:
    if cleaned or one.offset < start_there:
        found.gone_there += 1
    else:
        found.differs(f"the record for offset {one.offset} is missing at the target")
