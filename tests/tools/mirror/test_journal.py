"""The journal is replayed to what it was, also when the target's cleaner has been at it."""

from __future__ import annotations

import random

from moldau.tools.mirror.journal import Journal, Line, Owner, TopicState
from moldau.tools.mirror.lane import Lane
from moldau.tools.mirror.window import Progress, Window

PLACE = ("id", 0)


def compacted(lines: list[Line], dice: random.Random) -> list[Line]:
    """The last line of each key, and some of the others."""
    last = {line.key: index for index, line in enumerate(lines)}
    return [
        line for index, line in enumerate(lines) if last[line.key] == index or dice.random() < 0.3
    ]


def replayed(lines: list[Line], name: str = "m") -> Journal:
    journal = Journal(name)
    for line in lines:
        journal.replay(line)
    journal.replayed()
    return journal


def written(seed: int) -> tuple[list[Line], Journal]:
    """A life of windows that land, are lost by the target, and are announced only."""
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
    return lines, journal


def pairs(progress: Progress) -> list[int]:
    return [progress.map.source_of(target) for target in range(5, progress.end)]


def test_progress_comes_back_from_what_is_left_of_it() -> None:
    for seed in range(200):
        lines, journal = written(seed)
        for left in (lines, compacted(lines, random.Random(seed))):
            back = replayed(left).progress[PLACE]
            assert (back.end, back.pending) == (
                journal.progress[PLACE].end,
                journal.progress[PLACE].pending,
            )
            assert pairs(back) == pairs(journal.progress[PLACE])


def test_everything_else_comes_back_and_mirrors_do_not_mix() -> None:
    mine, other = Journal("m"), Journal("n")
    state = TopicState("s", "id", {"retention.ms": None}, True)
    owner = Owner("token", 3, "here", 42, 7, "now", False)
    lines = [
        mine.birth("a", 11),
        other.birth("c", 13),
        mine.birth("b", 12),
        mine.owned(owner),
        other.claim("id"),
        mine.claim("id"),
        mine.topic("t", state),
        other.topic("u", state),
        mine.group("g", {("t", 0): [4, 5]}),
    ]
    back = replayed(lines)
    assert back.producer_id == 11
    assert back.owner == owner
    assert back.topics == {"t": state}
    assert back.groups == {"g": {("t", 0): [4, 5]}}
    assert back.claims == {"id": "n"}


def test_what_others_wrote_into_the_topic_is_passed_over() -> None:
    odd = [b"", b"null", b"[]", b'["m"]', b'["m","head"]', b'["m","owner"]', b"\xff", b'{"a":1}']
    assert replayed([Line(key, value) for key in odd for value in odd]) == Journal("m")
