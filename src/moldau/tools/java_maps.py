"""The order in which Java's HashMap gives its keys, where a tool prints them in that order."""

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


def partition_hash(place: tuple[str, int]) -> int:
    """TopicPartition.hashCode."""
    topic, partition = place
    return (31 * (31 + partition) + string_hash(topic)) & _INT


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


def scala_set_order(texts: Iterable[str]) -> list[str]:
    """The order of a Scala Set of strings: as added up to four, a trie of hashes above."""
    added = list(dict.fromkeys(texts))
    return added if len(added) <= _SMALL_SET else _trie_order(added, 0)


_SMALL_SET = 4
_TRIE_BITS = 5


def _trie_order(texts: list[str], shift: int) -> list[str]:
    """Elements that stand alone in a slot come first, then the tries below."""
    slots: dict[int, list[str]] = {}
    for text in texts:
        slots.setdefault(_improved(string_hash(text)) >> shift & 31, []).append(text)
    if shift > 32:
        return texts
    alone = [slots[slot][0] for slot in sorted(slots) if len(slots[slot]) == 1]
    below = [
        text
        for slot in sorted(slots)
        if len(slots[slot]) > 1
        for text in _trie_order(slots[slot], shift + _TRIE_BITS)
    ]
    return alone + below


def _improved(value: int) -> int:
    """scala.collection.Hashing.improve, without a sign."""
    value = value + ~(value << 9) & _INT
    value ^= value >> 14
    value = value + (value << 4) & _INT
    return value ^ value >> 10
