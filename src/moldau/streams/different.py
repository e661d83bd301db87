"""Values that differ, as Python sees it: 1 and 1.0 are one. In which of its forms such a value
leaves a step depends on which were there, not on which came first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moldau.streams.engine.coding import encode, kept
from moldau.streams.engine.keys import ALONE

Noted = dict[Any, Any]
"""By value, the form in which it comes out; None: the value itself."""


def noted(state: Noted, value: Any) -> Noted:
    """It is changed."""
    return _note(state, kept(value))


def check(_state: Noted, value: Any) -> None:
    """Raises an exception for what cannot be told from others."""
    hash(kept(value))


def united(state: Noted, other: Noted) -> Noted:
    made = dict(state)
    for form in forms(other):
        _note(made, form)
    return made


def forms(state: Noted) -> Iterator[Any]:
    return (value if form is None else form for value, form in state.items())


def _note(state: Noted, form: Any) -> Noted:
    """A whole number goes before what equals it, and of others the one of the least bytes."""
    is_of_one = type(form) in ALONE
    if form not in state:
        state[form] = None if is_of_one else form
    elif (before := state[form]) is not None:
        if is_of_one:
            del state[form]
        state[form] = None if is_of_one else min(before, form, key=encode)
    return state
