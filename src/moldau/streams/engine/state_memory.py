"""Holds the rows of tables that are in memory below a bound."""

from __future__ import annotations

from collections.abc import Iterable

from moldau.streams.engine.state import State


def shrink(states: Iterable[State], bound: int) -> None:
    """`bound` in bytes, of all of them together; directly behind a checkpoint. What has changed
    since stays, whatever it takes."""
    caches = [cached for state in states for cached in state.caches]
    for one in sorted(caches, key=lambda one: one.young, reverse=True):
        if sum(each.young for each in caches) <= bound // 2:
            break
        one.shrink()
    for one in sorted(caches, key=lambda one: one.used, reverse=True):
        if sum(each.used for each in caches) <= bound:
            break
        one.shrink()
