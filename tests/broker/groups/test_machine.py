"""Clients that do anything at any time, and what must hold all the same.

The leader gives each member `<generation>:<place>`, where the place of a static member is its
instance. So an answer of another generation, or meant for somebody else, shows.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from moldau.broker.groups.group import Group, State
from moldau.broker.groups.limits import Limits
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.join_group import JoinGroupResponse
from moldau.protocol.messages.sync_group import SyncGroupResponse
from tests.broker.groups.stage import Stage
from tests.drawn import share

CLIENTS = ("a", "b", "c", "d")
INSTANCES = ("x", "y")
clients = st.sampled_from(CLIENTS)
everybody = st.sampled_from(CLIENTS + INSTANCES)
REBALANCE = 20_000
SESSION = 10_000


class Client:
    def __init__(self) -> None:
        self.member_id = ""
        self.generation = -1
        self.leads: list[tuple[str, str]] | None = None  # member and place of each, of a leader
        self.asked: list[tuple[int, str]] = []  # generation and place of syncs that wait


class Groups(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage(Limits(initial_rebalance_delay_ms=1_000))
        self.clients = {name: Client() for name in CLIENTS + INSTANCES}
        self.committed: dict[tuple[str, int], int] = {}

    # --- what clients do --------------------------------------------------------------------

    @rule(name=clients, topics=st.sampled_from((("t",), ("t", "u"))))
    def join(self, name: str, topics: tuple[str, ...]) -> None:
        self._join(name, topics=topics)

    @rule(name=clients)
    def join_in_one_step(self, name: str) -> None:
        self._join(name, version=3)

    @rule(instance=st.sampled_from(INSTANCES), forgets=st.booleans())
    def join_as_instance(self, instance: str, forgets: bool) -> None:
        client = self.clients[instance]
        if forgets:
            client.member_id = ""
        self._join(instance, instance=instance)

    def _join(self, name: str, **options: Any) -> None:
        member_id = self.clients[name].member_id
        self.stage.join(name, member_id, session=SESSION, rebalance=REBALANCE, **options)
        self._hear()

    @rule(name=everybody, behind=st.sampled_from((0, 0, 0, 1)))
    def sync(self, name: str, behind: int) -> None:
        client = self.clients[name]
        if client.generation < 0:
            return
        generation = client.generation - behind
        parts = {member: f"{generation}:{place}".encode() for member, place in client.leads or ()}
        place = name if name in INSTANCES else client.member_id
        client.asked.append((generation, place))
        self.stage.sync(name, client.member_id, generation, parts)
        self._hear()

    @rule(name=everybody)
    def heartbeat(self, name: str) -> None:
        client = self.clients[name]
        self.stage.heartbeat(name, client.member_id, client.generation)
        self._hear()

    @rule(name=clients)
    def leave(self, name: str) -> None:
        client = self.clients[name]
        self.stage.leave(name, (client.member_id, None))
        client.member_id = ""
        self._hear()

    @rule(
        name=clients,
        partition=st.integers(0, 2),
        offset=st.integers(0, 99),
        simple=st.booleans(),
        holding=st.booleans(),
    )
    def commit(self, name: str, partition: int, offset: int, simple: bool, holding: bool) -> None:
        client = self.clients[name]
        self.stage.journal.holding = holding
        member = ("", -1) if simple else (client.member_id, client.generation)
        self.stage.commit(name, {partition: offset}, *member)
        answers = self.stage.answers
        assert not (holding and answers and answers[-1][0] == name), "not yet on disk"
        self.stage.journal.sync()
        if self.stage.heard()[-1] == f"{name}: commit t-{partition} NONE":
            self.committed["t", partition] = offset

    # --- what happens to them ---------------------------------------------------------------

    @rule(ms=st.sampled_from((1, 1_000, 4_000, SESSION, REBALANCE)))
    def time_passes(self, ms: int) -> None:
        self.stage.pass_time(ms)
        self._hear()

    @rule()
    def the_broker_dies(self) -> None:
        before = self.stage.shard.groups.get("g")
        self.stage.crash()
        for client in self.clients.values():
            client.asked.clear()
        after = self.stage.shard.groups.get("g")
        # That a group is empty may fail to be written: then its last members are back, for the
        # length of a session.
        kept = (State.STABLE,) if self.stage.journal.refusals else (State.STABLE, State.EMPTY)
        if before is not None and before.state in kept:
            assert after is not None
            assert _durable(after) == _durable(before)
        self.stage.journal.refusals = 0
        assert self.stage.offsets() == self.committed

    @precondition(lambda self: self.stage.journal.refusing is None)
    @rule()
    def the_disk_is_full(self) -> None:
        self.stage.journal.refusing = ErrorCode.KAFKA_STORAGE_ERROR

    @precondition(lambda self: self.stage.journal.refusing is not None)
    @rule()
    def the_disk_has_room(self) -> None:
        self.stage.journal.refusing = None

    # --- what must hold ---------------------------------------------------------------------

    def _hear(self) -> None:
        answers, self.stage.answers = self.stage.answers, []
        for name, message in answers:
            client = self.clients[name]
            if isinstance(message, JoinGroupResponse):
                self._hear_join(name, client, message)
            elif isinstance(message, SyncGroupResponse):
                self._hear_sync(client, message)

    def _hear_join(self, name: str, client: Client, message: JoinGroupResponse) -> None:
        if message.error_code == ErrorCode.MEMBER_ID_REQUIRED:
            client.member_id = message.member_id
        elif message.error_code == ErrorCode.UNKNOWN_MEMBER_ID:
            client.member_id = ""
        elif message.error_code == ErrorCode.NONE:
            assert (message.member_id == message.leader) == bool(message.members)
            client.member_id = message.member_id
            client.generation = message.generation_id
            client.leads = [
                (m.member_id, m.group_instance_id or m.member_id) for m in message.members
            ] or None

    def _hear_sync(self, client: Client, message: SyncGroupResponse) -> None:
        # A client asks again only when it gave up: the answers come in the order of asking.
        generation, place = client.asked.pop(0)
        if message.error_code == ErrorCode.NONE:
            assert message.assignment == f"{generation}:{place}".encode()

    @invariant()
    def what_is_counted_is_there(self) -> None:
        group = self.stage.shard.groups.get("g")
        if group is None:
            return
        members = group.members.values()
        assert group.joining == sum(m.join is not None for m in members)
        assert +group.supporters == Counter(n for m in members for n, _ in m.protocols)
        assert group.static == {m.instance_id: m.id for m in members if m.instance_id}
        assert not group.pending_join & set(group.members)
        assert group.pending_sync <= set(group.members)
        assert group.leader in group.members if group.members else group.leader is None
        assert (group.state is State.EMPTY) <= (not group.members)
        if group.state is not State.PREPARING_REBALANCE:
            assert group.joining == 0
        if group.state is State.PREPARING_REBALANCE:
            assert not group.pending_sync
        if group.state is not State.COMPLETING_REBALANCE:
            assert all(m.sync is None for m in members)

    @invariant()
    def who_does_not_wait_has_a_session(self) -> None:
        group = self.stage.shard.groups.get("g")
        for member in group.members.values() if group is not None else ():
            assert member.keeps_session or member.id in group.sessions  # type: ignore[union-attr]

    def teardown(self) -> None:
        """When nobody does anything any more, everybody is out, and every request is answered."""
        self.stage.journal.refusing = None
        self.stage.pass_time(10 * 60_000)
        self._hear()
        assert all(not client.asked for client in self.clients.values())
        group = self.stage.shard.groups.get("g")
        assert group is None or (group.state is State.EMPTY and not group.pending_join)


def _durable(group: Group) -> tuple[Any, ...]:
    parts = {m.id: (m.instance_id, m.assignment) for m in group.members.values()}
    return (group.state, group.generation, group.protocol, group.leader, parts, group.topics)


Groups.TestCase.settings = settings(max_examples=share(60), stateful_step_count=40, deadline=None)
TestGroups = Groups.TestCase
