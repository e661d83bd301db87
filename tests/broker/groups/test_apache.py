"""The same requests of members and administrators to an Apache Kafka and to ours: the same
answers, and the same records in `__consumer_offsets`.

Not told here, because we answer otherwise on purpose: a JoinGroup that is refused makes no group;
a request that waits is answered when its member is removed or asks again, where Apache Kafka lets
the client's timeout decide; a static member that restarts before it asked for its part need not
fear the sync timeout.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Consumer, TopicPartition

from moldau.broker.groups import records
from moldau.broker.groups.coordinator import partition_of
from moldau.client.connection import Connection
from moldau.protocol.errors import ErrorCode
from moldau.protocol.messages.create_topics import (
    CreatableTopic,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from moldau.protocol.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse
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
from moldau.protocol.messages.leave_group import (
    LeaveGroupRequest,
    LeaveGroupResponse,
    MemberIdentity,
)
from moldau.protocol.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from moldau.protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
)
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
from moldau.protocol.schema import Message, Struct
from moldau.server.embedded import Broker
from tests.apache_kafka import ApacheKafka, java_missing

pytestmark = [
    pytest.mark.apache,
    pytest.mark.skipif(bool(java_missing()), reason=java_missing() or ""),
    pytest.mark.timeout(180),
]
PARTITIONS = 3
CONFIG = {
    "offsets.topic.num.partitions": PARTITIONS,
    "offsets.topic.replication.factor": 1,
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "group.max.size": 2,
}
UNKNOWN_ID = b"no such topic id"
METADATA = b"\0\0\0\0\0\1\0\1t" + bytes(4)  # a subscription to t
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NEWEST: dict[type[Message], int] = {
    JoinGroupRequest: 9,
    SyncGroupRequest: 5,
    HeartbeatRequest: 4,
    LeaveGroupRequest: 5,
    OffsetCommitRequest: 10,
    OffsetFetchRequest: 10,
}


class Side:
    """One of the two brokers, and what it answered."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.told: list[Any] = []
        self.members: dict[str, str] = {}  # member ids that it gave, by name
        self.connection = self.connect()
        self.topic_ids: dict[bytes, str] = {}
        self._make_topics()

    def connect(self) -> Connection:
        host, _, port = self.servers.rpartition(":")
        return Connection(host, int(port), "judge", 30)

    def _make_topics(self) -> None:
        topics = [
            CreatableTopic(name=name, num_partitions=2, replication_factor=1) for name in "tu"
        ]
        request = CreateTopicsRequest(topics=topics, timeout_ms=10_000)
        for made in self.put(request, CreateTopicsResponse, 7).topics:
            assert made.error_code == 0, made
            self.topic_ids[bytes(made.topic_id)] = f"id of {made.name}"
            if made.name == "t":
                self.topic_id = bytes(made.topic_id)
        # A broker of Apache Kafka learns of topics, and loads groups, a little later.
        find = FindCoordinatorRequest(key="g", coordinator_keys=["g"])
        wanted = MetadataRequest(topics=[MetadataRequestTopic(name=name) for name in "tu"])
        for _ in range(200):
            found = self.put(find, FindCoordinatorResponse, 6).coordinators[0]
            topics = self.put(wanted, MetadataResponse, 12).topics
            if not found.error_code and not any(t.error_code for t in topics) and self._loaded():
                return
            time.sleep(0.05)
        raise AssertionError(f"{self.servers} does not become ready")

    def _loaded(self) -> bool:
        """Is every partition of groups served? Then a stranger is a stranger."""
        beats = [HeartbeatRequest(group_id=f"g{n}", member_id="m") for n in range(20)]
        codes = {self.put(beat, HeartbeatResponse, 4).error_code for beat in beats}
        return codes == {ErrorCode.UNKNOWN_MEMBER_ID}

    def put(self, request: Message, answer: type[Any], version: int) -> Any:
        return self.connection.ask(request, answer, newest=version)

    def ask(self, request: Message, answer: type[Any], version: int = 99) -> Any:
        """An answer that is to be the same on both sides."""
        found = self.put(request, answer, version)
        self.told.append((answer.__name__, version, comparable(found, self.topic_ids)))
        return found


class Sides(NamedTuple):
    apache: Side
    ours: Side


@pytest.fixture(scope="module")
def sides() -> Iterator[Sides]:
    with ApacheKafka(config=CONFIG) as kafka, Broker(config=CONFIG) as broker:
        both = Sides(Side(kafka.bootstrap_servers), Side(broker.bootstrap_servers))
        yield both
        for side in both:
            side.connection.close()


def comparable(value: Any, ids: dict[bytes, str]) -> Any:
    """A message as dictionaries, without what is each side's own."""
    if isinstance(value, Struct):
        return {
            f.name: comparable(getattr(value, f.name), ids)
            for f in type(value).fields
            if f.name not in ("host", "port", "throttle_time_ms")
        }
    if isinstance(value, list):
        return sorted((comparable(item, ids) for item in value), key=repr)
    if isinstance(value, str):
        return UUID.sub("UUID", value)
    return ids.get(value, value) if isinstance(value, bytes) else value


# --- requests -------------------------------------------------------------------------------


def join(side: Side, group: str, member: str = "", version: int = 9, **fields: Any) -> Any:
    request = JoinGroupRequest(
        group_id=group,
        session_timeout_ms=fields.pop("session", 30_000),
        rebalance_timeout_ms=5_000,
        member_id=side.members.get(member, member),
        protocol_type=fields.pop("protocol_type", "consumer"),
        protocols=[
            JoinGroupRequestProtocol(name=name, metadata=METADATA)
            for name in fields.pop("protocols", ["range"])
        ],
        **fields,
    )
    return side.ask(request, JoinGroupResponse, version)


def sync(side: Side, group: str, member: str, version: int = 5, **fields: Any) -> Any:
    member_id = side.members.get(member, member)
    request = SyncGroupRequest(
        group_id=group,
        generation_id=fields.pop("generation", 1),
        member_id=member_id,
        protocol_type=fields.pop("protocol_type", "consumer"),
        protocol_name=fields.pop("protocol_name", "range"),
        assignments=[SyncGroupRequestAssignment(member_id=member_id, assignment=b"mine")],
        **fields,
    )
    return side.ask(request, SyncGroupResponse, version)


def heartbeat(side: Side, group: str, member: str, version: int = 4, **fields: Any) -> Any:
    request = HeartbeatRequest(
        group_id=group,
        generation_id=fields.pop("generation", 1),
        member_id=side.members.get(member, member),
        **fields,
    )
    return side.ask(request, HeartbeatResponse, version)


def leave(side: Side, group: str, *members: tuple[str, str | None], version: int = 5) -> Any:
    ids = [(side.members.get(name, name), instance) for name, instance in members]
    request = LeaveGroupRequest(
        group_id=group,
        member_id=ids[0][0],
        members=[MemberIdentity(member_id=m, group_instance_id=i) for m, i in ids],
    )
    return side.ask(request, LeaveGroupResponse, version)


def commit(side: Side, group: str, member: str = "", version: int = 9, **fields: Any) -> Any:
    places = fields.pop("places", (("t", 0), ("t", 1), ("t", 2), ("missing", 0)))
    request = OffsetCommitRequest(
        group_id=group,
        generation_id_or_member_epoch=fields.pop("generation", -1),
        member_id=side.members.get(member, member),
        topics=[
            OffsetCommitRequestTopic(
                name=topic,
                topic_id=side.topic_id if topic == "t" else UNKNOWN_ID,
                partitions=[
                    OffsetCommitRequestPartition(
                        partition_index=partition,
                        committed_offset=7 + partition,
                        committed_leader_epoch=2,
                        committed_metadata=fields.pop("metadata", "why"),
                    )
                ],
            )
            for topic, partition in places
        ],
        **fields,
    )
    response = side.put(request, OffsetCommitResponse, version)
    # Apache Kafka puts what does not exist first, and a topic that is named twice in two places.
    codes = sorted(
        (t.name, str(comparable(t.topic_id, side.topic_ids)), p.partition_index, p.error_code)
        for t in response.topics
        for p in t.partitions
    )
    side.told.append(("commit", version, codes))
    return response


def fetch(side: Side, group: str, version: int, *, everything: bool = False) -> Any:
    topics = [
        OffsetFetchRequestTopics(
            name=name,
            topic_id=side.topic_id if name == "t" else UNKNOWN_ID,
            partition_indexes=[0, 1],
        )
        for name in ("t", "missing")
    ]
    old = [OffsetFetchRequestTopic(name=t.name, partition_indexes=[0, 1]) for t in topics]
    request = OffsetFetchRequest(
        group_id=group,
        topics=None if everything else old,
        groups=[
            OffsetFetchRequestGroup(group_id=id, topics=None if everything else topics)
            for id in (group, "nobody")
        ],
    )
    return side.ask(request, OffsetFetchResponse, version)


def describe(side: Side, *groups: str, version: int = 6) -> Any:
    request = DescribeGroupsRequest(groups=list(groups), include_authorized_operations=True)
    return side.ask(request, DescribeGroupsResponse, version)


def delete(side: Side, *groups: str, version: int = 2) -> Any:
    request = DeleteGroupsRequest(groups_names=list(groups))
    return side.ask(request, DeleteGroupsResponse, version)


def enter(side: Side, group: str, member: str, version: int = 9, **fields: Any) -> None:
    """Joins, in two steps if the version is so, and asks for the assignment."""
    answer = join(side, group, version=version, **fields)
    if answer.error_code:
        answer = join(side, group, answer.member_id, version, **fields)
    side.members[member] = answer.member_id
    sync(side, group, member, min(version, 5), generation=answer.generation_id)


# --- stories --------------------------------------------------------------------------------


def every_version(side: Side) -> None:
    for version in range(10):
        group = f"v{version}"
        enter(side, group, "m", version)
        heartbeat(side, group, "m", min(version, 4))
        commit(side, group, "m", max(version, 2), generation=1)
        fetch(side, group, max(version, 1))
        fetch(side, group, max(version, 2), everything=True)
        describe(side, group, version=min(version, 6))
        leave(side, group, ("m", None), version=min(version, 5))
        describe(side, group, version=min(version, 6))
        delete(side, group, "none", version=min(version, 2))


def offsets_by_topic_id(side: Side) -> None:
    commit(side, "ids", version=10)
    fetch(side, "ids", 10)
    fetch(side, "ids", 10, everything=True)
    fetch(side, "ids", 9, everything=True)


def commits_of_all_sorts(side: Side) -> None:
    enter(side, "commits", "m")
    for version in (2, 8, 9):
        commit(side, "commits", "m", version, generation=0)
        commit(side, "commits", "stranger", version, generation=1)
        commit(side, "commits", version=version)
        commit(side, "none", "stranger", version, generation=1)
        commit(side, "commits", "m", version, generation=1, places=(("missing", 0),))
    commit(side, "commits", "m", generation=1, metadata="m" * 4097)
    commit(side, "old", version=4, retention_time_ms=60_000)
    commit(side, "", places=(("t", 0),))
    fetch(side, "", 9)
    fetch(side, "old", 9)


def refused_joins(side: Side) -> None:
    enter(side, "refused", "m")
    for version in (0, 4, 6, 7, 9):
        join(side, "", version=version)
        join(side, "refused", session=999, version=version)
        join(side, "refused", session=1_800_001, version=version)
        join(side, "refused", "stranger", version)
        join(side, "none", "stranger", version)
        join(side, "refused", protocols=["sticky"], version=version)
        join(side, "refused", protocols=[], version=version)
        join(side, "refused", protocol_type="connect", version=version)
        if version >= 5:
            join(side, "refused", "m", version, group_instance_id="i")


def refused_members(side: Side) -> None:
    enter(side, "strict", "m")
    for group in ("strict", "none", ""):
        sync(side, group, "stranger")
        heartbeat(side, group, "stranger")
        leave(side, group, ("stranger", None))
        leave(side, group, ("stranger", None), version=2)
        leave(side, group, ("", "instance"))
    for fields in ({"generation": 2}, {"protocol_name": "x"}, {"protocol_type": "x"},
                   {"protocol_name": None}, {"group_instance_id": "i"}):  # fmt: skip
        sync(side, "strict", "m", **fields)
    sync(side, "strict", "m", 4, protocol_name=None)
    heartbeat(side, "strict", "m", generation=2)
    heartbeat(side, "strict", "m", group_instance_id="i")
    join(side, "strict", "m")  # the leader: a new generation
    heartbeat(side, "strict", "m")
    heartbeat(side, "strict", "m", generation=2)
    commit(side, "strict", "m", generation=2)
    describe(side, "strict")
    sync(side, "strict", "m", generation=2)
    describe(side, "strict")


def static_members(side: Side) -> None:
    enter(side, "static", "first", group_instance_id="i")
    describe(side, "static", version=4)
    side.members["second"] = join(side, "static", group_instance_id="i").member_id
    sync(side, "static", "second", group_instance_id="i")
    side.members["third"] = join(side, "static", version=8, group_instance_id="i").member_id
    for member in ("first", "third"):
        heartbeat(side, "static", member, group_instance_id="i")
        join(side, "static", member, group_instance_id="i") if member == "first" else None
        sync(side, "static", member, group_instance_id="i")
        commit(side, "static", member, generation=1, group_instance_id="i")
    leave(side, "static", ("first", "i"), ("third", "j"), ("", "j"))
    describe(side, "static")
    leave(side, "static", ("", "i"))
    describe(side, "static")


def two_members(side: Side) -> None:
    enter(side, "two", "a")
    second = side.connect()
    request = JoinGroupRequest(
        group_id="two",
        session_timeout_ms=30_000,
        rebalance_timeout_ms=5_000,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=METADATA)],
    )
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(second.ask, request, JoinGroupResponse, newest=3)
        for _ in range(200):
            if (
                side.put(DescribeGroupsRequest(groups=["two"]), DescribeGroupsResponse, 5)
                .groups[0]
                .group_state.startswith("Preparing")
            ):
                break
            time.sleep(0.02)
        heartbeat(side, "two", "a")
        commit(side, "two", "a", generation=1)
        sync(side, "two", "a")
        describe(side, "two")
        join(side, "two", "a")
        side.members["b"] = waits.result(30).member_id
        side.told.append(comparable(waits.result(), {}))
    second.close()
    join(side, "two", version=3)  # the group is full
    sync(side, "two", "a", generation=2)
    sync(side, "two", "b", generation=2)
    join(side, "two", "b")
    describe(side, "two")


def deletions(side: Side) -> None:
    enter(side, "member", "m")
    commit(side, "member", "m", generation=1, places=(("t", 0), ("u", 0)))
    commit(side, "empty")
    enter(side, "other", "m2", protocol_type="connect")
    for group in ("member", "empty", "other", "none", ""):
        request = OffsetDeleteRequest(
            group_id=group,
            topics=[
                OffsetDeleteRequestTopic(
                    name=name, partitions=[OffsetDeleteRequestPartition(partition_index=p)]
                )
                for name, p in (("t", 0), ("u", 0), ("x", 0))
            ],
        )
        side.ask(request, OffsetDeleteResponse, 0)
        fetch(side, group or "member", 8, everything=True)
    delete(side, "member", "empty", "none", "empty")
    fetch(side, "empty", 8, everything=True)


def listings(side: Side) -> None:
    enter(side, "listed", "m")
    for states, types in (([], []), (["stable"], []), (["dead"], []), ([], ["classic"]),
                          ([], ["consumer"]), (["Empty"], ["Classic"])):  # fmt: skip
        request = ListGroupsRequest(states_filter=states, types_filter=types)
        for version in (0, 3, 5) if not states and not types else (5,):
            side.ask(request, ListGroupsResponse, version)


def coordinators(side: Side) -> None:
    for version in range(7):
        request = FindCoordinatorRequest(key="g", coordinator_keys=["g", ""])
        side.ask(request, FindCoordinatorResponse, version)


STORIES: list[Callable[[Side], None]] = [
    listings,  # first: both have seen the same groups
    every_version,
    offsets_by_topic_id,
    commits_of_all_sorts,
    refused_joins,
    refused_members,
    static_members,
    two_members,
    deletions,
    coordinators,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_both_answer_the_same(sides: Sides, story: Callable[[Side], None]) -> None:
    for side in sides:
        side.told.clear()
        story(side)
    for theirs, ours in zip(sides.apache.told, sides.ours.told, strict=True):
        assert ours == theirs


# --- what is stored ---------------------------------------------------------------------------


def stored(side: Side, group: str) -> list[Any]:
    """The records of the group, without times, member ids and topic ids."""
    consumer = Consumer({"bootstrap.servers": side.servers, "group.id": "reader"})
    partition = TopicPartition("__consumer_offsets", partition_of(group, PARTITIONS), 0)
    end = consumer.get_watermark_offsets(partition, timeout=30)[1]
    consumer.assign([partition])
    found = []
    for message in consumer.consume(end, timeout=30):
        key, value = message.key(), message.value()
        if records.record_type(key) == records.GROUP_METADATA:
            if records.read_group_key(key) == group:
                found.append(_stored_group(key, value))
        elif records.read_offset_key(key).group == group:
            found.append(_stored_offset(side, key, value))
    consumer.close()
    return found


def _stored_group(key: bytes, value: bytes | None) -> Any:
    if value is None:
        return key, None
    group = records.read_group_value(value)
    group.current_state_timestamp = 0
    return key, value[:2], len(value), comparable(group, {})


def _stored_offset(side: Side, key: bytes, value: bytes | None) -> Any:
    if value is None:
        return key, None
    offset = records.read_offset_value(value)
    expires = (
        -1 if offset.expire_timestamp < 0 else offset.expire_timestamp - offset.commit_timestamp
    )
    topic_id = comparable(offset.topic_id, side.topic_ids)
    offset = offset._replace(commit_timestamp=0, expire_timestamp=expires, topic_id=topic_id)
    return key, value[:2], len(value), offset


@pytest.mark.parametrize(
    "group", ["listed", "v0", "v9", "ids", "commits", "old", "", "strict", "static", "two",
              "member", "empty", "other"],
)  # fmt: skip
def test_both_keep_the_same_records(sides: Sides, group: str) -> None:
    """After the stories above."""
    theirs = stored(sides.apache, group)
    assert theirs, "the stories left nothing of this group"
    assert stored(sides.ours, group) == theirs
