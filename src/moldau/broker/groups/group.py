"""A classic group and its members: what is known of them, and the rules that need nothing else.

Nothing here knows of logs, timers or other groups. What survives a restart is what a
GroupMetadataValue holds: the last stable generation. All else (who is joining, who must sync) is
forgotten in a crash, and the clients bring it again (Apache Kafka: ClassicGroup).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING

from moldau.protocol.codec import decode
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.consumer_offsets import GroupMetadataValue, MemberMetadata
from moldau.protocol.messages.consumer_protocol import ConsumerProtocolSubscription
from moldau.protocol.primitives import Malformed

if TYPE_CHECKING:
    from moldau.broker.groups.sessions import Session
    from moldau.broker.request import Request
    from moldau.broker.timers import Timer

CONSUMER = "consumer"  # the protocol type of Kafka's own consumers
NO_LEADER = ""
Protocols = tuple[tuple[str, bytes], ...]  # name and metadata, the member's favourite first


class State(Enum):
    EMPTY = "Empty"
    PREPARING_REBALANCE = "PreparingRebalance"
    COMPLETING_REBALANCE = "CompletingRebalance"
    STABLE = "Stable"
    DEAD = "Dead"


# From which states each may be entered.
FROM: dict[State, frozenset[State]] = {
    State.EMPTY: frozenset((State.PREPARING_REBALANCE,)),
    State.PREPARING_REBALANCE: frozenset(
        (State.STABLE, State.COMPLETING_REBALANCE, State.EMPTY),
    ),
    State.COMPLETING_REBALANCE: frozenset((State.PREPARING_REBALANCE,)),
    State.STABLE: frozenset((State.COMPLETING_REBALANCE,)),
    State.DEAD: frozenset(State),
}


class Member:
    __slots__ = (
        "assignment",
        "client_host",
        "client_id",
        "id",
        "instance_id",
        "is_new",
        "join",
        "protocols",
        "rebalance_timeout_ms",
        "session_timeout_ms",
        "sync",
    )

    def __init__(
        self,
        id: str,
        instance_id: str | None,
        client_id: str,
        client_host: str,
        rebalance_timeout_ms: int,
        session_timeout_ms: int,
        protocols: Protocols,
        assignment: bytes = b"",
    ) -> None:
        self.id = id
        self.instance_id = instance_id
        self.client_id = client_id
        self.client_host = client_host
        self.rebalance_timeout_ms = rebalance_timeout_ms
        self.session_timeout_ms = session_timeout_ms
        self.protocols = protocols
        self.assignment = assignment
        self.join: Request | None = None  # its JoinGroup that waits
        self.sync: Request | None = None  # its SyncGroup that waits
        self.is_new = False  # it has not yet been told its member id

    def metadata(self, protocol: str | None) -> bytes:
        for name, metadata in self.protocols:
            if name == protocol:
                return metadata
        raise AssertionError(f"member {self.id} was given protocol {protocol}, not one of its own")

    @property
    def keeps_session(self) -> bool:
        """Who waits for an answer of ours cannot send heartbeats. But a new member may be gone
        for good, and then nobody would ever ask for that answer."""
        return not self.is_new and (self.join is not None or self.sync is not None)


class Group:
    def __init__(self, id: str, now_ms: int) -> None:
        self.id = id
        self.state = State.EMPTY
        self.previous = State.DEAD
        self.since_ms = now_ms  # when the state was entered; -1: unknown (old records)
        self.protocol_type: str | None = None
        self.protocol: str | None = None
        self.generation = 0
        self.leader: str | None = None
        self.members: dict[str, Member] = {}
        self.static: dict[str, str] = {}  # member id by instance id
        # Were given a member id, and have not joined with it yet.
        self.pending_join: set[str] = set()
        # Joined this generation, and have not asked for their assignment yet.
        self.pending_sync: set[str] = set()
        self.joining = 0  # members that wait for the answer to a JoinGroup
        self.supporters: Counter[str] = Counter()  # members by protocol that they support
        self.topics: frozenset[str] | None = None  # that members subscribe to; None: unknown
        self.new_member_added = False  # while the first rebalance is being delayed
        self.sessions: dict[str, Session] = {}
        self.join_timer: Timer | None = None
        self.sync_timer: Timer | None = None

    def enter(self, state: State, now_ms: int) -> None:
        assert self.state in FROM[state], f"group {self.id}: from {self.state} to {state}"
        self.previous = self.state
        self.state = state
        self.since_ms = now_ms

    # --- members ----------------------------------------------------------------------------

    @property
    def is_simple(self) -> bool:
        """It only holds offsets: nobody ever joined it."""
        return self.protocol_type is None and self.state is State.EMPTY and not self.pending_join

    @property
    def is_consumer(self) -> bool:
        return self.protocol_type == CONSUMER

    @property
    def all_joined(self) -> bool:
        return len(self.members) == self.joining and not self.pending_join

    @property
    def rebalance_timeout_ms(self) -> int:
        return max((m.rebalance_timeout_ms for m in self.members.values()), default=0)

    def validate(self, member_id: str, instance_id: str | None) -> ErrorCode:
        """Is this the member that it says it is?"""
        if instance_id is not None:
            known = self.static.get(instance_id)
            if known is None:
                return ErrorCode.UNKNOWN_MEMBER_ID
            if known != member_id:
                return ErrorCode.FENCED_INSTANCE_ID
        if member_id not in self.members:
            return ErrorCode.UNKNOWN_MEMBER_ID
        return ErrorCode.NONE

    def supports(self, protocol_type: str, protocols: Protocols) -> bool:
        """Could a member with these protocols take part?"""
        if self.state is State.EMPTY:
            return bool(protocol_type and protocols)
        everyone = len(self.members)
        return protocol_type == self.protocol_type and any(
            self.supporters[name] == everyone for name, _ in protocols
        )

    def add(self, member: Member, protocol_type: str) -> None:
        if not self.members:
            self.protocol_type = protocol_type
        if member.instance_id is not None:
            self.static[member.instance_id] = member.id
        if self.leader is None:
            self.leader = member.id
        self.members[member.id] = member
        self.supporters.update(name for name, _ in member.protocols)
        self.joining += member.join is not None
        self.pending_join.discard(member.id)

    def update(
        self,
        member: Member,
        protocols: Protocols,
        rebalance_timeout_ms: int,
        session_timeout_ms: int,
        join: Request | None,
    ) -> None:
        self.supporters.subtract(name for name, _ in member.protocols)
        self.supporters.update(name for name, _ in protocols)
        member.protocols = protocols
        member.rebalance_timeout_ms = rebalance_timeout_ms
        member.session_timeout_ms = session_timeout_ms
        self.joining += (join is not None) - (member.join is not None)
        member.join = join

    def take_join(self, member: Member) -> Request | None:
        """The JoinGroup that waits: it is going to be answered."""
        request = member.join
        if request is not None:
            member.join = None
            self.joining -= 1
        return request

    def remove(self, member_id: str) -> None:
        member = self.members.pop(member_id, None)
        if member is not None:
            assert member.join is None, f"member {member_id} is removed while it waits for us"
            self.supporters.subtract(name for name, _ in member.protocols)
            if member.instance_id is not None:
                self.static.pop(member.instance_id, None)
        if self.leader == member_id:
            self.leader = next(iter(self.members), None)
        self.pending_join.discard(member_id)
        self.pending_sync.discard(member_id)

    def replace(self, member: Member, new_id: str) -> Member:
        """A static member has come again: the same place under another member id. The rank among
        the members is kept, so that a restart changes nothing for assignors that look at it."""
        successor = Member(
            new_id,
            member.instance_id,
            member.client_id,
            member.client_host,
            member.rebalance_timeout_ms,
            member.session_timeout_ms,
            member.protocols,
            member.assignment,
        )
        self.members = {
            (new_id if id == member.id else id): (successor if id == member.id else other)
            for id, other in self.members.items()
        }
        if self.leader == member.id:
            self.leader = new_id
        if member.id in self.pending_sync:
            self.pending_sync.remove(member.id)
            self.pending_sync.add(new_id)
        if member.instance_id is not None:
            self.static[member.instance_id] = new_id
        return successor

    # --- a generation -----------------------------------------------------------------------

    def elect(self) -> bool:
        """Keeps the leader if it has joined, else takes another who has. False: nobody has."""
        if self.leader is None:
            return False
        if self.members[self.leader].join is None:
            joined = (m.id for m in self.members.values() if m.join is not None)
            leader = next(joined, None)
            if leader is None:
                return False
            self.leader = leader
        return True

    def select_protocol(self) -> str:
        """Each member votes for the first of its protocols that all support."""
        everyone = len(self.members)
        votes: Counter[str] = Counter()
        for member in self.members.values():
            votes[next(n for n, _ in member.protocols if self.supporters[n] == everyone)] += 1
        return votes.most_common(1)[0][0]

    def next_generation(self, now_ms: int) -> None:
        self.generation += 1
        self.protocol = self.select_protocol() if self.members else None
        self.topics = self.subscribed_topics()
        self.enter(State.COMPLETING_REBALANCE if self.members else State.EMPTY, now_ms)
        self.pending_sync.clear()

    def subscribed_topics(self) -> frozenset[str] | None:
        """What the members' metadata says. None: it cannot be told."""
        if not self.is_consumer:
            return None
        if not self.members:
            return frozenset()
        if self.protocol is None:
            return None
        topics: set[str] = set()
        try:
            # Every version of the subscription begins as version 0 does.
            for member in self.members.values():
                metadata = member.metadata(self.protocol)
                topics.update(decode(ConsumerProtocolSubscription, 0, metadata, 2).topics)
        except Malformed:
            return None
        return frozenset(topics)

    def subscribes(self, topic: str) -> bool:
        """Where subscriptions cannot be read, a consumer group may subscribe to anything."""
        return self.is_consumer if self.topics is None else topic in self.topics

    # --- what is stored ---------------------------------------------------------------------

    def stored(self, assignments: dict[str, bytes]) -> GroupMetadataValue:
        """The value to store this generation with."""
        return GroupMetadataValue(
            protocol_type=self.protocol_type or "",
            generation=self.generation,
            protocol=self.protocol,
            leader=self.leader,
            current_state_timestamp=self.since_ms,
            members=[
                MemberMetadata(
                    member_id=m.id,
                    group_instance_id=m.instance_id,
                    client_id=m.client_id,
                    client_host=m.client_host,
                    rebalance_timeout=m.rebalance_timeout_ms,
                    session_timeout=m.session_timeout_ms,
                    subscription=m.metadata(self.protocol),
                    assignment=assignments[m.id],
                )
                for m in self.members.values()
            ],
        )

    @classmethod
    def loaded(cls, id: str, value: GroupMetadataValue) -> Group:
        """The group as it was stored: its members keep their places until their sessions end."""
        group = cls(id, value.current_state_timestamp)
        group.protocol = value.protocol
        group.generation = value.generation
        group.leader = value.leader
        for m in value.members:
            protocols = ((value.protocol or "", m.subscription),)
            timeout = m.session_timeout if m.rebalance_timeout == -1 else m.rebalance_timeout
            member = Member(
                m.member_id,
                m.group_instance_id,
                m.client_id,
                m.client_host,
                timeout,
                m.session_timeout,
                protocols,
                m.assignment,
            )
            group.add(member, value.protocol_type)
        group.protocol_type = value.protocol_type or None
        if value.members:
            group.state = State.STABLE
        group.topics = group.subscribed_topics()
        return group


def distinct(protocols: Iterable[tuple[str, bytes]]) -> Protocols:
    """The protocols of a request; one that is named twice counts once."""
    found: dict[str, bytes] = {}
    for name, metadata in protocols:
        found.setdefault(name, metadata)
    return tuple(found.items())
