"""Can a function of the user's be called as it will be?"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any


def can_take(function: Callable[..., Any], count: int, *, wrapped: bool = True) -> bool:
    """So many arguments. True too where it does not say. `wrapped`: what a decorator has put
    another function around says it for that."""
    found = signature(function, wrapped=wrapped)
    if found is None:
        return True
    try:
        found.bind(*[None] * count)
    except TypeError:
        return False
    return True


def signature(function: Callable[..., Any], *, wrapped: bool = True) -> inspect.Signature | None:
    """None: it does not say."""
    try:
        return inspect.signature(function, follow_wrapped=wrapped)
    except (TypeError, ValueError):
        return None


def name_of(function: Callable[..., Any]) -> str:
    """Of a function; of a callable object, that of its class."""
    inner = unbound(function)
    return str(getattr(inner, "__name__", type(inner).__name__))


def unbound(function: Any) -> Any:
    """Without what functools.partial and decorators put around it."""
    while isinstance(function, partial):
        function = function.func
    return inspect.unwrap(function)
