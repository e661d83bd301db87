"""Which tables a function of the user's can look into while it runs: those of its task, and the
global ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moldau.streams.program import Node

if TYPE_CHECKING:
    from moldau.streams.engine.global_store import GlobalStore

Get = Callable[[Any], Any]
"""What a key (`keys.py`) holds now; None: nothing."""


@dataclass(frozen=True)
class Here:
    """`everywhere`: what each global table holds, by its topic. `rows`: by the step whose changes a
    table is of. `partition` None: it is no task, as a timer's. `place_of`: in which partition a key
    of its tables lies."""

    everywhere: Mapping[str, GlobalStore]
    rows: Mapping[Node, Get] = field(default_factory=dict)
    partition: int | None = None
    place_of: Callable[[Any], int] = hash


HERE: ContextVar[Here | None] = ContextVar("moldau.here", default=None)


@contextmanager
def at(here: Here) -> Iterator[None]:
    token = HERE.set(here)
    try:
        yield
    finally:
        HERE.reset(token)
