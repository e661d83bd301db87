"""What state keeps and of which type it comes back: what MessagePack forgets is made again of what
it gives, where the type is known (see `coding.py`)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, is_typeddict

import msgspec

from moldau.streams import fields, types
from moldau.streams.engine.coding import KEPT
from moldau.streams.errors import DefinitionError, StreamsError
from moldau.streams.formats.models import decode_hook

_HOLDING = (list, dict, tuple, set, frozenset)
_UNIONS = (Union, UnionType)
MOST = 16  # elements of a tuple that are looked at one by one

Read = Callable[[Any], Any]


def comes_back(type_: Any) -> bool:
    """By itself, as far as it is known what it holds."""
    return not _parts_to_read(type_)


def reader(type_: Any) -> Read | None:
    """From what comes back to that type; None: that is it, or nobody knows how. What does not fit
    stays as it came, for the type is what a function of the user's says."""
    if comes_back(type_) or not _is_readable(type_):
        return None
    read = _converting(type_)

    def lenient(plain: Any) -> Any:
        try:
            return read(plain)
        except ValueError:
            return plain

    return lenient


def strict_reader(type_: Any, what: str) -> Read | None:
    """Of a type that was said for it. Raises DefinitionError for one that cannot come back, and
    when it reads, StreamsError for what is kept and does not fit."""
    if not _is_type(type_):
        raise DefinitionError(f"{what}: {type_!r} is no type, as int or list[Order] are")
    if comes_back(type_):
        return None
    if not _is_readable(type_):
        raise DefinitionError(
            f"{what}: {named(type_)} cannot be kept, as nothing says how to make one of what is "
            f"read: take a struct, dataclass, model or enumeration, or plain types"
        )
    read = _converting(type_)

    def fitting(plain: Any) -> Any:
        try:
            return read(plain)
        except ValueError as error:
            raise StreamsError(
                f"{what}: what is kept is no {named(type_)} ({error}): change the type so that "
                f"old values fit, as by defaults, or begin anew under another name"
            ) from None

    return fitting


def _converting(type_: Any) -> Read:
    return lambda plain: msgspec.convert(plain, type_, dec_hook=decode_hook)


def _is_readable(type_: Any) -> bool:
    try:
        msgspec.inspect.type_info(type_)
    except (TypeError, NameError):
        return False
    return all(map(is_made_again, _parts_to_read(type_)))


def _is_type(type_: Any) -> bool:
    is_named = hasattr(type_, "__supertype__") or hasattr(type_, "__value__")
    return (
        isinstance(type_, type) or is_named or type_ in (Any, None) or get_origin(type_) is not None
    )


def is_made_again(kind: Any) -> bool:
    """From its fields, or its value."""
    is_model = hasattr(kind, "model_validate") or hasattr(kind, "FromString")
    is_enumeration = isinstance(kind, type) and issubclass(kind, Enum)
    return is_model or is_enumeration or fields.names_of(kind) is not None


def _parts_to_read(type_: Any) -> list[Any]:
    """The types in it that do not come back by themselves."""
    type_ = types.unwrapped(type_)
    origin, args = get_origin(type_), get_args(type_)
    if origin is Literal or type_ in (Any, None, object):
        return []
    if is_typeddict(type_):
        inside = list((types.declared(type_) or {}).values())
    elif origin in _UNIONS or _holds(origin):
        inside = [one for one in args if one is not Ellipsis]
    elif type_ in KEPT or _holds(type_) or not isinstance(origin or type_, type):
        return []
    else:
        return [origin or type_]
    return [part for one in inside for part in _parts_to_read(one)]


def _holds(type_: Any) -> bool:
    return type_ in _HOLDING or getattr(type_, "__module__", "") == "collections.abc"


def named(type_: Any) -> str:
    return type_.__name__ if isinstance(type_, type) and not get_args(type_) else str(type_)


# --- values -------------------------------------------------------------------------------------


def strange(value: Any) -> str:
    """How the type is written of what would not come back as it is; "": it would."""
    kind = type(value)
    if kind in KEPT:
        return ""
    if isinstance(value, dict):
        key, one = _first(value), _first(value.values())
        if not key and not one:
            return ""
        key = key or named(type(next(iter(value))))
        return f"dict[{key}, {one or named(type(next(iter(value.values()))))}]"
    if isinstance(value, tuple) and not hasattr(kind, "_fields"):
        inside = [strange(one) or named(type(one)) for one in value]
        return f"tuple[{', '.join(inside)}]" if _first(value) else ""
    if isinstance(value, list | set | frozenset):
        one = _first(value)
        return f"{_builtin(value)}[{one}]" if one else ""
    return named(kind) if is_made_again(kind) else ""


def _first(values: Any) -> str:
    """Of the first that would not."""
    if set(map(type, values)) <= KEPT:
        return ""
    return next(filter(None, map(strange, values)), "")


def _builtin(value: Any) -> str:
    return next(one.__name__ for one in _HOLDING if isinstance(value, one))


def strange_at_a_glance(value: Any) -> str:
    """The same of what may be large and has grown by little: the newest of it is looked at."""
    kind = type(value)
    if kind in KEPT:
        return ""
    if kind is dict and value:
        key, one = next(reversed(value.items()))
        return "" if type(key) in KEPT and type(one) in KEPT else strange({key: one})
    if kind is list and value:
        return "" if type(value[-1]) in KEPT else strange(value[-1:])
    if kind is tuple:
        return strange(value[:MOST])
    if kind is set or kind is frozenset:
        return strange(kind([next(iter(value))])) if value else ""
    return strange(value)
