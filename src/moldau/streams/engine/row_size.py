"""How many bytes rows in memory take: measured on a few of them."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable
from itertools import chain, islice
from typing import Any

SAMPLE = 32
OF_AN_ENTRY = 120  # bytes of a dict for it, twice while it grows


class RowSize:
    def __init__(self) -> None:
        self._measured = (0, 0)  # of so many rows, bytes each

    def of(self, count: int, rows: Iterable[Any]) -> int:
        return count * self.each(count, rows)

    def each(self, count: int, rows: Iterable[Any]) -> int:
        """`rows`: those that there are, (key, row) each, `count` of them. They are looked at when
        there are more of them than last time."""
        known, each = self._measured
        if count > known + known // 10 + SAMPLE:
            some = list(islice(rows, SAMPLE))
            each = OF_AN_ENTRY + sum(_size(one) for one in some) // len(some)
            self._measured = (count, each)
        return each


class PartSize:
    """Of rows of several parts each: how many bytes a part takes, with its share of the row."""

    def __init__(self) -> None:
        self._measured = (0, 0)  # of so many parts, bytes each

    def each(self, count: int, rows: Iterable[tuple[Any, Any]]) -> int:
        """`rows`: (key, row) each, of `count` parts together."""
        known, each = self._measured
        if count > known + known // 10 + SAMPLE:
            some = list(islice(rows, SAMPLE))
            parts = sum(len(row) for _, row in some) or 1
            each = sum(_size_of_row(*one) for one in some) // parts
            self._measured = (count, each)
        return each


def _size_of_row(key: Any, row: Any) -> int:
    """A few of its parts stand for all."""
    some = list(islice(row, 4))
    parts = sum(map(_size, some)) * len(row) // max(1, len(some))
    return OF_AN_ENTRY + _size(key) + sys.getsizeof(row) + parts


def _size(value: Any, depth: int = 6) -> int:
    size = sys.getsizeof(value)
    if depth == 0:
        return size
    if isinstance(value, dict):
        parts: Iterable[Any] = chain(value, value.values())
    elif isinstance(value, (list, tuple, set, frozenset, deque)):
        parts = value
    else:
        parts = [getattr(value, name, None) for name in getattr(value, "__slots__", ())]
        parts += [getattr(value, "__dict__", None)]
    return size + sum(_size(one, depth - 1) for one in parts if one is not None)
