"""The states of aggregates as they come back from where they are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from moldau.streams import types
from moldau.streams.aggregates import Aggregate
from moldau.streams.engine.returning import Read, reader

Restored = Callable[[list[Any]], list[Any]]


def restored_states(aggregates: Iterable[Aggregate], type_: Any) -> Restored:
    """Of the states of these aggregates over records of that type: with the types that they had."""
    return _each([one.kept or reader(one.state_of(_taken(one, type_))) for one in aggregates])


def restored_parts(aggregates: Iterable[Aggregate], type_: Any) -> Restored:
    """Likewise of what they take of a record."""
    return _each([reader(_taken(one, type_)) for one in aggregates])


def _each(readers: list[Read | None]) -> Restored:
    if not any(readers):
        return _same

    def restored(states: list[Any]) -> list[Any]:
        pairs = zip(readers, states, strict=True)
        return [state if read is None else read(state) for read, state in pairs]

    return restored


def _same(states: list[Any]) -> list[Any]:
    return states


def _taken(aggregate: Aggregate, type_: Any) -> Any:
    """The type of what it takes of a record."""
    if aggregate.field is None:
        return Any
    asked = aggregate.field if isinstance(aggregate.field, tuple) else (aggregate.field,)
    of_fields = [
        type_ if aggregate.kind == "fold" else types.field_type(type_, one) for one in asked
    ]
    taken: Any = tuple[tuple(of_fields)] if len(of_fields) > 1 else of_fields[0]  # type: ignore[misc]
    return tuple[Any, taken] if aggregate.has_place else taken
