"""Stories of members that fall silent, leave, or come again as the same instance (KIP-345)."""

from __future__ import annotations

import pytest

from moldau.broker.groups.group import State
from moldau.protocol.errors import ErrorCode
from tests.broker.groups.stage import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


# --- sessions -------------------------------------------------------------------------------


def test_a_member_that_falls_silent_is_out_and_the_others_rebalance(stage: Stage) -> None:
    stage.stable("a", "b", session=10_000)
    stage.pass_time(9_000)
    stage.heartbeat("b", "b-2", 1)
    stage.pass_time(1_000)
    stage.heartbeat("b", "b-2", 1)
    assert stage.heard() == ["b: heartbeat NONE", "b: heartbeat REBALANCE_IN_PROGRESS"]
    stage.join("b", "b-2")
    assert stage.heard() == ["b: join b-2 generation 2 range leader b-2 [b-2]"]
    stage.heartbeat("a", "a-1", 1)
    assert stage.heard() == ["a: heartbeat UNKNOWN_MEMBER_ID"]


def test_the_last_member_that_dies_leaves_an_empty_group(stage: Stage) -> None:
    stage.stable("a", session=10_000)
    stage.pass_time(10_000)
    group = stage.group()
    assert (group.state, group.generation, group.leader) == (State.EMPTY, 2, None)
    stage.crash()
    group = stage.group()
    assert (group.state, group.generation, group.protocol_type) == (State.EMPTY, 2, "consumer")


def test_a_heartbeat_moves_the_deadline_and_sets_no_timer(stage: Stage) -> None:
    stage.stable("a", session=10_000)
    timer = stage.group().sessions["a-1"].timer
    for _ in range(50):
        stage.pass_time(100)
        stage.heartbeat("a", "a-1", 1)
    assert stage.group().sessions["a-1"].timer is timer
    stage.pass_time(9_999)
    assert stage.group().state is State.STABLE
    stage.pass_time(1)
    assert stage.group().state is State.EMPTY


@pytest.mark.parametrize("by_ms", [3_600_000, -3_600_000])
def test_a_clock_that_is_set_makes_nobody_silent_and_nobody_immortal(
    stage: Stage, by_ms: int
) -> None:
    stage.stable("a", "b", session=10_000)
    stage.pass_time(4_000)
    stage.heartbeat("b", "b-2", 1)
    stage.set_clock(by_ms)
    stage.pass_time(5_999)
    assert stage.group().state is State.STABLE
    stage.pass_time(1)
    assert stage.group().state is State.PREPARING_REBALANCE
    stage.pass_time(8_000)
    assert list(stage.group().members) == []


def test_a_shorter_session_counts_at_once(stage: Stage) -> None:
    stage.stable("a", session=60_000)
    stage.join("a", "a-1", session=6_000)
    stage.complete()
    stage.pass_time(6_000)
    assert stage.group().state is State.EMPTY


def test_a_member_that_waits_for_us_cannot_fall_silent(stage: Stage) -> None:
    stage.stable("a", "b", session=10_000, rebalance=60_000)
    stage.join("b", "b-2", topics=("u",))
    stage.pass_time(9_000)
    stage.heartbeat("a", "a-1", 1)
    stage.pass_time(9_000)
    stage.join("a", "a-1")
    assert stage.heard()[1:] == [
        "a: join a-1 generation 2 range leader a-1 [a-1,b-2]",
        "b: join b-2 generation 2 range leader a-1 []",
    ]


def test_offset_commits_keep_the_session(stage: Stage) -> None:
    stage.stable("a", session=10_000)
    for offset in range(5):
        stage.pass_time(9_000)
        stage.commit("a", {0: offset}, "a-1", 1)
    assert stage.heard() == ["a: commit t-0 NONE"] * 5
    assert stage.group().state is State.STABLE


def test_after_a_restart_members_have_a_session_to_come_back(stage: Stage) -> None:
    stage.stable("a", "b", session=10_000)
    stage.pass_time(5_000)
    stage.crash()
    stage.pass_time(9_999)
    stage.heartbeat("a", "a-1", 1)
    assert stage.heard() == ["a: heartbeat NONE"]
    stage.pass_time(1)
    stage.heartbeat("a", "a-1", 1)
    stage.heartbeat("b", "b-2", 1)
    assert stage.heard() == ["a: heartbeat REBALANCE_IN_PROGRESS", "b: heartbeat UNKNOWN_MEMBER_ID"]


# --- leaving --------------------------------------------------------------------------------


def test_a_member_that_leaves_makes_room_at_once(stage: Stage) -> None:
    stage.stable("a", "b")
    stage.leave("a", ("a-1", None))
    assert stage.heard() == ["a: leave a-1 NONE"]
    stage.join("b", "b-2")
    assert stage.heard() == ["b: join b-2 generation 2 range leader b-2 [b-2]"]


def test_before_version_3_one_member_leaves(stage: Stage) -> None:
    stage.stable("a")
    stage.leave("a", ("a-1", None), version=2)
    assert stage.heard() == ["a: leave NONE"]
    assert stage.group().state is State.EMPTY


def test_several_leave_in_one_request(stage: Stage) -> None:
    stage.stable("a", "b", "c")
    stage.leave("admin", ("a-1", None), ("x-9", None), ("c-3", None), ("", None))
    assert stage.heard() == [
        "admin: leave a-1 NONE, x-9 UNKNOWN_MEMBER_ID, c-3 NONE, None UNKNOWN_MEMBER_ID"
    ]
    assert list(stage.group().members) == ["b-2"]


def test_who_leaves_while_its_requests_wait_gets_them_answered(stage: Stage) -> None:
    stage.stable("a", "b", "c")
    stage.join("b", "b-2", topics=("u",))
    stage.leave("admin", ("b-2", None))
    assert stage.heard() == ["b: join UNKNOWN_MEMBER_ID", "admin: leave b-2 NONE"]
    stage.join("a", "a-1")
    stage.join("c", "c-3")
    stage.heard()
    stage.sync("c", "c-3", 2)
    stage.leave("admin", ("c-3", None))
    assert stage.heard() == ["c: sync UNKNOWN_MEMBER_ID", "admin: leave c-3 NONE"]


def test_one_who_has_only_a_member_id_may_leave(stage: Stage) -> None:
    stage.join("a")
    stage.heard()
    stage.leave("a", ("a-1", None))
    assert stage.heard() == ["a: leave a-1 NONE"]
    stage.join("a", "a-1")
    assert stage.heard() == ["a: join UNKNOWN_MEMBER_ID a-1"]


# --- static members -------------------------------------------------------------------------


def test_a_static_member_joins_in_one_step_and_its_id_tells_the_instance(stage: Stage) -> None:
    stage.join("a", instance="disk")
    stage.pass_time(0)
    assert stage.heard() == ["a: join disk-1 generation 1 range leader disk-1 [disk-1]"]


def test_a_static_member_that_restarts_causes_no_rebalance(stage: Stage) -> None:
    stage.stable("lead")
    stage.join("s", instance="i")
    stage.join("lead", "lead-1")
    stage.complete()
    stage.heard()
    stage.join("s", instance="i")
    assert stage.heard() == ["s: join i-3 generation 2 range leader lead-1 []"]
    stage.sync("s", "i-3", 2, instance="i")
    assert stage.heard() == ["s: sync 'i-2'"]  # what the old member id had
    assert stage.group().state is State.STABLE
    stage.crash()
    assert stage.group().static == {"i": "i-3"}
    stage.heartbeat("lead", "lead-1", 2)
    assert stage.heard() == ["lead: heartbeat NONE"]


def test_a_static_leader_that_restarts_need_not_assign_again(stage: Stage) -> None:
    stage.stable("s", instance="i")
    stage.join("s", instance="i")
    assert stage.heard() == ["s: join i-2 generation 1 range leader i-2 skip [i-2]"]
    # Before version 9 it is told the id that it had, so that it does not take itself for one.
    stage.join("s", instance="i", version=8)
    assert stage.heard() == ["s: join i-3 generation 1 range leader i-2 []"]


def test_a_static_member_that_restarts_before_it_asked_for_its_part_still_has_to(
    stage: Stage,
) -> None:
    stage.join("a", version=3, rebalance=30_000, session=60_000)
    stage.join("s", instance="i", rebalance=30_000, session=60_000)
    stage.pass_time(0)
    stage.sync("a", "a-1", 1, {"a-1": b"x", "i-2": b"y"})
    stage.heard()
    stage.join("s", instance="i", rebalance=30_000, session=60_000)
    stage.sync("s", "i-3", 1, instance="i")
    assert stage.heard()[-1] == "s: sync 'y'"
    stage.pass_time(30_000)
    assert stage.group().state is State.STABLE


def test_the_old_instance_is_fenced_everywhere(stage: Stage) -> None:
    stage.stable("s", instance="i")
    stage.join("s2", instance="i")
    stage.heard()
    stage.heartbeat("s", "i-1", 1, instance="i")
    stage.sync("s", "i-1", 1, instance="i")
    stage.join("s", "i-1", instance="i")
    stage.commit("s", {0: 1}, "i-1", 1, instance="i")
    stage.leave("s", ("i-1", "i"))
    assert stage.heard() == [
        "s: heartbeat FENCED_INSTANCE_ID",
        "s: sync FENCED_INSTANCE_ID",
        "s: join FENCED_INSTANCE_ID i-1",
        "s: commit t-0 FENCED_INSTANCE_ID",
        "s: leave i-1 FENCED_INSTANCE_ID",
    ]


def test_an_old_instance_that_waits_is_fenced_at_once(stage: Stage) -> None:
    stage.stable("a")
    stage.join("s", instance="i")
    stage.join("s2", instance="i")
    assert stage.heard() == ["s: join FENCED_INSTANCE_ID i-2"]
    stage.join("a", "a-1")
    assert stage.heard()[1] == "s2: join i-3 generation 2 range leader a-1 []"


def test_a_static_member_that_restarts_while_the_leader_assigns_starts_anew(stage: Stage) -> None:
    stage.stable("a")
    stage.join("s", instance="i")
    stage.join("a", "a-1")
    stage.sync("s", "i-2", 2, instance="i")
    stage.heard()
    stage.join("s2", instance="i")
    assert stage.heard() == ["s: sync FENCED_INSTANCE_ID"]
    assert stage.group().state is State.PREPARING_REBALANCE


def test_a_static_member_with_other_protocols_starts_a_rebalance(stage: Stage) -> None:
    stage.stable("s", instance="i", protocols=("x", "y"))
    stage.join("s", instance="i", protocols=("y",))
    assert stage.heard() == ["s: join i-2 generation 2 y leader i-2 [i-2]"]


def test_a_static_member_keeps_its_place_when_it_does_not_join_again(stage: Stage) -> None:
    stage.stable("a", session=60_000, rebalance=6_000)
    stage.join("s", instance="i", session=60_000, rebalance=6_000)
    stage.join("a", "a-1", session=60_000, rebalance=6_000)
    stage.complete()
    stage.heard()
    stage.join("a", "a-1", session=60_000, rebalance=6_000, topics=("u",))
    stage.pass_time(6_000)
    assert stage.heard() == ["a: join a-1 generation 3 range leader a-1 [a-1,i-2]"]


def test_an_administrator_removes_an_instance(stage: Stage) -> None:
    stage.stable("s", instance="i")
    stage.leave("admin", ("", "i"), ("", "j"))
    assert stage.heard() == ["admin: leave i NONE, j UNKNOWN_MEMBER_ID"]
    assert stage.group().state is State.EMPTY


def test_a_static_member_lives_by_its_session(stage: Stage) -> None:
    stage.stable("s", instance="i", session=30_000)
    stage.join("s", instance="i", session=30_000)
    stage.pass_time(29_999)
    assert stage.group().state is State.STABLE
    stage.pass_time(1)
    assert stage.group().state is State.EMPTY


# --- a disk that refuses --------------------------------------------------------------------


def test_a_group_that_cannot_be_stored_is_not_there(stage: Stage) -> None:
    stage.journal.refusing = ErrorCode.KAFKA_STORAGE_ERROR
    stage.join("a")
    stage.join("a", version=3)
    assert stage.heard() == ["a: join NOT_COORDINATOR"] * 2
    assert stage.shard.groups == {}
    assert stage.deadline is None


def test_an_assignment_that_cannot_be_stored_is_given_to_nobody(stage: Stage) -> None:
    stage.join("a", version=3)
    stage.join("b", version=3)
    stage.pass_time(0)
    stage.heard()
    stage.journal.refusing = ErrorCode.KAFKA_STORAGE_ERROR
    stage.sync("b", "b-2", 1)
    stage.sync("a", "a-1", 1, {"a-1": b"x", "b-2": b"y"})
    assert stage.heard() == ["a: sync NOT_COORDINATOR", "b: sync NOT_COORDINATOR"]
    stage.journal.refusing = None
    stage.join("a", "a-1")
    stage.join("b", "b-2")
    stage.complete()
    assert stage.group().state is State.STABLE
    assert stage.group().generation == 2


def test_a_static_member_that_cannot_be_stored_stays_who_it_was(stage: Stage) -> None:
    stage.stable("s", instance="i")
    stage.journal.refusing = ErrorCode.KAFKA_STORAGE_ERROR
    stage.join("s2", instance="i", topics=("u",))
    assert stage.heard() == ["s2: join NOT_COORDINATOR"]
    stage.journal.refusing = None
    stage.heartbeat("s", "i-1", 1, instance="i")
    assert stage.heard() == ["s: heartbeat NONE"]
    stage.pass_time(10_000)
    assert stage.group().state is State.EMPTY


def test_leaving_that_cannot_be_stored_is_not_confirmed(stage: Stage) -> None:
    stage.stable("a")
    stage.journal.refusing = ErrorCode.KAFKA_STORAGE_ERROR
    stage.leave("a", ("a-1", None))
    assert stage.heard() == ["a: leave NOT_COORDINATOR"]
