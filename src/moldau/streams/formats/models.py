"""Types that msgspec does not know itself: pydantic models and Protobuf messages, as hooks."""

from __future__ import annotations

from typing import Any


def encode_hook(value: Any) -> Any:
    """A plain value for one of them. Raises NotImplementedError for others."""
    if hasattr(value, "model_dump"):
        return value.model_dump()
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
