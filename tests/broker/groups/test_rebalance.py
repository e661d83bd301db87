"""Stories of members that come together: joins, generations, and leaders that never answer."""

from __future__ import annotations

import pytest

from moldau.broker.groups.group import State
from moldau.broker.groups.limits import NEW_MEMBER_JOIN_TIMEOUT_MS, Limits
from tests.broker.groups.stage import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_one_member_joins_in_two_steps_and_gets_what_it_assigned_itself(stage: Stage) -> None:
    stage.join("a")
    assert stage.heard() == ["a: join MEMBER_ID_REQUIRED a-1"]
    stage.join("a", "a-1")
    assert stage.heard() == []
    stage.pass_time(0)
    assert stage.heard() == ["a: join a-1 generation 1 range leader a-1 [a-1]"]
    stage.sync("a", "a-1", 1, {"a-1": b"t-0"})
    assert stage.heard() == ["a: sync 't-0'"]
    stage.heartbeat("a", "a-1", 1)
    assert stage.heard() == ["a: heartbeat NONE"]


def test_before_version_4_a_member_joins_in_one_step(stage: Stage) -> None:
    stage.join("a", version=3)
    stage.pass_time(0)
    assert stage.heard() == ["a: join a-1 generation 1 range leader a-1 [a-1]"]


def test_a_second_member_makes_the_first_join_again(stage: Stage) -> None:
    stage.stable("a")
    stage.join("b", version=3)
    stage.heartbeat("a", "a-1", 1)
    assert stage.heard() == ["a: heartbeat REBALANCE_IN_PROGRESS"]
    stage.join("a", "a-1")
    assert stage.heard() == [
        "a: join a-1 generation 2 range leader a-1 [a-1,b-2]",
        "b: join b-2 generation 2 range leader a-1 []",
    ]
    stage.sync("b", "b-2", 2)
    assert stage.heard() == []  # until the leader has assigned
    stage.sync("a", "a-1", 2, {"a-1": b"t-0", "b-2": b"t-1"})
    assert stage.heard() == ["a: sync 't-0'", "b: sync 't-1'"]
    assert stage.group().state is State.STABLE


def test_a_member_that_the_leader_forgot_gets_an_empty_part(stage: Stage) -> None:
    stage.join("a", version=3)
    stage.join("b", version=3)
    stage.pass_time(0)
    stage.heard()
    stage.sync("a", "a-1", 1, {"a-1": b"all", "stranger": b"?"})
    stage.sync("b", "b-2", 1)
    assert stage.heard() == ["a: sync 'all'", "b: sync ''"]


def test_who_does_not_join_again_in_time_is_out(stage: Stage) -> None:
    stage.stable("a", "b", session=600_000, rebalance=30_000)
    stage.join("c", version=3, rebalance=20_000)
    stage.join("b", "b-2", rebalance=20_000)
    # The rebalance timeout of the group is the longest of its members' when it begins.
    stage.pass_time(29_999)
    assert stage.heard() == []
    stage.pass_time(1)
    assert stage.heard() == [
        "b: join b-2 generation 2 range leader b-2 [b-2,c-3]",
        "c: join c-3 generation 2 range leader b-2 []",
    ]
    stage.heartbeat("a", "a-1", 1)
    assert stage.heard() == ["a: heartbeat UNKNOWN_MEMBER_ID"]


def test_a_leader_that_never_answers_is_out_and_the_others_go_on(stage: Stage) -> None:
    stage.join("a", version=3, session=600_000, rebalance=5_000)
    stage.join("b", version=3, session=600_000, rebalance=5_000)
    stage.pass_time(0)
    stage.sync("b", "b-2", 1)
    stage.heard()
    stage.pass_time(5_000)
    assert stage.heard() == ["b: sync REBALANCE_IN_PROGRESS"]
    stage.join("b", "b-2")
    assert stage.heard() == ["b: join b-2 generation 2 range leader b-2 [b-2]"]


def test_members_that_never_ask_for_their_part_are_out(stage: Stage) -> None:
    stage.join("a", version=3, session=600_000, rebalance=5_000)
    stage.join("b", version=3, session=600_000, rebalance=5_000)
    stage.pass_time(0)
    stage.sync("a", "a-1", 1, {"a-1": b"x", "b-2": b"y"})
    stage.heard()
    stage.pass_time(5_000)
    stage.heartbeat("a", "a-1", 1)
    assert stage.heard() == ["a: heartbeat REBALANCE_IN_PROGRESS"]
    assert list(stage.group().members) == ["a-1"]


def test_a_join_while_the_leader_assigns_calls_all_together_again(stage: Stage) -> None:
    stage.join("a", version=3)
    stage.join("b", version=3)
    stage.pass_time(0)
    stage.sync("b", "b-2", 1)
    stage.heard()
    stage.join("c", version=3)
    assert stage.heard() == ["b: sync REBALANCE_IN_PROGRESS"]
    stage.sync("a", "a-1", 1, {"a-1": b"late"})
    assert stage.heard() == ["a: sync REBALANCE_IN_PROGRESS"]
    stage.join("a", "a-1")
    stage.join("b", "b-2")
    assert stage.heard()[0] == "a: join a-1 generation 2 range leader a-1 [a-1,b-2,c-3]"
    stage.sync("a", "a-1", 1, {"a-1": b"old"})
    assert stage.heard()[-1] == "a: sync ILLEGAL_GENERATION"


def test_a_follower_that_missed_the_answer_is_told_again(stage: Stage) -> None:
    stage.stable("a", "b")
    stage.join("b", "b-2")
    assert stage.heard() == ["b: join b-2 generation 1 range leader a-1 []"]
    assert stage.group().state is State.STABLE
    stage.sync("b", "b-2", 1)
    assert stage.heard() == ["b: sync 'b-2'"]


def test_while_assigning_the_leader_is_told_again_too(stage: Stage) -> None:
    stage.join("a", version=3)
    stage.pass_time(0)
    stage.heard()
    stage.join("a", "a-1")
    assert stage.heard() == ["a: join a-1 generation 1 range leader a-1 [a-1]"]


def test_a_leader_that_joins_again_or_a_new_subscription_starts_a_rebalance(stage: Stage) -> None:
    stage.stable("a", "b")
    stage.join("a", "a-1")
    assert stage.group().state is State.PREPARING_REBALANCE
    stage.join("b", "b-2")
    stage.complete()
    stage.heard()
    stage.join("b", "b-2", topics=("t", "u"))
    assert stage.group().state is State.PREPARING_REBALANCE


def test_a_join_sent_again_answers_the_one_that_waits(stage: Stage) -> None:
    stage.stable("a", "b")
    stage.join("b", "b-2", topics=("u",))
    stage.join("b", "b-2", topics=("u",))
    assert stage.heard() == ["b: join REBALANCE_IN_PROGRESS b-2"]
    stage.join("a", "a-1")
    assert len(stage.heard()) == 2


def test_the_protocol_with_most_votes_that_all_support_wins(stage: Stage) -> None:
    stage.join("a", version=3, protocols=("x", "y", "z"))
    stage.join("b", version=3, protocols=("z", "y"))
    stage.join("c", version=3, protocols=("z", "y"))
    stage.pass_time(0)
    assert "generation 1 z leader" in stage.heard()[0]


def test_protocols_that_do_not_fit_are_refused(stage: Stage) -> None:
    stage.join("a", version=3, protocols=("x", "y"))
    stage.join("b", version=3, protocols=("w",))
    stage.join("c", version=3, protocol_type="connect", protocols=("x",))
    stage.join("d", group="other", protocol_type="")
    stage.join("e", group="other", protocols=())
    code = "join INCONSISTENT_GROUP_PROTOCOL"
    assert stage.heard() == [f"b: {code}", f"c: {code}", f"d: {code}", f"e: {code}"]
    assert stage.shard.groups["other"].state is State.EMPTY  # on record, as in Apache Kafka


def test_a_sync_that_names_another_protocol_is_refused(stage: Stage) -> None:
    stage.join("a", version=3)
    stage.pass_time(0)
    stage.heard()
    stage.sync("a", "a-1", 1, protocol=("consumer", "sticky"))
    stage.sync("a", "a-1", 1, protocol=("connect", "range"))
    stage.sync("a", "a-1", 1, protocol=(None, None))
    assert stage.heard() == ["a: sync INCONSISTENT_GROUP_PROTOCOL"] * 3
    stage.sync("a", "a-1", 1, {"a-1": b"x"}, protocol=(None, None), version=4)
    assert stage.heard() == ["a: sync 'x'"]


def test_requests_that_make_no_sense(stage: Stage) -> None:
    stage.join("a", group="")
    stage.join("a", session=5_999)
    stage.join("a", session=1_800_001)
    stage.join("a", "a-7")
    stage.sync("a", "a-7", 1)
    stage.sync("a", "a-7", 1, group="")
    stage.heartbeat("a", "a-7", 1)
    stage.heartbeat("a", "a-7", 1, group="")
    stage.leave("a", ("a-7", None))
    stage.leave("a", ("a-7", None), version=2)
    stage.leave("a", ("a-7", None), group="")
    assert stage.heard() == [
        "a: join INVALID_GROUP_ID",
        "a: join INVALID_SESSION_TIMEOUT",
        "a: join INVALID_SESSION_TIMEOUT",
        "a: join UNKNOWN_MEMBER_ID a-7",
        "a: sync UNKNOWN_MEMBER_ID",
        "a: sync INVALID_GROUP_ID",
        "a: heartbeat UNKNOWN_MEMBER_ID",
        "a: heartbeat INVALID_GROUP_ID",
        "a: leave a-7 UNKNOWN_MEMBER_ID",
        "a: leave UNKNOWN_MEMBER_ID",
        "a: leave INVALID_GROUP_ID",
    ]
    assert stage.shard.groups == {}
    assert stage.deadline is None


def test_the_first_generation_waits_longer_while_members_come() -> None:
    stage = Stage(Limits(initial_rebalance_delay_ms=3_000))
    stage.join("a", version=3, rebalance=8_000)
    stage.pass_time(2_000)
    stage.join("b", version=3, rebalance=8_000)
    stage.pass_time(3_999)
    assert stage.heard() == []
    stage.pass_time(1)
    assert len(stage.heard()) == 2


def test_the_first_generation_does_not_wait_for_ever() -> None:
    stage = Stage(Limits(initial_rebalance_delay_ms=3_000))
    stage.join("a", version=3, rebalance=8_000)
    for second in range(7):
        stage.pass_time(1_000)
        stage.join(f"late{second}", version=3, rebalance=8_000)
    assert stage.heard() == []
    stage.pass_time(1_000)
    assert len(stage.heard()) == 8


def test_a_full_group_turns_newcomers_away() -> None:
    stage = Stage(Limits(max_size=2))
    stage.stable("a", "b")
    stage.join("c", version=3)
    assert stage.heard() == ["c: join GROUP_MAX_SIZE_REACHED"]
    stage.join("a", "a-1")
    stage.join("b", "b-2")
    stage.complete()
    assert stage.group().state is State.STABLE
    assert stage.group().generation == 2


def test_a_group_above_a_lowered_limit_is_called_together_and_the_last_is_turned_away() -> None:
    stage = Stage()
    stage.stable("a", "b", "c")
    stage.limits = Limits(max_size=2)
    stage.crash()
    assert stage.group().state is State.PREPARING_REBALANCE
    stage.join("c", "c-3")
    stage.join("b", "b-2")
    stage.join("a", "a-1")
    assert stage.heard()[0] == "a: join GROUP_MAX_SIZE_REACHED"
    assert list(stage.group().members) == ["b-2", "c-3"]


def test_a_new_member_that_never_asks_again_is_out_after_five_minutes(stage: Stage) -> None:
    stage.stable("a", session=1_800_000, rebalance=3_600_000)
    stage.join("b", version=3)
    stage.pass_time(NEW_MEMBER_JOIN_TIMEOUT_MS)
    assert stage.heard() == ["b: join UNKNOWN_MEMBER_ID"]


def test_a_member_id_that_is_never_used_expires(stage: Stage) -> None:
    stage.stable("a", session=60_000)
    stage.join("b", session=6_000)
    stage.heard()
    stage.pass_time(6_000)
    stage.join("b", "b-2")
    assert stage.heard() == ["b: join UNKNOWN_MEMBER_ID b-2"]


def test_a_rebalance_waits_for_those_who_have_a_member_id(stage: Stage) -> None:
    stage.stable("a", session=60_000)
    stage.join("b", session=6_000)
    stage.heard()
    stage.join("a", "a-1", topics=("u",))
    assert stage.heard() == []
    stage.pass_time(6_000)
    assert stage.heard() == ["a: join a-1 generation 2 range leader a-1 [a-1]"]


def test_answers_wait_for_the_disk_and_reads_for_what_was_written_before(stage: Stage) -> None:
    stage.join("a", version=3)
    stage.pass_time(0)
    stage.heard()
    stage.journal.holding = True
    stage.sync("a", "a-1", 1, {"a-1": b"x"})
    stage.heartbeat("a", "a-1", 1)
    assert stage.heard() == []
    stage.journal.sync()
    assert stage.heard() == ["a: sync 'x'", "a: heartbeat NONE"]


def test_three_hundred_members_and_none_is_lost(stage: Stage) -> None:
    names = [f"m{n}" for n in range(300)]
    ids = stage.stable(*names)
    assert len(ids) == 300
    assert stage.group().state is State.STABLE
    stage.join("late", version=3)
    for name, id in zip(names, ids, strict=True):
        stage.heartbeat(name, id, 1)
        stage.join(name, id)
    heard = stage.heard()
    assert sum("generation 2" in line for line in heard) == 301
    assert sum(line.endswith("[]") for line in heard) == 300  # all but the leader
