"""Of aggregates that add up: can the values of a type be?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import Any

from moldau.streams import fields, types
from moldau.streams.engine.returning import named
from moldau.streams.errors import DefinitionError


def refuse_no_number(name: str, kind: str, type_: Any) -> None:
    """`name`: what the result is called. Raises DefinitionError."""
    for one in types.kinds(type_):
        if not _adds_up(one):
            raise DefinitionError(
                f"agg: {name}: there is no {kind} of {named(one)}; {_instead(one)}"
            )


def _adds_up(kind: type) -> bool:
    """To 0. Moments do not: only spans of time can be added to them."""
    return hasattr(kind, "__radd__") and not issubclass(kind, date)


def _instead(kind: type) -> str:
    if issubclass(kind, date | time):
        return "of moments there are min, max, first and last"
    if fields.names_of(kind) is not None or issubclass(kind, Mapping):
        return "take a number of it, by a function (lambda record: ...)"
    return "take collect for all of them, first or last for one, or count for how many there are"
