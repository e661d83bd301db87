"""The orders of Java's and Scala's hash tables, where a tool prints in that order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from moldau.protocol.java_maps import hash_order, string_hash

__all__ = [
    "copied_order",
    "described_order",
    "hash_order",
    "partition_hash",
    "scala_set_order",
    "string_hash",
]

K = TypeVar("K")
_INT = (1 << 32) - 1


def partition_hash(place: tuple[str, int]) -> int:
    """TopicPartition.hashCode."""
    topic, partition = place
    return (31 * (31 + partition) + string_hash(topic)) & _INT


def copied_order(keys: Iterable[K], hash_of: Callable[[K], int]) -> list[K]:
    """The order of a HashMap that was made of another one with these keys."""
    added = list(keys)
    return hash_order(added, hash_of, int(len(added) / 0.75 + 1))


def described_order(keys: Iterable[K], hash_of: Callable[[K], int]) -> list[K]:
    """The order of Admin.describeTopics(names).allTopicNames(): a map of the names, its copy, and
    a map made of that."""
    named = list(keys)
    futures = copied_order(hash_order(named, hash_of, len(named)), hash_of)
    return hash_order(futures, hash_of, len(named))


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
