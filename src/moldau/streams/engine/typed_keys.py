"""What is one key, and what is two: the bytes decide, as in Kafka, not what Python takes for equal.

A dict has one entry for 1, 1.0 and True, or for Decimal("1.0") and Decimal("1.00"); a topic has
them under different bytes, in different partitions maybe, and state under different names. So a key
that may equal one of other bytes is its name in the engine, with its value beside that: two are
equal where their names are. Texts, whole numbers and bytes are themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class TypedKey:
    """Made in `keys.py`. `name`: its bytes in state (`coding.py`)."""

    __slots__ = ("name", "value")

    def __init__(self, name: bytes, value: Any) -> None:
        self.name = name
        self.value = value

    def __eq__(self, other: object) -> bool:
        return type(other) is TypedKey and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"<{self.name!r}: {self.value!r}>"


def plain(key: Any) -> Any:
    """The key as people know it."""
    return key.value if type(key) is TypedKey else key


def all_plain(keys: Sequence[Any]) -> Sequence[Any]:
    """Of a batch."""
    return list(map(plain, keys)) if TypedKey in set(map(type, keys)) else keys
