"""What members and administrators of groups are told: the transcripts in groups/, lists of groups,
and what is stored of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from moldau.broker.groups import records
from moldau.broker.groups.coordinator import partition_of
from moldau.protocol.records import batches, iterate
from moldau.server.embedded import Broker
from tests.conformance import transcript
from tests.conformance.both import Both, Judge, Pair
from tests.conformance.brokers import CONFIG
from tests.conformance.compare import tree
from tests.conformance.ignored import Ledger
from tests.conformance.requests import fetch

PARTITIONS = 3  # of `__consumer_offsets`
STORIES = transcript.stories()


@pytest.fixture(scope="module")
def alone() -> Iterator[Pair]:
    """Two of ours, for where there is no Java: what the transcripts say is known."""
    with Broker(config=CONFIG) as one, Broker(config=CONFIG) as other:
        yield Pair(one.bootstrap_servers, other.bootstrap_servers)


@pytest.mark.apache
@pytest.mark.parametrize("name", STORIES)
def test_both(both: Both, name: str, pytestconfig: pytest.Config) -> None:
    text = STORIES[name].read_text(encoding="utf-8")
    said = transcript.told(both, text)
    if pytestconfig.getoption("rewrite"):
        STORIES[name].write_text(said, encoding="utf-8")
    else:
        assert said == text


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.slow
def test_ours(alone: Pair, name: str) -> None:
    text = STORIES[name].read_text(encoding="utf-8")
    with closing(Both(alone, Judge(Ledger("", ())), name)) as client:
        assert transcript.told(client, text) == transcript.of_ours(text)


# --- lists, and what is stored -------------------------------------------------------------------


def enter(both: Both, group: str, version: int = 9, **fields: Any) -> Pair:
    """A member joins, in two steps if the version is so, and takes everything."""
    wanted = {"protocols": [{"name": "range", "metadata": b"m"}], **fields}
    joined = both.ask("JoinGroup", version, group_id=group, **wanted)
    if version >= 4 and "group_instance_id" not in fields:
        member = joined.member_id
        joined = both.ask("JoinGroup", version, group_id=group, member_id=member, **wanted)
    both.ask(
        "SyncGroup",
        min(version, 5),
        group_id=group,
        generation_id=1,
        member_id=joined.member_id,
        group_instance_id=fields.get("group_instance_id"),
        protocol_type=fields.get("protocol_type", "consumer"),
        protocol_name="range",
        assignments=[{"member_id": joined.member_id, "assignment": b"mine"}],
    )
    return joined.member_id


def commit(both: Both, group: str, topic: str, version: int, **fields: Any) -> None:
    partition = {"partition_index": 1, "committed_offset": 5, "committed_metadata": "näher"}
    named = {"name": topic, "topic_id": both.topic_id(topic), "partitions": [partition]}
    both.ask("OffsetCommit", version, group_id=group, topics=[named], **fields)


@pytest.mark.apache
def test_lists(both: Both) -> None:
    topic = both.topic(2)
    stable, simple, empty = both.group(), both.group(), both.group()
    enter(both, stable)
    commit(both, simple, topic, 9)
    member = enter(both, empty, protocol_type="connect")
    both.ask("LeaveGroup", group_id=empty, members=[{"member_id": member}])
    for version in range(6):
        both.ask("ListGroups", version, own=True)
    for states in (["Stable"], ["stable"], ["Empty", "Dead"], ["bogus"], ["PreparingRebalance"]):
        both.ask("ListGroups", states_filter=states, own=True)
    for types in (["classic"], ["Consumer"], ["share"], ["streams"], ["bogus"], ["Unknown"]):
        both.ask("ListGroups", types_filter=types, own=True)
    both.ask("ListGroups", states_filter=["Empty"], types_filter=["Classic"], own=True)


@pytest.mark.apache
def test_a_refused_member_leaves_a_group(both: Both) -> None:
    group, topic = both.group(), both.topic(2)
    both.ask("JoinGroup", group_id=group, protocol_type="", protocols=[{"name": "range"}])
    both.ask("DescribeGroups", groups=[group], include_authorized_operations=True)
    both.ask("ListGroups", own=True)
    for version in (7, 9):
        commit(both, group, topic, version, generation_id_or_member_epoch=0)
    both.judge.compare("__consumer_offsets", stored(both, group))
    both.ask("DeleteGroups", groups_names=[group])


@pytest.mark.apache
def test_a_refused_commit_makes_no_group(both: Both) -> None:
    topic, group = both.topic(2), both.group()
    part = {"partition_index": 0, "committed_offset": 5, "committed_metadata": "m" * 5000}
    both.ask("OffsetCommit", 9, group_id=group, topics=[{"name": topic, "partitions": [part]}])
    both.ask("DescribeGroups", groups=[group])
    both.judge.compare("__consumer_offsets", stored(both, group))
    both.ask("OffsetDelete", group_id=group, topics=[])


@pytest.mark.apache
def test_what_does_not_exist_comes_first_where_offsets_are_deleted(both: Both) -> None:
    topic, other, group = both.topic(2), both.topic(1), both.group()
    commit(both, group, topic, 9)
    for indexes in ([0, 5, 1, 7], [], [5]):
        parts = [{"partition_index": index} for index in indexes]
        for names in ([topic], [topic, "nope", other], [other, topic]):
            topics = [{"name": name, "partitions": parts} for name in names]
            both.ask("OffsetDelete", group_id=group, topics=topics)


@pytest.mark.apache
def test_coordinators(both: Both) -> None:
    group = both.group()
    for version in range(7):
        both.ask("FindCoordinator", version, key=group, coordinator_keys=[group, "", group])
        both.ask("FindCoordinator", version, key="", coordinator_keys=[])
    for version in range(1, 7):
        for key_type in (3, -1, 127):
            both.ask(
                "FindCoordinator", version, key=group, key_type=key_type, coordinator_keys=[group]
            )


@pytest.mark.apache
@pytest.mark.parametrize("version", range(10))
def test_the_same_is_stored(both: Both, version: int) -> None:
    """Records of `__consumer_offsets` after a life of a group, in every version of it."""
    topic, group = both.topic(2), both.group()
    static = {"group_instance_id": "i"} if version >= 5 else {}
    member = enter(both, group, version, **static)
    identity = {"generation_id_or_member_epoch": 1, "member_id": member, **static}
    commit(both, group, topic, max(version + 1, 2), **identity)
    if version in (2, 4):
        commit(both, group, topic, version, retention_time_ms=60_000, **identity)
    both.ask("DescribeGroups", min(version, 6), groups=[group])
    both.ask(
        "LeaveGroup",
        min(version, 5),
        group_id=group,
        member_id=member,
        members=[{"member_id": member}],
    )
    forget = {"name": topic, "partitions": [{"partition_index": 1}]}
    both.ask("OffsetDelete", 0, group_id=group, topics=[forget])
    commit(both, group, topic, 9)
    both.ask("DeleteGroups", min(version, 2), groups_names=[group])
    kept = stored(both, group)
    assert kept.theirs, "nothing was stored"
    both.judge.compare("__consumer_offsets", kept)


def stored(both: Both, group: str) -> Pair:
    """The records of a group as dictionaries."""
    log = fetch("__consumer_offsets", 0, partition_of(group, PARTITIONS), isolation_level=0)
    return both.quietly(log, 12).map(lambda found: list(_records(found, group)))


def _records(found: Any, group: str) -> Iterator[dict[str, Any]]:
    for _, data in batches(bytes(found.responses[0].partitions[0].records)):
        for record in iterate(data):
            assert record.key is not None
            kind = records.record_type(record.key)
            if kind == records.GROUP_METADATA and records.read_group_key(record.key) == group:
                value = record.value and records.read_group_value(record.value)
                yield {"name": "group", "value": value and tree(value, 3)}
            elif kind in (0, 1) and records.read_offset_key(record.key).group == group:
                key = records.read_offset_key(record.key)._asdict()
                yield {"name": "offset", **key, "value": record.value and _offset(record.value)}


def _offset(value: bytes) -> dict[str, Any]:
    said = records.read_offset_value(value)._asdict()
    if said["expire_timestamp"] >= 0:
        said["expire_timestamp"] -= said["commit_timestamp"]
    return {"version": value[:2], "size": len(value), **said}
