"""A shard with a clock and a journal in memory, and clients that speak to it by name.

What clients hear is told as lines, so that a test reads like a transcript. Member ids are
`<client>-<number>` here.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from moldau.broker.groups.group import Group
from moldau.broker.groups.limits import Limits
from moldau.broker.groups.shard import Shard
from moldau.broker.replicated import KeyValue, Replicated
from moldau.broker.request import Connection, Request
from moldau.protocol.codec import encode
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.consumer_protocol import ConsumerProtocolSubscription
from moldau.protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from moldau.protocol.messages.join_group import (
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    JoinGroupResponse,
)
from moldau.protocol.messages.leave_group import (
    LeaveGroupRequest,
    LeaveGroupResponse,
    MemberIdentity,
)
from moldau.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)
from moldau.protocol.messages.sync_group import (
    SyncGroupRequest,
    SyncGroupRequestAssignment,
    SyncGroupResponse,
)
from moldau.protocol.records import iterate
from moldau.protocol.schema import Message

START = 1_700_000_000_000
NEWEST = {"join": 9, "sync": 5, "heartbeat": 4, "leave": 5, "commit": 10}


class MemoryJournal:
    """Keeps batches; `refusing` is a disk that is full, `holding` one that is slow to sync."""

    def __init__(self) -> None:
        self.records: list[tuple[KeyValue, int]] = []
        self.refusing: ErrorCode | None = None
        self.refusals = 0
        self.holding = False
        self._waiting: list[Callable[[], None]] = []

    @property
    def end_offset(self) -> int:
        return len(self.records)

    def append(self, batch: bytes, now_ms: int) -> int | ErrorCode:
        if self.refusing is not None:
            self.refusals += 1
            return self.refusing
        first = len(self.records)
        for record in iterate(batch):
            self.records.append(((record.key, record.value), record.timestamp))
        return first

    def when_durable(self, offset: int, call: Callable[[], None]) -> None:
        if self.holding:
            self._waiting.append(call)
        else:
            call()

    def sync(self) -> None:
        self.holding = False
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()


class Stage:
    def __init__(self, limits: Limits | None = None) -> None:
        self.now = START
        self.limits = limits or Limits()
        self.journal = MemoryJournal()
        self.answers: list[tuple[str, Message]] = []
        self._numbers = count(1)
        self._member_numbers = count(1)
        self._names: dict[int, str] = {}
        self._load()

    # --- the broker -------------------------------------------------------------------------

    def _load(self) -> None:
        self.deadline: int | None = None
        self.shard = Shard(self.limits, lambda: str(next(self._member_numbers)))
        for offset, ((key, value), timestamp) in enumerate(self.journal.records):
            self.shard.replay(key, value, offset, timestamp)
        self.engine = Replicated(self.shard, self.journal, self._respond, self._armed)
        self.engine.submit(self.shard.loaded(self.now, self.now), self.now)

    def crash(self) -> None:
        """The broker dies and starts again from what is in the journal."""
        self._load()

    def _respond(self, request: Any, message: Message) -> None:
        assert not request.answered, f"answered twice: {message}"
        request.answered = True
        self.answers.append((self._names[request.correlation_id], message))

    def _armed(self, deadline: int | None) -> None:
        self.deadline = deadline

    def pass_time(self, ms: int) -> None:
        """Time goes by, with a tick at each deadline on the way."""
        end = self.now + ms
        while self.deadline is not None and self.deadline <= end:
            self.now = max(self.now, self.deadline)
            self.engine.tick(self.now)
        self.now = end

    def set_clock(self, by_ms: int) -> None:
        self.now += by_ms
        self.shard.clock_moved(by_ms)
        self._armed(self.shard.deadline())

    def group(self, id: str = "g") -> Group:
        return self.shard.groups[id]

    # --- the clients ------------------------------------------------------------------------

    def request(self, client: str, body: Message, version: int) -> Request:
        connection = Connection(1, "PLAINTEXT", ("127.0.0.1", 9092), "10.0.0.7", None)
        request = Request(connection, body.api_key, version, next(self._numbers), client, self.now)
        request.body = body
        self._names[request.correlation_id] = client
        return request

    def join(
        self,
        client: str,
        member_id: str = "",
        *,
        instance: str | None = None,
        topics: tuple[str, ...] = ("t",),
        protocols: tuple[str, ...] = ("range",),
        protocol_type: str = "consumer",
        session: int = 10_000,
        rebalance: int = 60_000,
        group: str = "g",
        version: int = NEWEST["join"],
    ) -> None:
        metadata = b"\0\0" + encode(ConsumerProtocolSubscription(topics=list(topics)), 0)
        body = JoinGroupRequest(
            group_id=group,
            session_timeout_ms=session,
            rebalance_timeout_ms=rebalance,
            member_id=member_id,
            group_instance_id=instance,
            protocol_type=protocol_type,
            protocols=[JoinGroupRequestProtocol(name=p, metadata=metadata) for p in protocols],
        )
        request = self.request(client, body, version)
        self.engine.submit(self.shard.membership.join(request, self.now), self.now)

    def sync(
        self,
        client: str,
        member_id: str,
        generation: int,
        assignments: dict[str, bytes] | None = None,
        *,
        instance: str | None = None,
        protocol: tuple[str | None, str | None] = ("consumer", "range"),
        group: str = "g",
        version: int = NEWEST["sync"],
    ) -> None:
        body = SyncGroupRequest(
            group_id=group,
            generation_id=generation,
            member_id=member_id,
            group_instance_id=instance,
            protocol_type=protocol[0],
            protocol_name=protocol[1],
            assignments=[
                SyncGroupRequestAssignment(member_id=id, assignment=part)
                for id, part in (assignments or {}).items()
            ],
        )
        request = self.request(client, body, version)
        self.engine.submit(self.shard.membership.sync(request, self.now), self.now)

    def heartbeat(
        self,
        client: str,
        member_id: str,
        generation: int,
        *,
        instance: str | None = None,
        group: str = "g",
    ) -> None:
        body = HeartbeatRequest(
            group_id=group,
            generation_id=generation,
            member_id=member_id,
            group_instance_id=instance,
        )
        request = self.request(client, body, NEWEST["heartbeat"])
        self.engine.submit(self.shard.membership.heartbeat(request, self.now), self.now)

    def leave(
        self,
        client: str,
        *members: tuple[str, str | None],
        group: str = "g",
        version: int = NEWEST["leave"],
    ) -> None:
        """`members`: member id and instance id of each."""
        body = LeaveGroupRequest(
            group_id=group,
            member_id=members[0][0],
            members=[MemberIdentity(member_id=m, group_instance_id=i) for m, i in members],
        )
        request = self.request(client, body, version)
        self.engine.submit(self.shard.membership.leave(request, self.now), self.now)

    def commit(
        self,
        client: str,
        offsets: dict[int, int],
        member_id: str = "",
        generation: int = -1,
        *,
        topic: str = "t",
        topic_id: bytes = b"T" * 16,
        metadata: str | None = "",
        retention: int = -1,
        instance: str | None = None,
        group: str = "g",
        version: int = NEWEST["commit"],
    ) -> None:
        """`offsets` by partition."""
        topics = [
            OffsetCommitRequestTopic(
                name=topic,
                topic_id=topic_id,
                partitions=[
                    OffsetCommitRequestPartition(
                        partition_index=p,
                        committed_offset=offset,
                        committed_leader_epoch=3,
                        committed_metadata=metadata,
                    )
                    for p, offset in offsets.items()
                ],
            )
        ]
        body = OffsetCommitRequest(
            group_id=group,
            generation_id_or_member_epoch=generation,
            member_id=member_id,
            group_instance_id=instance,
            retention_time_ms=retention,
            topics=topics,
        )

        def answer(
            code: Callable[[OffsetCommitRequestPartition], ErrorCode],
        ) -> OffsetCommitResponse:
            return OffsetCommitResponse(
                topics=[
                    OffsetCommitResponseTopic(
                        name=t.name,
                        partitions=[
                            OffsetCommitResponsePartition(
                                partition_index=p.partition_index, error_code=code(p)
                            )
                            for p in t.partitions
                        ],
                    )
                    for t in topics
                ]
            )

        request = self.request(client, body, version)
        self.engine.submit(self.shard.commit(request, topics, answer, self.now), self.now)

    def offsets(self, group: str = "g") -> dict[tuple[str, int], int]:
        return {(t, p): o.offset for t, p, o in self.shard.offsets.entries(group)}

    # --- what is heard ----------------------------------------------------------------------

    def heard(self) -> list[str]:
        """Everything that clients were told since the last time."""
        answers, self.answers = self.answers, []
        return [f"{name}: {tell(message)}" for name, message in answers]

    def stable(self, *clients: str, **options: Any) -> list[str]:
        """A stable group of these clients, told by nobody. Their member ids, the leader first."""
        for client in clients:
            self.join(client, version=3, **options)
        self.pass_time(self.limits.initial_rebalance_delay_ms)
        ids = list(self.group().members)
        self.complete()
        self.heard()
        return ids

    def complete(self) -> None:
        """All members of a new generation ask for their assignment: their own name."""
        group = self.group()
        members = list(group.members.values())
        for m in members:
            parts = {o.id: o.id.encode() for o in members} if m.id == group.leader else None
            names = (group.protocol_type, group.protocol)
            self.sync(m.client_id, m.id, group.generation, parts, protocol=names)


def tell(message: Message) -> str:
    return _TELLERS[type(message)](message)


def _code(code: int) -> str:
    return ErrorCode(code).name


def _join(m: Any) -> str:
    if m.error_code:
        return f"join {_code(m.error_code)} {m.member_id}".rstrip()
    members = ",".join(x.member_id for x in m.members)
    skip = " skip" if m.skip_assignment else ""
    return (
        f"join {m.member_id} generation {m.generation_id} {m.protocol_name} leader {m.leader}"
        f"{skip} [{members}]"
    )


def _leave(m: Any) -> str:
    if not m.members:
        return f"leave {_code(m.error_code)}"
    return "leave " + ", ".join(
        f"{x.member_id or x.group_instance_id} {_code(x.error_code)}" for x in m.members
    )


def _commit(m: Any) -> str:
    return "commit " + ", ".join(
        f"{t.name}-{p.partition_index} {_code(p.error_code)}"
        for t in m.topics
        for p in t.partitions
    )


_TELLERS: dict[type[Message], Callable[[Any], str]] = {
    JoinGroupResponse: _join,
    SyncGroupResponse: lambda m: (
        f"sync {_code(m.error_code)}" if m.error_code else f"sync {m.assignment.decode()!r}"
    ),
    HeartbeatResponse: lambda m: f"heartbeat {_code(m.error_code)}",
    LeaveGroupResponse: _leave,
    OffsetCommitResponse: _commit,
}
