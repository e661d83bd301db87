"""What the internal topics keep: groups with their offsets, and transactional ids.

Types of records: GroupCoordinatorRecordSerde and TransactionLog of Apache Kafka 4.3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from moldau.broker.groups.load import Latest
from moldau.broker.groups.records import (
    GROUP_METADATA,
    OFFSET_COMMIT,
    read_group_value,
    read_offset_key,
    record_type,
)
from moldau.protocol.codec import decode
from moldau.protocol.messages.transaction_log import TransactionLogKey, TransactionLogValue
from moldau.protocol.primitives import Malformed
from moldau.protocol.records import CorruptBatch
from moldau.storage.at_rest import LogAtRest

CLASSIC, CONSUMER, SHARE, STREAMS = "classic", "consumer", "share", "streams"
_KINDS: Final = {
    **dict.fromkeys((3, 4, 5, 6, 7, 8, 16), CONSUMER),
    **dict.fromkeys(range(9, 16), SHARE),
    **dict.fromkeys(range(17, 24), STREAMS),
}
_MEMBERS: Final = (5, 10, 19)  # one record for each member
_STATES: Final = (
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
)
_OPEN: Final = ("Ongoing", "PrepareCommit", "PrepareAbort", "PrepareEpochFence")
_READ = 1 << 20
_SHORT = struct.Struct(">h")


class Group(NamedTuple):
    """`where` is the partition that keeps it."""

    id: str
    kind: str
    protocol_type: str
    members: int
    offsets: int
    where: str

    @property
    def is_classic(self) -> bool:
        return self.kind == CLASSIC


class Transactional(NamedTuple):
    """A transactional id. `partitions` are those of its transaction, where it has one."""

    id: str
    producer_id: int
    state: str
    partitions: tuple[str, ...]
    where: str

    @property
    def is_open(self) -> bool:
        return self.state in _OPEN


def groups_in(log: LogAtRest, where: str) -> list[Group]:
    """The groups of one partition of `__consumer_offsets`. Raises DiskError; damage ends the
    reading and is noted with the log."""
    found: dict[str, Group] = {}
    for key, value in _latest(log):
        kind = record_type(key)
        if value is None or not (0 <= kind <= GROUP_METADATA or kind in _KINDS):
            continue
        try:
            _note(found, kind, key, value, where)
        except (Malformed, struct.error, UnicodeDecodeError):
            continue  # no coordinator reads it either
    return list(found.values())


def _note(found: dict[str, Group], kind: int, key: bytes, value: bytes, where: str) -> None:
    id = read_offset_key(key).group if kind <= OFFSET_COMMIT else _first_text(key)
    group = found.get(id) or Group(id, CLASSIC, "", 0, 0, where)
    if kind <= OFFSET_COMMIT:
        group = group._replace(offsets=group.offsets + 1)
    elif kind == GROUP_METADATA:
        stored = read_group_value(value)
        group = group._replace(protocol_type=stored.protocol_type, members=len(stored.members))
    else:
        group = group._replace(kind=_KINDS[kind], members=group.members + (kind in _MEMBERS))
    found[id] = group


def _first_text(key: bytes) -> str:
    (length,) = _SHORT.unpack_from(key, 2)
    return key[4 : 4 + length].decode()


def transactional_in(log: LogAtRest, where: str) -> list[Transactional]:
    """The transactional ids of one partition of `__transaction_state`. As `groups_in`."""
    found = []
    for key, value in _latest(log):
        if value is None or record_type(key) != 0:
            continue
        try:
            id = decode(TransactionLogKey, 0, key, 2).transactional_id
            (version,) = _SHORT.unpack_from(value)
            stored = decode(TransactionLogValue, version, value, 2)
        except (Malformed, struct.error):
            continue
        status = stored.transaction_status
        known = 0 <= status < len(_STATES)
        partitions = tuple(
            f"{topic.topic}-{index}"
            for topic in stored.transaction_partitions or ()
            for index in topic.partition_ids
        )
        state = _STATES[status] if known else f"state {status}"
        found.append(Transactional(id, stored.producer_id, state, partitions, where))
    return found


def _latest(log: LogAtRest) -> Iterator[tuple[bytes, bytes | None]]:
    latest = Latest()
    try:
        for segment in log.segments:
            position = 0
            while position < segment.size:
                content = segment.file.pread(_READ, position)
                read = latest.read(content)
                if not read and len(content) < segment.size - position:
                    content = segment.file.pread(max(_whole(content), _READ), position)
                    read = latest.read(content)
                if not read:
                    break  # a torn tail
                position += read
    except CorruptBatch as error:
        log.damage = f"{log.directory}: {error}"
    return latest.in_order()


def _whole(content: bytes) -> int:
    """The size of the batch that the content begins with."""
    return int.from_bytes(content[8:12], "big", signed=True) + 12
