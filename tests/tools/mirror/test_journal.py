"""The journal is replayed to what it was, also when the target's cleaner has been at it, and when
all was written anew and what was before that is gone."""

from __future__ import annotations

import random

import pytest

from moldau.tools.mirror import journal as journals
from moldau.tools.mirror.journal import Journal, Line, Owner, TopicState
from moldau.tools.mirror.lane import Lane
from moldau.tools.mirror.window import Progress, Window
from tests.drawn import share

PLACE = ("id", 0)


Numbered = list[tuple[int, Line]]


def compacted(lines: Numbered, dice: random.Random) -> Numbered:
    """The last line of each key, and some of the others."""
    last = {line.key: offset for offset, line in lines}
    return [
        (offset, line) for offset, line in lines if last[line.key] == offset or dice.random() < 0.3
    ]


def replayed(lines: Numbered, name: str = "m") -> Journal:
    journal = Journal(name)
    for offset, line in lines:
        journal.replay(line, offset)
    journal.replayed()
    return journal


def written(seed: int) -> tuple[Numbered, Journal]:
    """A life of windows that land, are lost by the target, and are announced only; now and then all
    is written anew, or what was done of that before a kill."""
    dice = random.Random(seed)
    journal = Journal("m")
    progress = journal.progress[PLACE] = Progress(5)
    lane = Lane(("t", 0), "id", progress, 0)
    lines = [journal.head(*PLACE)]
    source = 0
    for _ in range(dice.randrange(1, 30)):
        source += dice.choice([0, 0, 1, 4])
        count = dice.randrange(1, 5)
        breaks = [(0, source)] + ([(count - 1, source + count + 3)] if count > 1 else [])
        window = Window(progress.end, count, tuple(breaks), 7, dice.choice([None, 99]))
        progress.plan(window)
        lines.append(journal.head(*PLACE))
        if dice.random() < 0.8:
            new = progress.landed(window)
            source = progress.map.next_source
            if new:
                lines.append(journal.breaks(*PLACE, new))
            lines.append(journal.head(*PLACE))
        if dice.random() < 0.15:
            lane.settle(dice.randrange(5, progress.end + 1), lambda _: None)
            if lane.cut_at is not None:
                lines += [journal.cut(*PLACE, lane.cut_at), journal.head(*PLACE)]
                lane.cut_at = None
                source = max(0, progress.map.next_source)
        if dice.random() < 0.2:
            anew = [*journal.snapshot(), journal.kept(len(lines))]
            lines += anew[: dice.choice([len(anew), dice.randrange(len(anew))])]
    return list(enumerate(lines)), journal


def pairs(progress: Progress) -> list[int]:
    return [progress.map.source_of(target) for target in range(5, progress.end)]


def test_progress_comes_back_from_what_is_left_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "_BREAKS_PER_LINE", 2)
    shortened = 0
    for seed in range(share(300)):
        lines, journal = written(seed)
        needed = replayed(lines).needed_from
        shortened += needed > 0
        short = [(offset, line) for offset, line in lines if offset >= needed]
        dice = random.Random(seed)
        for left in (lines, compacted(lines, dice), short, compacted(short, dice)):
            back = replayed(left).progress[PLACE]
            assert (back.end, back.pending) == (
                journal.progress[PLACE].end,
                journal.progress[PLACE].pending,
            )
            assert pairs(back) == pairs(journal.progress[PLACE])
    assert shortened > share(100)


def test_everything_else_comes_back_and_mirrors_do_not_mix() -> None:
    mine, other = Journal("m"), Journal("n")
    state = TopicState("s", "id", {"retention.ms": None}, True)
    owner = Owner("token", 3, "here", 42, 7, "now", False)
    lines = [
        mine.birth("a", 11),
        other.birth("c", 13),
        mine.birth("b", 12),
        mine.owned(owner),
        mine.claim("id"),
        other.claim("id"),
        mine.topic("t", state),
        other.topic("u", state),
        mine.group("g", {("t", 0): [4, 5]}),
    ]
    check(replayed(list(enumerate(lines))))
    anew = [*replayed(list(enumerate(lines))).snapshot(), mine.owned(owner)]
    rest = [line for line in lines if line.key.startswith(b'["n"')]
    # Behind what another mirror said later, and behind its own, which were before.
    check(replayed(list(enumerate([*rest, *anew], start=100))))
    check(replayed(list(enumerate([*lines, *anew]))))


def check(back: Journal) -> None:
    owner = Owner("token", 3, "here", 42, 7, "now", False)
    assert back.producer_id == 11
    assert back.owner == owner
    assert back.topics == {"t": TopicState("s", "id", {"retention.ms": None}, True)}
    assert back.groups == {"g": {("t", 0): [4, 5]}}
    assert back.claims == {"id": "m"}


def test_nothing_that_another_mirror_needs_may_go() -> None:
    mine, other = Journal("m"), Journal("n")
    lines = [mine.birth("a", 1), other.birth("b", 2), other.claim("id")]
    assert replayed(list(enumerate(lines))).needed_from == 0
    lines += [*replayed(list(enumerate(lines))).snapshot(), mine.kept(3)]
    assert replayed(list(enumerate(lines))).needed_from == 1
    lines += [*replayed(list(enumerate(lines)), "n").snapshot(), other.kept(5)]
    assert replayed(list(enumerate(lines))).needed_from == 3
    left = replayed(list(enumerate(lines))[3:])
    assert (left.producer_id, left.claims) == (1, {"id": "n"})


def test_what_others_wrote_into_the_topic_is_passed_over() -> None:
    odd = [
        b"",
        b"null",
        b"[]",
        b'["m"]',
        b'["m","head"]',
        b'["m","owner"]',
        b"\xff",
        b'{"a":1}',
        b'["m","kept"]',
        b'["m","birth","a"]',
    ]
    lines = [Line(key, value) for key in odd for value in odd]
    assert replayed(list(enumerate(lines))) == Journal("m")
