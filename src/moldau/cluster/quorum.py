"""The quorum that keeps the metadata log, as the control records in it say.

A static quorum (kraft.version 0) has its voters in every node's configuration; a dynamic one
(kraft.version 1, KIP-853) has them in the log. Which of both a folder has stays as it is. Sources:
KRaftControlRecordStateMachine, LeaderState, ControlRecordType of Apache Kafka.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from moldau.protocol.codec import decode, encode
from moldau.protocol.messages.control_records import (
    KRaftVersionRecord,
    LeaderChangeMessage,
    Voter,
    VotersRecord,
)
from moldau.protocol.primitives import Malformed
from moldau.protocol.schema import Message

_KEY = Struct(">hh")  # version of the key, type

KeyValue = tuple[bytes, bytes]


class Control(IntEnum):
    """Types of the control records of a metadata log and of its snapshots."""

    LEADER_CHANGE = 2
    SNAPSHOT_HEADER = 3
    SNAPSHOT_FOOTER = 4
    KRAFT_VERSION = 5
    KRAFT_VOTERS = 6


def control(kind: Control, message: Message) -> KeyValue:
    """Key and value of a control record; all of them have version 0."""
    return _KEY.pack(0, kind), encode(message, 0)


def control_type(key: bytes | None) -> int:
    """Raises Malformed."""
    if key is None or len(key) < _KEY.size:
        raise Malformed("a control record has no type")
    return int(_KEY.unpack_from(key)[1])


class Quorum(NamedTuple):
    """`voters` is that of a dynamic quorum, `leaders` whom the last leader change named as voters,
    `is_in_log` says that the log itself names the dynamic voters, not only what a tool formatted.
    """

    kraft_version: int = 0
    voters: VotersRecord | None = None
    leaders: tuple[int, ...] = ()
    is_in_log: bool = True

    def replay(self, key: bytes | None, value: bytes | None) -> Quorum:
        """What the quorum is after this control record. Raises Malformed."""
        kind, value = control_type(key), value or b""
        if kind == Control.KRAFT_VERSION:
            return self._replace(kraft_version=decode(KRaftVersionRecord, 0, value).k_raft_version)
        if kind == Control.KRAFT_VOTERS:
            return self._replace(voters=decode(VotersRecord, 0, value), is_in_log=True)
        if kind == Control.LEADER_CHANGE:
            change = decode(LeaderChangeMessage, 0, value)
            return self._replace(leaders=tuple(voter.voter_id for voter in change.voters))
        return self

    @property
    def voter_ids(self) -> tuple[int, ...]:
        """All voters, as far as the log knows them."""
        if self.voters is not None:
            return tuple(voter.voter_id for voter in self.voters.voters)
        return self.leaders

    def described(self) -> list[KeyValue]:
        """The control records that a snapshot says it by: none for a static quorum."""
        if self.kraft_version == 0:
            return []
        version = KRaftVersionRecord(k_raft_version=self.kraft_version)
        records = [control(Control.KRAFT_VERSION, version)]
        if self.voters is not None:
            records.append(control(Control.KRAFT_VOTERS, self.voters))
        return records


def leader_change(node_id: int) -> KeyValue:
    """The control record by which each leader epoch begins: one voter, the node itself."""
    voters = [Voter(voter_id=node_id)]
    message = LeaderChangeMessage(leader_id=node_id, voters=voters, granting_voters=voters)
    return control(Control.LEADER_CHANGE, message)


def epoch_start(node_id: int, quorum: Quorum) -> list[KeyValue]:
    """The first batch of a leader epoch. Voters that so far only a formatting tool wrote down
    come into the log with it."""
    records = [leader_change(node_id)]
    if not quorum.is_in_log:
        records += quorum.described()
    return records
