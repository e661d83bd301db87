"""The order in which Java's HashMap gives its keys, where clients see it, and what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

K = TypeVar("K")
_INT = (1 << 32) - 1
_LOAD = 0.75


def string_hash(text: str) -> int:
    """String.hashCode, without a sign: over UTF-16."""
    raw = text.encode("utf-16-be", "surrogatepass")
    result = 0
    for high, low in zip(raw[::2], raw[1::2], strict=True):
        result = (31 * result + (high << 8 | low)) & _INT
    return result


def hash_order(keys: Iterable[K], hash_of: Callable[[K], int], capacity: int = 16) -> list[K]:
    """The keys in the order of a HashMap to which they were added one after the other.

    `capacity` is what the map was made with. Keys that share a bucket keep their order.
    """
    added = list(keys)
    buckets = 1
    while buckets < capacity:
        buckets *= 2
    while len(added) > buckets * _LOAD:
        buckets *= 2

    def bucket(key: K) -> int:
        value = hash_of(key)
        return (value ^ value >> 16) & (buckets - 1)

    return sorted(added, key=bucket)
