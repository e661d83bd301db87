"""From keys as people know them to those of the engine, of which two are equal where their bytes
are (`typed_keys.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from moldau.streams.engine.coding import decode, encode
from moldau.streams.engine.typed_keys import TypedKey

# Of other bytes, none of them equals another, and nor do tuples of them.
ALONE = frozenset({str, int, bytes, type(None), date, timedelta, UUID})
_AS_THEY_ARE = frozenset({float, Decimal})


def typed(key: Any) -> Any:
    """Raises an exception for what can be no key."""
    kind = type(key)
    if (kind is float and key) or kind is bool:  # zero is two
        return _number(key)
    if kind is TypedKey or _is_alone(key):
        return key
    name = encode(key)
    value = key if kind in _AS_THEY_ARE else decode(name)
    try:
        hash(value)
    except TypeError:
        raise TypeError(
            f"a {kind.__name__} can be no key, as it may change or would not come back as it is: "
            f"make a tuple of what tells it from others"
        ) from None
    return value if _is_alone(value) else TypedKey(name, value)


@lru_cache(maxsize=1 << 16, typed=True)
def _number(key: float) -> TypedKey:
    """Most come again and again."""
    return TypedKey(encode(key), key)


def _is_alone(key: Any) -> bool:
    kind = type(key)
    return kind in ALONE or (kind is tuple and ALONE.issuperset(map(type, key)))


def all_typed(keys: Sequence[Any]) -> Sequence[Any]:
    """Of a batch."""
    return keys if ALONE.issuperset(map(type, keys)) else list(map(typed, keys))


def typed_in(name: bytes) -> Any:
    """The key that is called so in state."""
    return typed(decode(name))


def parts_in(name: bytes) -> Any:
    """What is called by several: each by itself."""
    return tuple(map(typed, decode(name)))
