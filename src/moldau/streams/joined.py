"""What a join makes of a left and a right value, and of which type that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Optional

from moldau.streams import fields, types
from moldau.streams.errors import DefinitionError
from moldau.streams.join_nodes import Merge

SUFFIX = "_right"


def merging(
    left: Any,
    right: Any,
    function: Merge | None,
    keys: tuple[str | None, str | None],
    how: str,
    suffix: str,
) -> tuple[Merge, Any]:
    """The function, or else a dict of the fields of both: of a name that both have, the right one
    gets the suffix. `keys`: the fields that both are joined by; the right one is left out, and
    where the left value is missing (how="outer") it stands in its place."""
    if function is not None:
        if not callable(function):
            raise DefinitionError(f"join: {function!r} is no function of a left and a right value")
        return fields.plain(function, "join", "both values", 2), types.returned(function)
    lefts, rights = types.declared(left), types.declared(right)
    if lefts is None or rights is None:
        return _of_any(suffix), dict
    shown = [name for name in rights if keys[0] is None or name != keys[1]]
    names = [*lefts, *(name + suffix if name in lefts else name for name in shown)]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DefinitionError(f"join: {', '.join(doubled)} would be there twice; give suffix=")
    left_types = list(lefts.values()) if how != "outer" else _optional(lefts.values())
    right_types = [rights[name] for name in shown]
    right_types = right_types if how == "inner" else _optional(right_types)
    type_ = types.record_of("Joined", dict(zip(names, [*left_types, *right_types], strict=True)))
    key_at = list(lefts).index(keys[0]) if keys[0] in lefts and keys[1] in rights else None
    read_key = None if key_at is None else fields.getter(right, str(keys[1]), "join")
    return _of_declared(names, _all(left, lefts), _all(right, shown), key_at, read_key), type_


def _optional(types_: Iterable[Any]) -> list[Any]:
    return [Any if one is Any else Optional[one] for one in types_]  # noqa: UP045


def _all(type_: Any, names: Iterable[str]) -> tuple[Callable[[Any], tuple[Any, ...]], int]:
    """Reads those fields, and how many they are."""
    names = list(names)
    return fields.reading_all(type_, names), len(names)


def _of_declared(
    names: list[str], left: Any, right: Any, key_at: int | None, read_key: Any
) -> Merge:
    (read_left, lefts), (read_right, rights) = left, right
    no_left, no_right = (None,) * lefts, (None,) * rights

    def merge(one: Any, other: Any) -> dict[str, Any]:
        if one is None:
            of_left = no_left
            if key_at is not None:
                of_left = (*no_left[:key_at], read_key(other), *no_left[key_at + 1 :])
        else:
            of_left = read_left(one)
        of_right = no_right if other is None else read_right(other)
        return dict(zip(names, of_left + of_right, strict=True))

    return merge


def _of_any(suffix: str) -> Merge:
    """Of values whose fields nobody declared: they must be dicts, or have fields."""

    def merge(one: Any, other: Any) -> dict[str, Any]:
        row = dict(_shown(one))
        for name, value in _shown(other).items():
            if name not in row:
                row[name] = value
            elif row[name] != value:
                row[name + suffix] = value
        return row

    return merge


def _shown(value: Any) -> dict[str, Any]:
    return {} if value is None else fields.as_dict(value)
