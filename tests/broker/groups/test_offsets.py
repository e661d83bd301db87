"""Stories of offsets: who may commit, what is kept, and when it goes."""

from __future__ import annotations

import pytest

from moldau.broker.groups.expiry import ROUND_MS
from moldau.broker.groups.group import State
from moldau.broker.groups.limits import Limits
from moldau.broker.groups.offsets import NOT_COMMITTED
from moldau.protocol.errors import ErrorCode
from moldau.protocol.schema import ZERO_UUID
from tests.broker.groups.stage import Stage

DAY = 24 * 60 * 60 * 1000
WEEK = 7 * DAY
INTERVAL = Limits().retention_check_interval_ms


@pytest.fixture
def stage() -> Stage:
    return Stage()


# --- who may commit -------------------------------------------------------------------------


def test_who_only_keeps_offsets_here_needs_no_group(stage: Stage) -> None:
    stage.commit("a", {0: 5, 1: 7})
    assert stage.heard() == ["a: commit t-0 NONE, t-1 NONE"]
    assert stage.group().is_simple
    stage.crash()
    assert stage.offsets() == {("t", 0): 5, ("t", 1): 7}
    assert stage.group().is_simple


def test_members_commit_in_their_generation(stage: Stage) -> None:
    stage.stable("a")
    stage.commit("a", {0: 5}, "a-1", 1)
    stage.commit("a", {0: 6}, "a-1", 0)
    stage.commit("x", {0: 7}, "x-9", 1)
    stage.commit("x", {0: 8})
    stage.commit("x", {0: 9}, "", 1)
    assert stage.heard() == [
        "a: commit t-0 NONE",
        "a: commit t-0 ILLEGAL_GENERATION",
        "x: commit t-0 UNKNOWN_MEMBER_ID",
        "x: commit t-0 UNKNOWN_MEMBER_ID",
        "x: commit t-0 UNKNOWN_MEMBER_ID",
    ]
    assert stage.offsets() == {("t", 0): 5}


def test_members_commit_what_they_did_before_a_rebalance_but_not_while_it_completes(
    stage: Stage,
) -> None:
    stage.stable("a")
    stage.join("b", version=3)
    stage.commit("a", {0: 5}, "a-1", 1)
    assert stage.heard() == ["a: commit t-0 NONE"]
    stage.join("a", "a-1")
    stage.heard()
    stage.commit("a", {0: 6}, "a-1", 2)
    assert stage.heard() == ["a: commit t-0 REBALANCE_IN_PROGRESS"]


def test_a_generation_of_a_group_that_is_not_there(stage: Stage) -> None:
    stage.commit("a", {0: 5}, "a-1", 3)
    stage.commit("a", {0: 5}, "a-1", 3, version=8)
    assert stage.heard() == [
        "a: commit t-0 GROUP_ID_NOT_FOUND",
        "a: commit t-0 ILLEGAL_GENERATION",
    ]
    assert stage.journal.records == []


def test_metadata_may_have_4096_utf_16_units(stage: Stage) -> None:
    stage.commit("a", {0: 5}, metadata="m" * 4096)
    stage.commit("a", {0: 6}, metadata="m" * 4097)
    stage.commit("a", {1: 7}, metadata="\U0001f600" * 2048)
    stage.commit("a", {1: 8}, metadata="\U0001f600" * 2049)
    stage.commit("a", {2: 9}, metadata=None)
    codes = [line.split()[-1] for line in stage.heard()]
    large = "OFFSET_METADATA_TOO_LARGE"
    assert codes == ["NONE", large, "NONE", large, "NONE"]
    assert stage.offsets() == {("t", 0): 5, ("t", 1): 7, ("t", 2): 9}


def test_a_commit_that_the_disk_refuses_is_none(stage: Stage) -> None:
    stage.commit("a", {0: 5})
    stage.journal.refusing = ErrorCode.KAFKA_STORAGE_ERROR
    stage.commit("a", {0: 6})
    assert stage.heard()[-1] == "a: commit t-0 NOT_COORDINATOR"
    assert stage.offsets() == {("t", 0): 5}


def test_leader_epoch_metadata_and_topic_id_are_kept(stage: Stage) -> None:
    stage.commit("a", {0: 5}, metadata="why")
    stage.crash()
    offset = stage.shard.offsets.get("g", "t", 0)
    assert offset == (5, 3, "why", stage.now, -1, b"T" * 16)


def test_an_offset_of_an_earlier_topic_of_that_name_is_not_shown(stage: Stage) -> None:
    stage.commit("a", {0: 5}, topic_id=b"1" * 16)
    lookup = stage.shard.offsets.lookup
    assert lookup("g", "t", b"1" * 16, 0).offset == 5
    assert lookup("g", "t", ZERO_UUID, 0).offset == 5
    assert lookup("g", "t", b"2" * 16, 0) is NOT_COMMITTED
    assert lookup("g", "t", b"1" * 16, 1) is NOT_COMMITTED


# --- expiry ---------------------------------------------------------------------------------


def test_without_members_offsets_and_group_go_a_week_after_the_last_one_left(stage: Stage) -> None:
    stage.stable("a")
    stage.commit("a", {0: 5}, "a-1", 1)
    stage.leave("a", ("a-1", None))
    stage.pass_time(WEEK - 1)
    assert stage.offsets() == {("t", 0): 5}
    stage.pass_time(1)
    assert stage.shard.groups == {}
    assert stage.offsets() == {}
    stage.crash()
    assert stage.shard.groups == {}
    assert stage.deadline is None


def test_members_keep_the_offsets_of_topics_that_they_subscribe_to(stage: Stage) -> None:
    stage.stable("a", session=600_000)
    stage.commit("a", {0: 5}, "a-1", 1)
    stage.commit("a", {0: 6}, "a-1", 1, topic="dropped")
    for _ in range(8 * 24 * 12):
        stage.pass_time(300_000)
        stage.heartbeat("a", "a-1", 1)
    assert stage.offsets() == {("t", 0): 5}
    assert stage.group().state is State.STABLE


def test_nothing_expires_while_a_group_rebalances(stage: Stage) -> None:
    stage.stable("a", session=1_800_000, rebalance=WEEK * 3)
    stage.commit("a", {0: 6}, "a-1", 1, topic="dropped")
    stage.join("b", version=3, session=1_800_000, rebalance=WEEK * 3)
    for _ in range(8 * 24 * 4):
        stage.pass_time(900_000)
        stage.heartbeat("a", "a-1", 1)
        stage.join("b", "b-2")
    assert stage.group().state is State.PREPARING_REBALANCE
    assert stage.offsets() == {("dropped", 0): 6}


def test_offsets_of_nobody_in_particular_expire_each_by_itself(stage: Stage) -> None:
    stage.commit("a", {0: 5})
    stage.pass_time(DAY)
    stage.commit("a", {1: 6})
    stage.pass_time(WEEK - DAY)
    assert stage.offsets() == {("t", 1): 6}
    stage.pass_time(DAY)
    assert stage.shard.groups == {}


def test_what_expires_while_the_disk_is_full_goes_when_there_is_room(stage: Stage) -> None:
    stage.commit("a", {p: p for p in range(6_000)})
    stage.journal.refusing = ErrorCode.KAFKA_STORAGE_ERROR
    stage.pass_time(WEEK + INTERVAL // 2)
    assert len(stage.offsets()) == 6_000
    assert stage.journal.refusals < INTERVAL
    stage.journal.refusing = None
    stage.pass_time(INTERVAL)
    assert stage.shard.groups == {}


def test_a_retention_beyond_all_time_is_for_ever(stage: Stage) -> None:
    stage.commit("a", {0: 5}, retention=(1 << 63) - 1, version=4)
    stage.pass_time(10 * WEEK)
    assert stage.offsets() == {("t", 0): 5}


def test_a_commit_can_say_how_long_it_is_kept(stage: Stage) -> None:
    stage.commit("a", {0: 5}, retention=60_000, version=4)
    stage.commit("a", {1: 6}, version=4)
    stage.crash()
    stage.pass_time(INTERVAL)
    assert stage.offsets() == {("t", 1): 6}
    # The record that has a time of expiry has no room for the leader epoch.
    stage.commit("a", {2: 7}, retention=60_000, version=4)
    stage.crash()
    offset = stage.shard.offsets.get("g", "t", 2)
    assert offset is not None
    assert offset.leader_epoch == -1
    assert offset.expire_timestamp == stage.now + 60_000


def test_an_empty_group_without_offsets_goes_with_the_next_check(stage: Stage) -> None:
    stage.stable("a")
    stage.leave("a", ("a-1", None))
    stage.pass_time(INTERVAL)
    assert stage.shard.groups == {}


def test_a_group_that_somebody_is_about_to_join_stays(stage: Stage) -> None:
    stage.pass_time(INTERVAL - 1)
    stage.join("a", session=60_000)
    stage.pass_time(10)
    stage.join("a", "a-1")
    stage.pass_time(0)
    assert stage.heard()[-1].startswith("a: join a-1 generation 1")


def test_after_the_clock_was_set_offsets_expire_by_the_new_date(stage: Stage) -> None:
    stage.commit("a", {0: 5})
    stage.set_clock(8 * DAY)
    stage.pass_time(stage.limits.retention_check_interval_ms)
    assert stage.offsets() == {}
    stage.commit("a", {0: 5})
    stage.set_clock(-8 * DAY)
    stage.pass_time(stage.limits.retention_check_interval_ms)
    assert stage.offsets() == {("t", 0): 5}


def test_many_offsets_expire_in_several_batches(stage: Stage) -> None:
    stage.commit("a", {p: p for p in range(6_000)})
    stage.pass_time(WEEK)
    assert len(stage.offsets()) == 1_000
    stage.pass_time(ROUND_MS)
    assert stage.shard.groups == {}
    tombstones = [value for (_, value), _ in stage.journal.records if value is None]
    assert len(tombstones) == 6_001


def test_an_idle_shard_is_not_woken(stage: Stage) -> None:
    assert stage.deadline is None
    stage.commit("a", {0: 5})
    stage.pass_time(DAY)
    assert stage.deadline is not None
    assert stage.deadline - stage.now > 5 * DAY


# --- deletion -------------------------------------------------------------------------------


def test_offsets_of_a_deleted_topic_are_dropped(stage: Stage) -> None:
    stage.commit("a", {0: 5}, topic="gone", topic_id=b"1" * 16)
    stage.commit("a", {1: 5}, topic="gone", topic_id=ZERO_UUID)
    stage.commit("a", {2: 5}, topic="gone", topic_id=b"2" * 16)  # of the next of that name
    stage.commit("a", {0: 7})
    records = stage.shard.topics_deleted([("gone", b"1" * 16)])
    assert len(records) == 2
    for key, value in records:
        stage.shard.replay(key, value, 0, stage.now)
    assert stage.offsets() == {("gone", 2): 5, ("t", 0): 7}


def test_groups_with_members_are_not_deleted(stage: Stage) -> None:
    stage.stable("a")
    assert stage.shard.delete_group("g") == (ErrorCode.NON_EMPTY_GROUP, [])
    assert stage.shard.delete_group("h") == (ErrorCode.GROUP_ID_NOT_FOUND, [])
    stage.commit("a", {0: 5, 1: 6}, "a-1", 1)
    stage.leave("a", ("a-1", None))
    code, records = stage.shard.delete_group("g")
    assert code is ErrorCode.NONE
    assert len(records) == 3
    for key, value in records:
        stage.shard.replay(key, value, 0, stage.now)
    assert stage.shard.groups == {}
    assert stage.offsets() == {}
