"""What is committed of a task's state: how large it is, and the rows that can be asked for.

The task changes its state while it works; what a checkpoint made true is told here afterwards, and
nothing else is. So whoever asks sees what a crash cannot take back (promise 18).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Set
from typing import NamedTuple

from moldau.streams.clock import BEFORE_ALL
from moldau.streams.engine.coding import decode
from moldau.streams.engine.state import MARKER

Change = tuple[bytes, bytes | None]
_SEPARATOR = b"\0"


class Size(NamedTuple):
    """`bytes`: of keys and values, as they lie in the changelog."""

    keys: int
    bytes: int


class _Sizes:
    """Of the values of one table, by key."""

    def __init__(self) -> None:
        self._of: dict[bytes, int] = {}
        self._bytes = 0

    def take(self, key: bytes, value: bytes | None) -> None:
        before = self._of.pop(key, None)
        if before is not None:
            self._bytes -= before + len(key)
        if value is not None:
            self._of[key] = len(value)
            self._bytes += len(value) + len(key)

    @property
    def size(self) -> Size:
        return Size(len(self._of), self._bytes)


class Committed:
    """Written by the worker's thread. `changes` may be taken by one other, behind `watermark`: that
    of the task, no newer than what is taken then."""

    def __init__(self, readable: Set[str], watermark: int = BEFORE_ALL) -> None:
        """`readable`: the tables whose rows are kept for others."""
        self.watermark = watermark
        self._readable = readable
        self._sizes: dict[str, _Sizes] = {}
        self._lock = threading.Lock()
        self._untaken: dict[str, dict[bytes, bytes | None]] = {}

    def take(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """They are committed."""
        rows: dict[str, dict[bytes, bytes | None]] = {}
        watermark = self.watermark
        for whole, value in changes:
            if whole == MARKER and value is not None and self._readable:
                watermark = decode(value)["watermark"]
            if whole.startswith(_SEPARATOR):  # of no table
                continue
            prefix, _, key = whole.partition(_SEPARATOR)
            table = prefix.decode()
            sizes = self._sizes.get(table)
            if sizes is None:
                sizes = self._sizes[table] = _Sizes()
            sizes.take(key, value)
            if table in self._readable:
                rows.setdefault(table, {})[key] = value
        with self._lock:
            for table, some in rows.items():
                self._untaken.setdefault(table, {}).update(some)
        self.watermark = watermark

    def sizes(self) -> dict[str, Size]:
        """By table; for the worker's thread."""
        return {table: one.size for table, one in self._sizes.items()}

    def changes(self, table: str) -> dict[bytes, bytes | None]:
        """What has been committed of a readable table since this was asked last; None: deleted."""
        with self._lock:
            return self._untaken.pop(table, {})
