"""What of all is measured, and in which order; what a run says meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

Thing = TypeVar("Thing")


def is_wanted(name: str, words: Sequence[str]) -> bool:
    """Is one of the words in it? Without any all are wanted."""
    return not words or any(word in name for word in words)


def in_turn(things: Iterable[Thing], repeat: int) -> list[Thing]:
    """ABCD, then DCBA, and so on: whoever comes first must not always come first."""
    order = list(things)
    return order[::-1] if repeat % 2 else order


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
