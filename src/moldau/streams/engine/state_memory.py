"""Holds the rows of tables that are in memory below a bound."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from moldau.streams.engine.state import State


def shrink(states: Iterable[State], bound: int) -> None:
    """`bound` in bytes, of all of them together. What has changed and is not committed stays,
    whatever it takes."""
    caches = [
        cache
        for state in states
        for cache in (state.caches if state.is_committed else state.spilled)
    ]
    for one in sorted(caches, key=lambda one: one.young, reverse=True):
        if sum(each.young for each in caches) <= bound // 2:
            break
        one.shrink()
    for one in sorted(caches, key=lambda one: one.used, reverse=True):
        if sum(each.used for each in caches) <= bound:
            break
        one.shrink()


def is_too_much(states: Sequence[State], bound: int) -> bool:
    """Is it, without what can be let go of, so that there should be a checkpoint?"""
    caches = [cache for state in states for cache in state.caches]
    if sum(one.used for one in caches) <= bound:
        return False
    shrink(states, bound)
    return sum(one.young for one in caches) > bound // 2
