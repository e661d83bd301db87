"""State of a task: tables of steps, kept in its changelog, checkpoint by checkpoint.

A step holds its state as it likes and tells its table, at a checkpoint, what has changed. The
changelog of a task ends each checkpoint with a marker that holds where its sources were; what lies
behind the last marker was never checkpointed and is cut off when the state is restored (promise 8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from moldau.streams.clock import BEFORE_ALL
from moldau.streams.engine.coding import decode, encode

MARKER = b"\0checkpoint"
_SEPARATOR = b"\0"


class Table:
    """The state of one step: keys and values of plain types, exact numbers and times."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.checkpoint = 0  # the number of the one that is being gathered
        self.watermark = BEFORE_ALL  # of the task, at the marker that it was restored to
        self.saver: Callable[[], list[tuple[Any, Any]]] = list
        self._dropped: dict[Any, None] = {}
        self._stored: dict[bytes, bytes] = {}

    def load(self) -> Iterator[tuple[Any, Any]]:
        """What was restored; once, at the start."""
        stored, self._stored = self._stored, {}
        for key, value in stored.items():
            yield decode(key), decode(value)

    def restored(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self._stored.pop(key, None)
        else:
            self._stored[key] = value

    def stored(self, key: bytes) -> bytes | None:
        """What was restored of it; before `load`."""
        return self._stored.get(key)

    def drop(self, keys: Iterable[Any]) -> None:
        self._dropped.update(dict.fromkeys(keys))

    def save(self) -> list[tuple[bytes, bytes | None]]:
        """The changes of this checkpoint, as they go to the changelog."""
        prefix = self.name.encode() + _SEPARATOR
        changes = {prefix + encode(key): None for key in self._dropped}
        self._dropped = {}
        saved = {prefix + encode(key): encode(value) for key, value in self.saver()}
        self.checkpoint += 1
        return list({**changes, **saved}.items())


class State:
    """All tables of a task."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}
        self._repairs: dict[bytes, bytes | None] = {}
        self.watermark = BEFORE_ALL  # of the task, at the marker that it was restored to

    def table(self, name: str) -> Table:
        table = self._tables.get(name)
        if table is None:
            table = self._tables[name] = Table(name)
            table.watermark = self.watermark
        return table

    def save(self) -> list[tuple[bytes, bytes | None]]:
        repairs, self._repairs = self._repairs, {}
        changes = (change for table in self._tables.values() for change in table.save())
        return list({**repairs, **dict(changes)}.items())

    def restore(self, records: Iterable[tuple[bytes, bytes | None]]) -> Any:
        """Takes the changelog's records, in order. What the last marker holds, or None."""
        pending: list[tuple[bytes, bytes | None]] = []
        marker = None
        for key, value in records:
            if key != MARKER:
                pending.append((key, value))
                continue
            marker = value
            self._take(pending)
            pending = []
        self._repairs = {key: self._stored(key) for key, _ in pending}
        if marker is None:
            return None
        restored = decode(marker)
        self.watermark = restored["watermark"]
        for table in self._tables.values():
            table.watermark = self.watermark
        return restored

    def _stored(self, key: bytes) -> bytes | None:
        """What was cut off stays in the changelog, and the next marker would stand for it too: so
        the next checkpoint begins with what it was before."""
        name, _, rest = key.partition(_SEPARATOR)
        return self.table(name.decode()).stored(rest)

    def _take(self, changes: list[tuple[bytes, bytes | None]]) -> None:
        for key, value in changes:
            name, _, rest = key.partition(_SEPARATOR)
            self.table(name.decode()).restored(rest, value)
