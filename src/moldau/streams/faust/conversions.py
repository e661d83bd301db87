"""From plain values to what the fields of a Record are, and back."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

Parse = Callable[[Any], datetime]


def fresh(default: Any) -> Any:
    """A default that is changed in place must not be another record's."""
    return type(default)(default) if isinstance(default, (list, dict, set)) else default


def plain(value: Any) -> Any:
    if hasattr(value, "to_representation"):
        return value.to_representation()
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one) for one in value]
    return value


def is_optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint)


def mentions(hint: Any, type_: type) -> bool:
    """Is it that type, or made of it?"""
    return hint is type_ or any(mentions(one, type_) for one in get_args(hint))


def nested(value: Any, hint: Any) -> Any:
    """Records where records belong; all else as it is."""
    if hasattr(hint, "from_data"):
        return hint.from_data(value) if isinstance(value, Mapping) else value
    inner = [one for one in get_args(hint) if one is not NoneType and one is not ...]
    if not inner:
        return value
    if is_optional(hint):
        return nested(value, inner[0])
    origin = get_origin(hint)
    if not isinstance(origin, type):
        return value
    if isinstance(value, dict) and issubclass(origin, Mapping):
        return {key: nested(one, inner[-1]) for key, one in value.items()}
    if isinstance(value, list) and issubclass(origin, (Sequence, set, frozenset)):
        made = [nested(one, inner[0]) for one in value]
        return made if issubclass(list, origin) else set(made)
    return value


def coerced(value: Any, hint: Any, where: str, parse: Parse | None = None) -> Any:
    """`parse`: of texts that are times. Raises ValueError."""
    if hint is str and isinstance(value, (int, float)):
        return str(value)
    if mentions(hint, datetime) and isinstance(value, str):
        try:
            return (parse or datetime.fromisoformat)(value)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    try:
        return msgspec.convert(value, hint, strict=False, dec_hook=hook)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {error}") from None


def hook(type_: Any, value: Any) -> Any:
    """For types that msgspec does not know."""
    convert: Callable[[Any], Any] | None = getattr(type_, "from_data", None)
    if convert is not None:
        return convert(value)
    if isinstance(value, type_):
        return value
    raise TypeError(f"{value!r} is no {type_.__name__}")


def annotations_of(cls: type) -> dict[str, Any]:
    """Its own; as text where they cannot be read yet."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(cls)
