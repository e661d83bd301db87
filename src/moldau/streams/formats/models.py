"""Types that msgspec does not know itself: pydantic models and Protobuf messages, as hooks."""

from __future__ import annotations

from collections.abc import MutableMapping, MutableSequence
from datetime import datetime
from typing import Any, TypedDict

from moldau.streams import messages


def encode_hook(value: Any) -> Any:
    """A plain value for one of them. Raises NotImplementedError for others."""
    if hasattr(value, "model_dump"):
        return _dumped(value)
    if hasattr(value, "SerializeToString"):
        return value.SerializeToString()
    if isinstance(value, MutableSequence):  # what a message has of several
        return list(value)
    if isinstance(value, MutableMapping):
        return dict(value)
    if isinstance(value, datetime):  # of pandas; what is finer than a microsecond is cut off
        return datetime.combine(value.date(), value.time(), value.tzinfo)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):  # of numpy
        return value.tolist()
    raise NotImplementedError(f"values of type {type(value).__name__} cannot be written")


def json_hook(value: Any) -> Any:
    """The same, for JSON that others read: a message is its fields, and not its bytes."""
    return messages.plain(value) if messages.is_message(value) else encode_hook(value)


def decode_hook(type_: Any, plain: Any) -> Any:
    """The value that `encode_hook` was given. Raises what its type does, or NotImplementedError."""
    if hasattr(type_, "model_validate"):
        return type_.model_validate(plain)
    if hasattr(type_, "FromString"):
        return type_.FromString(plain) if isinstance(plain, bytes) else _message(type_, plain)
    if isinstance(plain, type_):
        return plain
    raise NotImplementedError(f"values of type {type_.__name__} cannot be read")


def _message(type_: Any, fields: Any) -> Any:
    """Of what `json_hook` made of it."""
    import msgspec

    make: Any = TypedDict
    shape = make(type_.__name__, messages.types_of(type_), total=False)
    return type_(**msgspec.convert(fields, shape, dec_hook=decode_hook))


def _dumped(value: Any) -> Any:
    """Under the names by which it is read; Records of `moldau.faust` have no others."""
    by_alias = {"by_alias": True} if hasattr(value, "model_fields_set") else {}
    return value.model_dump(**by_alias)
