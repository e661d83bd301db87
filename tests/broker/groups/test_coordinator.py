"""The group APIs of a whole node, on a disk in memory: versions, restarts, large logs."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from moldau.broker.groups import coordinator, load
from moldau.broker.groups.coordinator import java_hash, partition_of
from moldau.broker.groups.records import Offset, group_key, offset_key, offset_value
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse
from moldau.protocol.messages.delete_topics import (
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DeleteTopicState,
)
from moldau.protocol.messages.describe_groups import (
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)
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
from moldau.protocol.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from moldau.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)
from moldau.protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
)
from moldau.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
)
from moldau.protocol.messages.sync_group import (
    SyncGroupRequest,
    SyncGroupRequestAssignment,
    SyncGroupResponse,
)
from moldau.protocol.records import Record, build
from moldau.storage.log import Appended, Log, Origin
from tests.broker.stage import Stage

UNKNOWN_ID = b"?" * 16


@pytest.fixture
def stage() -> Stage:
    """With a topic for groups; the partition of group g is not loaded."""
    stage = Stage(offsets_topic_num_partitions=3)
    find(stage, "h")
    return stage


def find(stage: Stage, key: str, version: int = 6, key_type: int = 0) -> Any:
    request = FindCoordinatorRequest(key=key, coordinator_keys=[key], key_type=key_type)
    response = stage.must(request, version, FindCoordinatorResponse)
    return response.coordinators[0] if version >= 4 else response


def restarted(stage: Stage, later_ms: int = 1_000) -> Stage:
    """The node after kill -9."""
    disk = stage.disk.kill()
    return Stage(disk, stage.now_ms + later_ms, offsets_topic_num_partitions=3)


def join_and_sync(stage: Stage, group: str = "g", version: int = 3) -> str:
    """A stable group of one member; its id."""
    join = JoinGroupRequest(
        group_id=group,
        session_timeout_ms=10_000,
        rebalance_timeout_ms=10_000,
        protocol_type="consumer",
        protocols=[
            JoinGroupRequestProtocol(name="range", metadata=b"\0\0\0\0\0\1\0\1t" + bytes(4))
        ],
    )
    number = stage.send(join, version)
    frames = stage.answers()
    stage.sync()
    stage.tick(0)
    stage.sync()
    frames |= stage.answers()
    member_id = stage.decode(JoinGroupResponse, version, frames[number]).member_id
    sync = SyncGroupRequest(
        group_id=group,
        generation_id=1,
        member_id=member_id,
        assignments=[SyncGroupRequestAssignment(member_id=member_id, assignment=b"mine")],
    )
    assert stage.must(sync, 3, SyncGroupResponse).assignment == b"mine"
    return member_id


def commit(
    stage: Stage,
    offsets: dict[tuple[str, int], int],
    group: str = "g",
    version: int = 9,
    member: tuple[str, int] = ("", -1),
    ids: dict[str, bytes] | None = None,
) -> dict[tuple[str, int], int]:
    """The error code of each partition."""
    request = OffsetCommitRequest(
        group_id=group,
        member_id=member[0],
        generation_id_or_member_epoch=member[1],
        topics=[
            OffsetCommitRequestTopic(
                name=topic,
                topic_id=(ids or {}).get(topic, UNKNOWN_ID),
                partitions=[
                    OffsetCommitRequestPartition(
                        partition_index=partition,
                        committed_offset=offset,
                        committed_leader_epoch=4,
                        committed_metadata="why",
                    )
                ],
            )
            for (topic, partition), offset in offsets.items()
        ],
    )
    response = stage.must(request, version, OffsetCommitResponse)
    names = {topic_id: name for name, topic_id in (ids or {}).items()}
    return {
        (t.name or names.get(t.topic_id, "?"), p.partition_index): p.error_code
        for t in response.topics
        for p in t.partitions
    }


def fetch_all(stage: Stage, group: str = "g", version: int = 7) -> dict[tuple[str, int], int]:
    request = OffsetFetchRequest(
        group_id=group, topics=None, groups=[OffsetFetchRequestGroup(group_id=group, topics=None)]
    )
    response = stage.must(request, version, OffsetFetchResponse)
    topics: Any = response.groups[0].topics if version >= 8 else response.topics
    return {(t.name, p.partition_index): p.committed_offset for t in topics for p in t.partitions}


# --- finding --------------------------------------------------------------------------------


def test_java_hashes() -> None:
    assert java_hash("") == 0
    assert java_hash("a") == 97
    assert java_hash("test-group") == 627_841_412
    assert java_hash("polygenelubricants") == -(2**31)
    assert java_hash("\U0001f600") == 1_772_899
    assert partition_of("polygenelubricants", 50) == 0


@pytest.mark.parametrize("version", range(7))
def test_the_coordinator_is_here_in_every_version(version: int) -> None:
    stage = Stage(offsets_topic_num_partitions=3)
    found = find(stage, "g", version)
    assert (found.error_code, found.node_id, found.host, found.port) == (0, 1, "127.0.0.1", 9092)
    assert len(stage.node.image.topics["__consumer_offsets"].partitions) == 3


@pytest.mark.parametrize("version", [1, 3, 4, 6])
def test_transactions_and_share_groups_are_refused(version: int) -> None:
    stage = Stage()
    transactional = find(stage, "x", version, key_type=1)
    assert transactional.error_code == ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    assert "no transactions" in transactional.error_message
    assert find(stage, "g:AAAAAAAAAAAAAAAAAAAAAA:0", version, 2).error_code == 42
    assert "__consumer_offsets" not in stage.node.image.topics


def test_without_the_topic_nobody_coordinates() -> None:
    stage = Stage()
    request = HeartbeatRequest(group_id="g", generation_id=1, member_id="m")
    assert stage.must(request, 4, HeartbeatResponse).error_code == ErrorCode.NOT_COORDINATOR
    assert stage.must(ListGroupsRequest(), 5, ListGroupsResponse).groups == []


# --- offsets --------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(2, 10))
def test_offsets_are_committed_where_the_partition_exists(stage: Stage, version: int) -> None:
    stage.topic("t", 2)
    codes = commit(stage, {("t", 1): 5, ("t", 2): 6, ("u", 0): 7}, version=version)
    assert codes == {("t", 1): 0, ("t", 2): 3, ("u", 0): 3}
    assert fetch_all(stage) == {("t", 1): 5}


def test_offsets_by_topic_id(stage: Stage) -> None:
    ids = {"t": stage.topic("t")}
    codes = commit(stage, {("t", 0): 5, ("t", 1): 5, ("u", 0): 6}, version=10, ids=ids)
    unknown = ErrorCode.UNKNOWN_TOPIC_ID
    assert codes == {("t", 0): 0, ("t", 1): 3, ("?", 0): unknown}
    topics = [
        OffsetFetchRequestTopics(topic_id=topic_id, partition_indexes=[0])
        for topic_id in (ids["t"], UNKNOWN_ID)
    ]
    groups = [OffsetFetchRequestGroup(group_id="g", topics=topics)]
    response = stage.must(OffsetFetchRequest(groups=groups), 10, OffsetFetchResponse)
    found = [(t.partitions[0].committed_offset, t.partitions[0].error_code)
             for t in response.groups[0].topics]  # fmt: skip
    assert found == [(5, 0), (-1, unknown)]
    groups[0].topics = None
    response = stage.must(OffsetFetchRequest(groups=groups), 10, OffsetFetchResponse)
    assert [t.topic_id for t in response.groups[0].topics] == [ids["t"]]


@pytest.mark.parametrize("version", range(1, 10))
def test_offsets_are_fetched_in_every_version(stage: Stage, version: int) -> None:
    stage.topic("t", 2)
    commit(stage, {("t", 1): 5})
    request = OffsetFetchRequest(
        group_id="g",
        topics=[OffsetFetchRequestTopic(name="t", partition_indexes=[0, 1])],
        groups=[
            OffsetFetchRequestGroup(
                group_id=group,
                topics=[OffsetFetchRequestTopics(name="t", partition_indexes=[0, 1])],
            )
            for group in ("g", "nobody's")
        ],
    )
    response = stage.must(request, version, OffsetFetchResponse)
    topics: Any = response.groups[0].topics if version >= 8 else response.topics
    found = [(p.committed_offset, p.metadata, p.error_code) for p in topics[0].partitions]
    assert found == [(-1, "", 0), (5, "why", 0)]
    assert topics[0].partitions[1].committed_leader_epoch == (4 if version >= 5 else -1)
    if version >= 8:
        assert response.groups[1].error_code == 0
        assert response.groups[1].topics[0].partitions[1].committed_offset == -1


def test_a_commit_is_answered_when_it_is_on_disk_and_so_is_who_reads_it(stage: Stage) -> None:
    stage.topic("t")
    topics = [
        OffsetCommitRequestTopic(
            name="t",
            partitions=[OffsetCommitRequestPartition(committed_offset=5, committed_metadata="")],
        )
    ]
    other = stage.connect()
    writing = stage.send(OffsetCommitRequest(group_id="g", topics=topics), 9)
    reading = stage.send(OffsetFetchRequest(group_id="g", topics=None), 7, other)
    assert stage.answers() == {}
    stage.sync()
    assert set(stage.answers()) == {writing, reading}


def test_offsets_are_deleted(stage: Stage) -> None:
    stage.topic("t", 2)
    stage.topic("u")
    member = join_and_sync(stage)
    commit(stage, {("t", 0): 5, ("u", 0): 6}, member=(member, 1))
    request = OffsetDeleteRequest(
        group_id="g",
        topics=[
            OffsetDeleteRequestTopic(
                name=name, partitions=[OffsetDeleteRequestPartition(partition_index=p)]
            )
            for name, p in (("t", 0), ("u", 0), ("u", 1), ("v", 0))
        ],
    )
    response = stage.must(request, 0, OffsetDeleteResponse)
    codes = {t.name: [p.error_code for p in t.partitions] for t in response.topics}
    assert codes == {"u": [3, 0], "v": [3], "t": [ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC]}
    assert fetch_all(stage) == {("t", 0): 5}
    request.group_id = "nobody's"
    answer = stage.must(request, 0, OffsetDeleteResponse)
    assert answer.error_code == ErrorCode.GROUP_ID_NOT_FOUND


def test_offsets_go_with_their_topic(stage: Stage) -> None:
    stage.topic("t")
    stage.topic("u")
    commit(stage, {("t", 0): 5, ("u", 0): 6})
    request = DeleteTopicsRequest(topics=[DeleteTopicState(name="t")], topic_names=["t"])
    stage.must(request, 5, DeleteTopicsResponse)
    assert fetch_all(stage) == {("u", 0): 6}
    again = restarted(stage)
    assert fetch_all(again) == {("u", 0): 6}


def test_offsets_go_with_a_topic_that_was_deleted_before_they_were_loaded(stage: Stage) -> None:
    stage.topic("t")
    commit(stage, {("t", 0): 5})
    again = restarted(stage)
    request = DeleteTopicsRequest(topics=[DeleteTopicState(name="t")], topic_names=["t"])
    again.must(request, 5, DeleteTopicsResponse)
    again.topic("t")
    assert fetch_all(again) == {}


# --- groups ---------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(7))
def test_groups_are_described(stage: Stage, version: int) -> None:
    member = join_and_sync(stage)
    request = DescribeGroupsRequest(groups=["g", "none"], include_authorized_operations=True)
    one, none = stage.must(request, version, DescribeGroupsResponse).groups
    assert (one.error_code, one.group_state, one.protocol_data) == (0, "Stable", "range")
    (described,) = one.members
    assert (described.member_id, described.client_host) == (member, "/127.0.0.1")
    assert (described.member_metadata[:2], described.member_assignment) == (b"\0\0", b"mine")
    assert one.authorized_operations == (3400 if version >= 3 else -(2**31))
    assert none.group_state == "Dead"
    if version >= 6:
        assert none.error_code == ErrorCode.GROUP_ID_NOT_FOUND
        assert none.error_message == "Group none not found."
    else:
        assert none.error_code == 0


def test_groups_are_listed_by_state_and_type(stage: Stage) -> None:
    stage.topic("t")
    join_and_sync(stage)
    commit(stage, {("t", 0): 5}, "simple")

    def listed(version: int, states: list[str], types: list[str]) -> list[tuple[str, str]]:
        request = ListGroupsRequest(states_filter=states, types_filter=types)
        response = stage.must(request, version, ListGroupsResponse)
        return sorted((g.group_id, g.group_state or g.protocol_type) for g in response.groups)

    assert listed(0, [], []) == [("g", "consumer"), ("simple", "")]
    assert listed(5, [], []) == [("g", "Stable"), ("simple", "Empty")]
    assert listed(5, [" stable", "Dead"], []) == [("g", "Stable")]
    assert listed(5, [], ["CLASSIC"]) == [("g", "Stable"), ("simple", "Empty")]
    assert listed(5, [], ["consumer"]) == []


def test_groups_are_deleted(stage: Stage) -> None:
    stage.topic("t")
    join_and_sync(stage)
    commit(stage, {("t", 0): 5}, "simple")
    request = DeleteGroupsRequest(groups_names=["g", "simple", "none", "g"])
    results = stage.must(request, 2, DeleteGroupsResponse).results
    codes = {r.group_id: r.error_code for r in results}
    assert codes == {
        "g": ErrorCode.NON_EMPTY_GROUP,
        "simple": 0,
        "none": ErrorCode.GROUP_ID_NOT_FOUND,
    }
    assert fetch_all(stage, "simple") == {}


# --- after a restart ------------------------------------------------------------------------


def test_a_killed_node_knows_its_groups_and_offsets(stage: Stage) -> None:
    stage.topic("t")
    member = join_and_sync(stage)
    commit(stage, {("t", 0): 5}, member=(member, 1))
    again = restarted(stage)
    assert fetch_all(again) == {("t", 0): 5}
    request = HeartbeatRequest(group_id="g", generation_id=1, member_id=member)
    assert again.must(request, 4, HeartbeatResponse).error_code == 0
    assert commit(again, {("t", 0): 6}, member=(member, 1)) == {("t", 0): 0}


def test_members_that_never_came_back_are_gone_however_late_one_asks(stage: Stage) -> None:
    """Nobody asks about the group for a minute: its shard is loaded then, and the session, which
    began with the broker, is over."""
    member = join_and_sync(stage)
    again = restarted(stage)
    again.tick(60_000)
    request = HeartbeatRequest(group_id="g", generation_id=1, member_id=member)
    answer = again.must(request, 4, HeartbeatResponse)
    assert answer.error_code == ErrorCode.UNKNOWN_MEMBER_ID


def test_a_deleted_offsets_topic_sends_members_away(stage: Stage) -> None:
    join_and_sync(stage)
    other = stage.connect()
    join = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=10_000,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=b"")],
    )
    waiting = stage.send(join, 3, other)
    request = DeleteTopicsRequest(topic_names=["__consumer_offsets"])
    deleting = stage.send(request, 5)
    stage.sync()
    frames = stage.answers()
    assert set(frames) == {waiting, deleting}
    answer = stage.decode(JoinGroupResponse, 3, frames[waiting])
    assert answer.error_code == ErrorCode.NOT_COORDINATOR
    find(stage, "g")
    assert stage.must(ListGroupsRequest(), 5, ListGroupsResponse).groups == []


# --- what is in the log ---------------------------------------------------------------------


def log_of(stage: Stage, group: str = "g") -> Log:
    partition = stage.node.partition("__consumer_offsets", partition_of(group, 3))
    assert partition is not None
    return partition.log


def append(log: Log, *records: tuple[bytes, bytes | None], **options: Any) -> None:
    batch = build([Record(0, 1, key, value) for key, value in records], **options)
    assert isinstance(log.append_as_leader(batch, 0, 1, Origin.COORDINATOR), Appended)


def committed(offset: int, partition: int = 0) -> tuple[bytes, bytes]:
    value = Offset(offset, -1, "", 1_700_000_000_000, -1, bytes(16))
    return offset_key("g", "t", partition), offset_value(value)


def marker(kind: int) -> tuple[bytes, bytes]:
    return bytes((0, 0, 0, kind)), bytes(6)


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_compressed_batches_are_read(stage: Stage, codec: int) -> None:
    stage.topic("t", 3)
    append(log_of(stage), *(committed(7, p) for p in range(3)), codec=codec)
    assert fetch_all(stage) == {("t", 0): 7, ("t", 1): 7, ("t", 2): 7}


def test_long_and_odd_records_are_read(stage: Stage) -> None:
    stage.topic("t")
    record = offset_key("g", "t", 0), offset_value(Offset(7, -1, "m" * 20_000, 1, -1, bytes(16)))
    batch = build(
        [
            Record(0, 1, group_key("x" * 9_000), None),
            Record(0, 90_000, *record, (("h", b"v"), ("n", None))),
            Record(0, 1, offset_key("g", "t", 5), None, (("h" * 100, b"v" * 100),) * 70),
        ]
    )  # fmt: skip
    log_of(stage).append_as_leader(batch, 0, 1, Origin.COORDINATOR)
    assert fetch_all(stage) == {("t", 0): 7}


def test_transactions_of_apache_kafka_are_read(stage: Stage) -> None:
    stage.topic("t", 4)
    log = log_of(stage)
    alone: dict[str, Any] = {"producer_id": 7, "producer_epoch": 0, "transactional": True}
    other: dict[str, Any] = alone | {"producer_id": 8}
    append(log, committed(1, 0), committed(1, 1), **alone)
    append(log, committed(2, 2), **other)
    append(log, committed(3, 1))  # later than what is committed after it
    append(log, marker(1), **alone, control=True)
    append(log, marker(0), **other, control=True)
    append(log, committed(9, 3), **alone)  # never ended
    assert fetch_all(stage) == {("t", 0): 1, ("t", 1): 3}


def test_records_of_other_kinds_are_counted_and_left_alone(stage: Stage) -> None:
    stage.topic("t")
    append(log_of(stage), (b"\0\3\0\1g", b"\0\0\0\0\0\1"), (b"\0\5x", None), committed(7))
    end = log_of(stage).log_end_offset
    assert fetch_all(stage) == {("t", 0): 7}
    assert any("2 records that classic groups do not use" in line for line in stage.said)
    assert log_of(stage).log_end_offset == end


def test_a_large_log_is_read_in_slices_and_clients_are_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "SLICE", 4_000)
    monkeypatch.setattr(load, "_READ", 1_000)
    stage.topic("t")
    for offset in range(200):
        append(log_of(stage), committed(offset))
    request = OffsetFetchRequest(group_id="g", topics=None)
    loading = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    assert stage.must(request, 7, OffsetFetchResponse).error_code == loading
    beat = HeartbeatRequest(group_id="g", generation_id=1, member_id="m")
    assert stage.must(beat, 4, HeartbeatResponse).error_code == 0
    slices = 0
    while stage.node.next_deadline() == stage.now_ms:
        stage.tick(0)
        slices += 1
    assert slices > 3
    assert fetch_all(stage) == {("t", 0): 199}


def test_a_damaged_log_is_not_served_and_said_so(stage: Stage) -> None:
    stage.topic("t")
    log = log_of(stage)
    append(log, committed(1), committed(2, 1))
    append(log, committed(3))
    stage.sync()
    path = f"{log.directory}/{0:020}.log"
    stage.disk.open(path).append([b"\xff"], 80)
    request = OffsetFetchRequest(group_id="g", topics=None)
    answer = stage.must(request, 7, OffsetFetchResponse)
    assert answer.error_code == ErrorCode.NOT_COORDINATOR
    assert any(log.where in line and "checksum" in line for line in stage.said)


def test_records_that_make_no_sense_are_counted(stage: Stage) -> None:
    stage.topic("t")
    key, value = committed(7)
    strange = [
        (b"\0", value),
        (b"\0\1\0\xffg", value),
        (b"\0\2\0\1g", b"\0\3\0\x09"),
        (key, b"\0\1"),
    ]
    append(log_of(stage), *strange)
    append(log_of(stage), committed(8, 1))
    assert fetch_all(stage) == {("t", 1): 8}
    assert any("4 records" in line for line in stage.said)


def test_what_is_too_long_to_be_stored_is_refused(stage: Stage) -> None:
    beat = HeartbeatRequest(group_id="g" * 32_750, generation_id=1, member_id="m")
    assert stage.must(beat, 4, HeartbeatResponse).error_code == ErrorCode.INVALID_GROUP_ID
    longest = "\u20ac" * 10_910
    for join in (
        JoinGroupRequest(group_id="g", session_timeout_ms=10_000, group_instance_id=longest),
        JoinGroupRequest(group_id="g", session_timeout_ms=10_000, protocol_type=longest),
    ):
        answer = stage.must(join, 9, JoinGroupResponse)
        assert answer.error_code == ErrorCode.INVALID_REQUEST


def test_a_crash_keeps_every_commit_that_was_answered(stage: Stage) -> None:
    stage.topic("t", 3)
    dice = Random(3)
    expected: dict[tuple[str, int], int] = {}
    for offset in range(60):
        place = ("t", dice.randrange(3))
        assert commit(stage, {place: offset}) == {place: 0}
        expected[place] = offset
        if dice.random() < 0.1:
            disk = stage.disk.crash(dice)
            stage = Stage(disk, stage.now_ms + 10, offsets_topic_num_partitions=3)
            assert fetch_all(stage) == expected
