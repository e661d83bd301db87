"""Can a function of the user's be called as it will be?"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def can_take(function: Callable[..., Any], count: int) -> bool:
    """So many arguments. True too where it does not say."""
    found = signature(function)
    if found is None:
        return True
    try:
        found.bind(*[None] * count)
    except TypeError:
        return False
    return True


def signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """None: it does not say."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None
