"""What a table keeps: values as bytes, and what handlers have taken of them into their hands."""

from __future__ import annotations

from typing import Any

from moldau.streams.engine.coding import decode, encode
from moldau.streams.faust.blessed import META, from_blessed
from moldau.streams.faust.records import Record

GONE: Any = object()
FIXED = (int, float, str, bytes, bool, type(None))  # cannot be changed in place


class InHand:
    """A value in the hands of a handler. When its record ends it is asked for what is kept: what
    was changed in place is. `default`: what is not kept unless it was."""

    __slots__ = ("default", "value")

    def __init__(self, value: Any, default: bytes | None = None) -> None:
        self.value = value
        self.default = default

    def __call__(self) -> bytes | None:
        data = None if self.value is GONE else pack(self.value)
        return None if data == self.default else data


def pack(value: Any) -> bytes:
    """Raises TypeError."""
    try:
        return encode(_tagged(value))
    except (TypeError, NotImplementedError) as error:
        raise TypeError(
            f"a table cannot keep {type(value).__name__} ({error}): it keeps numbers, texts, "
            f"times, lists, dicts, sets and Records"
        ) from None


def unpack(data: bytes) -> Any:
    return _untagged(decode(data))


def shown(data: bytes) -> Any:
    """As JSON can hold it: a set as a list, a Record as its fields."""
    return _shown(decode(data))


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return [_shown(one) for one in value]
    if isinstance(value, dict):
        if _SET in value:
            return _shown(value[_SET])
        return {key: _shown(one) for key, one in value.items() if key != META}
    return value


_SET = "\0set"


def _tagged(value: Any) -> Any:
    if isinstance(value, Record):
        return _tagged(value.model_dump())
    if isinstance(value, (set, frozenset)):
        return {_SET: sorted((_tagged(one) for one in value), key=repr)}
    if isinstance(value, dict):
        return {key: _tagged(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_tagged(one) for one in value]
    return value


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [_untagged(one) for one in value]
    if isinstance(value, dict):
        if _SET in value:
            return {_untagged(one) for one in value[_SET]}
        made = {key: _untagged(one) for key, one in value.items()}
        return from_blessed(made) if META in made else made
    return value
