"""Random sequences of requests, valid and nearly so, asked of both brokers.

A sequence is a list of numbers: each is the seed of one step, which draws its request from what is
there by then (offsets, producers, members, sessions). So any step can be left out and the others
stay what they were: a sequence that finds a difference is made shorter as long as it finds one, and
what is left is printed as the requests of a story.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random

from tests.conformance.both import Both
from tests.conformance.fuzz import groups, records, topics
from tests.conformance.fuzz.scene import Drawn, Scene
from tests.conformance.requests import said

STEPS = 40  # of a sequence
# Between two steps the clock moves on: of two batches that are given the same time, LogAppendTime,
# it is the first that has the latest.
TICK_S = 0.002
# What a sequence is about, and how often: of everything, or of one thing mostly.
_RECORDS, _GROUPS, _TOPICS = records.DRAW, groups.DRAW, topics.DRAW
DRAW: Sequence[Sequence[Callable[[Random, Scene], Drawn]]] = (
    (*_RECORDS, *_GROUPS, *_TOPICS),
    (*_RECORDS, *_RECORDS, *_TOPICS),
    (*_GROUPS, *_GROUPS, *_GROUPS, *_RECORDS),
    (*_TOPICS, *_TOPICS, *_TOPICS, *_RECORDS, *_GROUPS),
)


def told(both: Both, kind: int, steps: Sequence[int]) -> list[str]:
    """The requests up to the first difference; `both.judge.found` says whether there was one."""
    scene = Scene(both, Random(kind))
    draw = Random(kind).choice(DRAW)
    lines: list[str] = []
    for seed in steps:
        rng = Random(seed)
        drawn = rng.choice(draw)(rng, scene)
        by = "both" if drawn.by is None else f"member{drawn.by.number}"
        lines.append(f"{by}.ask({said(drawn.asked, drawn.version)})")
        time.sleep(TICK_S)
        scene.ask(drawn)
        if both.judge.found:
            break
    scene.end()
    return lines


def sequence(seed: int) -> list[int]:
    rng = Random(seed)
    return [rng.randrange(1 << 30) for _ in range(STEPS)]


def shortened(differs: Callable[[Sequence[int]], bool], steps: Sequence[int]) -> Sequence[int]:
    """Without the steps that are not needed: halves first, then one by one."""
    size = len(steps) // 2
    while size:
        at = 0
        while at < len(steps):
            fewer = [*steps[:at], *steps[at + size :]]
            if differs(fewer):
                steps = fewer
            else:
                at += size
        size //= 2
    return steps
