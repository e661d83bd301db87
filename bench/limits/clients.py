"""Many connections, many groups, and many members of one."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from struct import pack

from tests.attacks.raw import Raw

from bench.brokers import Running, start_again
from bench.limits.measured import Figure, Result, Scenario, running
from bench.process import cpu_seconds, memory_bytes
from moldau.protocol.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse
from moldau.protocol.messages.find_coordinator import (
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
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
from moldau.protocol.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from moldau.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)
from moldau.protocol.messages.offset_fetch import OffsetFetchRequest, OffsetFetchResponse
from moldau.protocol.messages.sync_group import (
    SyncGroupRequest,
    SyncGroupRequestAssignment,
    SyncGroupResponse,
)

CONNECTIONS = 5000
BACKLOG = 50  # as in Kafka
GROUPS = 1000
MEMBERS = 300
HEARTBEAT_ROUNDS = 3
WATCHED_S = 5.0  # connections that say nothing
TIMEOUT_S = 120.0
REBALANCE_IN_PROGRESS = 27
_SUBSCRIPTION = pack(">hih5si", 0, 1, 5, b"topic", -1)  # ConsumerProtocol, version 0
_ASSIGNMENT = pack(">hih5siii", 0, 1, 5, b"topic", 1, 0, -1)


class Member:
    """A member of a consumer group over a connection of its own."""

    def __init__(self, broker: Running, group: str) -> None:
        self.raw = Raw(broker.address, TIMEOUT_S)
        self.group, self.id, self.generation = group, "", -1
        self.joined: JoinGroupResponse | None = None
        self._expected = 0

    def ask_to_join(self) -> None:
        """Version 3, which knows no member id that is given beforehand: one round less."""
        protocol = JoinGroupRequestProtocol(name="range", metadata=_SUBSCRIPTION)
        request = JoinGroupRequest(
            group_id=self.group,
            session_timeout_ms=60_000,
            rebalance_timeout_ms=60_000,
            member_id=self.id,
            protocol_type="consumer",
            protocols=[protocol],
        )
        self._expected = self.raw.send(request, 3)

    def hear_of_join(self) -> None:
        answer = self.raw.answer(JoinGroupResponse, 3, self._expected)
        assert answer.error_code == 0, answer.error_code
        self.joined, self.id, self.generation = answer, answer.member_id, answer.generation_id

    def join_error(self) -> int:
        return self.raw.answer(JoinGroupResponse, 3, self._expected).error_code

    def ask_to_sync(self) -> None:
        assert self.joined is not None
        assignments = [
            SyncGroupRequestAssignment(member_id=member.member_id, assignment=_ASSIGNMENT)
            for member in self.joined.members
        ]
        request = SyncGroupRequest(
            group_id=self.group,
            generation_id=self.generation,
            member_id=self.id,
            assignments=assignments,
        )
        self._expected = self.raw.send(request, 2)

    def hear_of_sync(self) -> None:
        answer = self.raw.answer(SyncGroupResponse, 2, self._expected)
        assert answer.error_code == 0, answer.error_code

    def beat(self) -> int:
        """The error code."""
        request = HeartbeatRequest(
            group_id=self.group, generation_id=self.generation, member_id=self.id
        )
        return self.raw.ask(request, HeartbeatResponse, 2).error_code

    def commit_error(self, offset: int, metadata: str = "") -> int:
        part = OffsetCommitRequestPartition(partition_index=0, committed_offset=offset)
        part.committed_metadata = metadata
        request = OffsetCommitRequest(
            group_id=self.group,
            generation_id_or_member_epoch=self.generation,
            member_id=self.id,
            topics=[OffsetCommitRequestTopic(name="topic", partitions=[part])],
        )
        return self.raw.ask(request, OffsetCommitResponse, 6).topics[0].partitions[0].error_code

    def leave(self) -> None:
        request = LeaveGroupRequest(
            group_id=self.group, members=[MemberIdentity(member_id=self.id)]
        )
        assert self.raw.ask(request, LeaveGroupResponse, 3).error_code == 0
        self.raw.socket.close()


def _settle(members: list[Member]) -> None:
    """All join, all are answered, all sync: as a real group does, only faster."""
    for member in members:
        member.ask_to_join()
    _hear_and_sync(members)


def _settle_after_the_first(members: list[Member]) -> None:
    """It is the first that begins a new generation: who was heard before it, on another connection,
    would be told the old one, and be missed in the new."""
    members[0].ask_to_join()
    _wait_to_be_called(members[1])
    for member in members[1:]:
        member.ask_to_join()
    _hear_and_sync(members)


def _wait_to_be_called(member: Member) -> None:
    """Until it is told that a new generation begins."""
    while member.beat() != REBALANCE_IN_PROGRESS:
        time.sleep(0.001)


def _hear_and_sync(members: list[Member]) -> None:
    for member in members:
        member.hear_of_join()
    for member in members:
        member.ask_to_sync()
    for member in members:
        member.hear_of_sync()


def connections(folder: Path) -> Result:
    result = Result()
    with running(folder, {}) as broker:
        before = memory_bytes(broker.pid)
        result.memory("with none", broker)
        raws = _opened(result, broker, "")
        result.memory("with all", broker)
        grown = memory_bytes(broker.pid) - before
        result.add("memory of the process for each", grown / CONNECTIONS / 1e3, "kB")
        with result.timed(f"all silent for {WATCHED_S:.0f} s", broker):
            time.sleep(WATCHED_S)
        with result.timed("all ask at once", broker):
            for raw in raws:
                raw.send(DescribeGroupsRequest(groups=[]), 0)
            for raw in raws:
                raw.receive()
        with result.timed("all close at once", broker):
            _close(raws)
            _pinged(broker)
        result.memory("after they went", broker)
    as_kafka = {"socket.listen.backlog.size": str(BACKLOG)}
    with running(folder.with_name("as-kafka"), as_kafka) as broker:
        _close(_opened(result, broker, f", socket.listen.backlog.size={BACKLOG}"))
    return result


def _opened(result: Result, broker: Running, how: str) -> list[Raw]:
    with result.timed(f"open {CONNECTIONS:,}, each asks for ApiVersions once{how}", broker):
        raws = [Raw(broker.address, TIMEOUT_S) for _ in range(CONNECTIONS)]
        for raw in raws:
            raw.ping()
    return raws


def _close(raws: list[Raw]) -> None:
    for raw in raws:
        raw.socket.close()


def with_coordinator(broker: Running, group: str) -> None:
    """The topic of groups is made when a coordinator is first asked for."""
    with Raw(broker.address, TIMEOUT_S) as raw:
        request = FindCoordinatorRequest(key=group)
        while raw.ask(request, FindCoordinatorResponse, 2).error_code:
            time.sleep(0.01)
        raw.create("topic")


def _pinged(broker: Running) -> None:
    with Raw(broker.address) as raw:
        raw.ping()


def groups(folder: Path) -> Result:
    result = Result()
    with running(folder, {}) as broker:
        try:
            with_coordinator(broker, "group-0")
            result.memory("with no group", broker)
            members = [Member(broker, f"group-{number}") for number in range(GROUPS)]
            with result.timed(f"{GROUPS:,} groups of one member join and sync", broker):
                _settle(members)
            with result.timed("each commits an offset", broker):
                for number, member in enumerate(members):
                    assert member.commit_error(number) == 0
            with result.timed(f"{HEARTBEAT_ROUNDS} heartbeats of each", broker):
                assert not any(m.beat() for _ in range(HEARTBEAT_ROUNDS) for m in members)
            result.memory("with all groups", broker)
            _describe(result, broker)
            broker.process.send_signal(signal.SIGKILL)
            broker.process.wait()
            broker = start_again(broker)
            seconds, used = broker.seconds_to_answer, cpu_seconds(broker.pid)
            result.figures.append(Figure("start after kill -9", seconds, "s", used))
            with result.timed("their offsets are read, one group at a time", broker):
                _check_offsets(broker)
            result.memory("after that", broker)
        finally:
            broker.stop()
    return result


def _describe(result: Result, broker: Running) -> None:
    with Raw(broker.address) as raw:
        with result.timed("ListGroups", broker):
            found = raw.ask(ListGroupsRequest(), ListGroupsResponse, 2).groups
        assert len(found) == GROUPS
        with result.timed("DescribeGroups of all in one request", broker):
            request = DescribeGroupsRequest(groups=[group.group_id for group in found])
            described = raw.ask(request, DescribeGroupsResponse, 0).groups
        assert {group.group_state for group in described} == {"Stable"}


def _check_offsets(broker: Running) -> None:
    with Raw(broker.address) as raw:
        for number in range(GROUPS):
            request = OffsetFetchRequest(group_id=f"group-{number}", topics=None)
            answer = raw.ask(request, OffsetFetchResponse, 5)
            assert answer.topics[0].partitions[0].committed_offset == number, answer


def members(folder: Path) -> Result:
    result = Result()
    with running(folder, {}) as broker:
        with_coordinator(broker, "large")
        result.memory("with no group", broker)
        everybody = [Member(broker, "large") for _ in range(MEMBERS)]
        with result.timed(f"{MEMBERS} members join at once, until all have synced", broker):
            form(everybody)
        result.memory("with the group", broker)
        with result.timed("one leaves: the others hear of it and are settled again", broker):
            everybody.pop().leave()
            rebalancing = {member.beat() for member in everybody}
            assert rebalancing == {REBALANCE_IN_PROGRESS}, rebalancing
            _settle(everybody)
        with result.timed("one more comes", broker):
            everybody.insert(0, Member(broker, "large"))
            _settle_after_the_first(everybody)
        with result.timed(f"{HEARTBEAT_ROUNDS} heartbeats of each", broker):
            assert not any(m.beat() for _ in range(HEARTBEAT_ROUNDS) for m in everybody)
        with result.timed("DescribeGroups", broker), Raw(broker.address) as raw:
            request = DescribeGroupsRequest(groups=["large"])
            described = raw.ask(request, DescribeGroupsResponse, 0).groups[0]
        assert len(described.members) == MEMBERS
        with result.timed("all lose their connection and join anew under their ids", broker):
            everybody.sort(key=_follows)  # only the leader's joining begins a new generation
            for member in everybody:
                member.raw.socket.close()
                member.raw = Raw(broker.address, TIMEOUT_S)
            _settle_after_the_first(everybody)
        result.memory("at the end", broker)
    return result


def _follows(member: Member) -> bool:
    return member.joined is None or member.joined.leader != member.id


def form(members: list[Member]) -> None:
    """The first may be alone in a generation, since a new group does not wait for others."""
    _settle(members[:1])
    for member in members[1:]:
        member.ask_to_join()
    _wait_to_be_called(members[0])
    members[0].ask_to_join()
    _hear_and_sync(members)


_OVER_SOCKETS = "Bare sockets, one connection for each member; the leader assigns a partition each."
SCENARIOS = (
    Scenario(
        "connections",
        f"{CONNECTIONS:,} connections",
        "Bare sockets from one process of another client, one after the other.",
        connections,
    ),
    Scenario("groups", f"{GROUPS:,} groups", _OVER_SOCKETS, groups),
    Scenario("members", f"{MEMBERS} members in one group", _OVER_SOCKETS, members),
)
