"""Rows of tables as they are asked for: of the tasks of this process, and of global tables.

One thread reads at a time. What tasks have committed is put in order by key when somebody asks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from heapq import nsmallest
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from moldau.streams.clock import BEFORE_ALL
from moldau.streams.engine.coding import decode
from moldau.streams.engine.global_store import GlobalStore, known
from moldau.streams.engine.typed_keys import plain
from moldau.streams.errors import StreamsError
from moldau.streams.formats.basic import Key
from moldau.streams.program import Topic
from moldau.streams.watching.committed import Committed
from moldau.streams.watching.question import Refused
from moldau.streams.watching.readable import Readable, Versions, Waiting, Waits

_KEY = Key()


class Row(NamedTuple):
    """`name`: its key as Kafka has it, which is how it is asked for."""

    name: bytes
    key: Any
    value: Any


def names_of(text: bytes) -> list[bytes]:
    """How a key may be meant: as it stands, and JSON also as we write it."""
    names = [text]
    try:
        written = _KEY.encode(json.loads(text))
    except (ValueError, RecursionError):
        return names
    return names if written in names or text[:1] == b'"' else [*names, written]


class _Waiting:
    """What waits in a table of one task, by key; some does so no more, of which the rows tell."""

    def __init__(self, waiting: Waiting) -> None:
        self.table = waiting.table
        self._changes = waiting.changes
        self._keys: dict[bytes, Any] = {}
        self._by_key: dict[bytes, dict[bytes, list[Waits]]] = {}
        self._names: dict[bytes, set[bytes]] = {}  # of what is kept together

    def take(self, changes: Mapping[bytes, bytes | None]) -> None:
        for raw, value in changes.items():
            for name in self._names.pop(raw, ()):
                self._by_key[name].pop(raw)
                if not self._by_key[name]:
                    del self._by_key[name], self._keys[name]
            for one in () if value is None else self._changes(value):
                name = _KEY.encode(one.key)
                self._keys[name] = one.key
                self._by_key.setdefault(name, {}).setdefault(raw, []).append(one)
                self._names.setdefault(raw, set()).add(name)

    def get(self, name: bytes, watermark: int) -> tuple[Any, Versions]:
        """Its key, and what it will be."""
        parts = self._by_key.get(name, {}).values()
        waits = [one for part in parts for one in part if one.since >= watermark]
        return self._keys.get(name), {one.version[0]: one.version for one in waits}

    def names(self) -> Set[bytes]:
        return self._keys.keys()


class _Index:
    """What is committed of a table of one task, by key."""

    def __init__(self, readable: Readable) -> None:
        self._readable = readable
        self._watermark = BEFORE_ALL
        self._rows: dict[bytes, tuple[Any, dict[Any, bytes]]] = {}
        self._waiting = None if readable.waiting is None else _Waiting(readable.waiting)

    def take(self, committed: Committed) -> None:
        """What was committed meanwhile. What waits no more is among the rows, so they come last."""
        self._watermark = committed.watermark
        if self._waiting is not None:
            self._waiting.take(committed.changes(self._waiting.table))
        self._take(committed.changes(self._readable.table))

    def _take(self, changes: Mapping[bytes, bytes | None]) -> None:
        split = self._readable.split
        for raw, value in changes.items():
            key, which = split(raw)
            name = _KEY.encode(key)
            if value is not None:
                self._rows.setdefault(name, (key, {}))[1][which] = value
            elif name in self._rows:
                versions = self._rows[name][1]
                versions.pop(which, None)
                if not versions:
                    del self._rows[name]

    def get(self, name: bytes) -> Row | None:
        key, kept = self._rows.get(name, (None, {}))
        versions: Versions = {which: decode(value) for which, value in kept.items()}
        if self._waiting is not None:
            waits_for, waits = self._waiting.get(name, self._watermark)
            key, versions = waits_for if waits else key, versions | waits
        if not versions:
            return None
        value = self._readable.value(key, versions)
        return None if value is None else Row(name, key, value)

    def behind(self, after: bytes | None, limit: int) -> list[Row]:
        """The first so many whose names come behind that one."""
        found: list[Row] = []
        there = self._rows.keys() | (self._waiting.names() if self._waiting else ())
        while len(found) < limit:
            names = nsmallest(limit, (one for one in there if after is None or one > after))
            found += [row for name in names if (row := self.get(name)) is not None]
            if len(names) < limit:
                break
            after = names[-1]
        return found[:limit]


class Rows:
    """`committed`: by stage and partition, of the tasks of this process."""

    def __init__(self, committed: Mapping[tuple[str, int], Committed]) -> None:
        self._committed = committed
        self._indexes: WeakKeyDictionary[Committed, dict[str, _Index]] = WeakKeyDictionary()

    def has(self, readable: Readable, partition: int) -> bool:
        return (readable.stage.name, partition) in self._committed

    def get(
        self, readable: Readable, partitions: Iterable[int], names: Sequence[bytes]
    ) -> dict[int, Row | None]:
        """By partition, of those that are here: what it has of that key."""
        found: dict[int, Row | None] = {}
        for partition in partitions:
            index = self._index(readable, partition)
            if index is not None:
                rows = (index.get(name) for name in names)
                found[partition] = next((row for row in rows if row is not None), None)
        return found

    def behind(
        self, readable: Readable, partitions: Iterable[int], after: bytes | None, limit: int
    ) -> dict[int, list[Row]]:
        """By partition, of those that are here: the first so many behind that key."""
        indexes = {partition: self._index(readable, partition) for partition in partitions}
        return {
            partition: index.behind(after, limit)
            for partition, index in indexes.items()
            if index is not None
        }

    def _index(self, readable: Readable, partition: int) -> _Index | None:
        committed = self._committed.get((readable.stage.name, partition))
        if committed is None:
            return None
        indexes = self._indexes.setdefault(committed, {})
        index = indexes.get(readable.table)
        if index is None:
            index = indexes[readable.table] = _Index(readable)
        index.take(committed)
        return index


class GlobalRows:
    """Of a global table, which the worker's thread keeps up to date meanwhile."""

    def __init__(self, topic: Topic, tables: Mapping[str, GlobalStore]) -> None:
        """`tables`: those that are there now, by their topics. Everything raises Refused where
        this one is not."""
        self._topic = topic
        self._tables = tables

    def get(self, names: Sequence[bytes]) -> Row | None:
        for name in names:
            try:
                key = self._topic.key_format.decode(name)
            except Exception:  # no such key can be in it
                continue
            with self._there() as store, suppress(KeyError):
                return Row(name, key, store[known(key)])
        return None

    def behind(self, after: bytes | None, limit: int) -> list[Row]:
        """In the order of keys: texts, numbers and bytes as they are, others in one that is always
        the same."""
        encode = self._topic.key_format.encode
        with self._there() as store:
            try:
                rows = store.behind(after, limit)
            except (StreamsError, Refused):
                raise
            except Exception as error:
                raise Refused(400, f"after={after!r} is no key of this table: {error}") from None
        return [Row(encode(plain(key)), plain(key), row) for key, row in rows]

    @contextmanager
    def _there(self) -> Iterator[GlobalStore]:
        name = self._topic.name
        not_there = Refused(
            503, f"global table {name!r} is being read, or its worker ends: try again in a moment"
        )
        store = self._tables.get(name)
        if store is None:
            raise not_there
        try:
            yield store
        except StreamsError:
            if name not in self._tables:  # it was closed meanwhile
                raise not_there from None
            raise
