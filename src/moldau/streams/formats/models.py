"""Types that msgspec does not know itself: pydantic models and Protobuf messages, as hooks."""

from __future__ import annotations

from typing import Any


def encode_hook(value: Any) -> Any:
    """A plain value for one of them. Raises NotImplementedError for others."""
    if hasattr(value, "model_dump"):
        return _dumped(value)
    if hasattr(value, "SerializeToString"):
        return value.SerializeToString()
    raise NotImplementedError(f"values of type {type(value).__name__} cannot be written")


def decode_hook(type_: Any, plain: Any) -> Any:
    """The value that `encode_hook` was given. Raises what its type does, or NotImplementedError."""
    if hasattr(type_, "model_validate"):
        return type_.model_validate(plain)
    if hasattr(type_, "FromString"):
        return type_.FromString(plain)
    if isinstance(plain, type_):
        return plain
    raise NotImplementedError(f"values of type {type_.__name__} cannot be read")


def _dumped(value: Any) -> Any:
    """Under the names by which it is read; Records of `moldau.faust` have no others."""
    by_alias = {"by_alias": True} if hasattr(value, "model_fields_set") else {}
    return value.model_dump(**by_alias)
