"""State of a task: tables of steps, kept in its changelog, checkpoint by checkpoint.

A step holds its state as it likes and tells its table, at a checkpoint, what has changed. The
changelog of a task ends each checkpoint with a marker that holds where its sources were; what lies
behind the last marker was never checkpointed and is cut off when the state is restored (promise 8).
The first checkpoint has a record that stays (BEGUN), so that a changelog whose beginning is gone is
not taken for whole; those of earlier versions get it with their next checkpoint.

A store (`state_store.py`) has what the changelog has up to one of its markers, so that only what
lies behind that has to be read at the next start. Nothing gets into it before it is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Protocol

from moldau.streams.clock import BEFORE_ALL
from moldau.streams.engine.coding import decode, encode
from moldau.streams.engine.keys import typed_in
from moldau.streams.engine.state_store import InMemory, Scratch, Stamp, StateStore

MARKER = b"\0checkpoint"
BEGUN = b"\0begun"
AT_ONCE = 10_000  # rows that are read at the start: most tables have fewer
_SEPARATOR = b"\0"


class Cache(Protocol):
    """The rows of a table that are in memory (`state_memory.py`)."""

    @property
    def used(self) -> int:
        """Bytes, about."""
        ...

    @property
    def young(self) -> int:
        """Bytes of what was used since it shrank last."""
        ...

    def shrink(self) -> None:
        """Lets go of what was not; never of what has changed and is not committed yet."""
        ...


class Pace(Protocol):
    """Of a step that may have much to do when time goes on."""

    def stop(self, watermark: int) -> int:
        """How far time may go at once on its way there."""
        ...


class Table:
    """The state of one step: keys and values of plain types, exact numbers and times."""

    # What a row is called by its key, and back.
    encode_key: Callable[[Any], bytes] = staticmethod(encode)
    decode_key: Callable[[bytes], Any] = staticmethod(typed_in)

    def __init__(self, name: str, store: StateStore | None = None) -> None:
        self.name = name
        self.checkpoint = 0  # the number of the one that is being gathered
        self.watermark = BEFORE_ALL  # of the task, at the marker that it was restored to
        self.saver: Callable[[], list[tuple[Any, Any]]] = list
        self.cache: Cache | None = None
        self.pace: Pace | None = None
        self._dropped: dict[bytes, None] = {}  # by their whole names
        self._prefix = name.encode() + _SEPARATOR
        self._store = InMemory() if store is None else store

    def load(self) -> Iterator[tuple[Any, Any]]:
        """All that is committed of it."""
        return ((self.decode_key(name), decode(value)) for name, value in self.scan())

    def load_if_few(self) -> list[tuple[Any, Any]] | None:
        """All of it; None: there is much."""
        rows = list(islice(self.load(), AT_ONCE + 1))
        return rows if len(rows) <= AT_ONCE else None

    def stored_keys(self) -> Iterator[Any]:
        return (self.decode_key(name) for name, _ in self.scan())

    def scan(self, within: bytes = b"", begin: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """What is committed, by name, in the order of names: those that begin with `within`, from
        `begin` on. It may be written to meanwhile."""
        prefix = self._prefix
        at = len(prefix)
        for name, value in self._store.items(prefix + within, prefix + begin):
            yield name[at:], value

    def get(self, key: Any) -> Any:
        """What is committed of it; None: nothing."""
        value = self._store.get(self._prefix + self.encode_key(key))
        return None if value is None else decode(value)

    def get_many(self, keys: Iterable[Any]) -> dict[Any, Any]:
        """Those that are there."""
        asked = {self._prefix + self.encode_key(key): key for key in keys}
        found = self._store.get_many(asked)
        return {asked[name]: decode(value) for name, value in found.items()}

    def drop(self, keys: Iterable[Any]) -> None:
        self.drop_names(map(self.encode_key, keys))

    def drop_names(self, names: Iterable[bytes]) -> None:
        prefix = self._prefix
        self._dropped.update((prefix + name, None) for name in names)

    def save(self) -> list[tuple[bytes, bytes | None]]:
        """The changes of this checkpoint, as they go to the changelog. None: it is deleted."""
        prefix, encode_key = self._prefix, self.encode_key
        changes: dict[bytes, bytes | None] = {**self._dropped}
        self._dropped = {}
        for key, value in self.saver():
            changes[prefix + encode_key(key)] = None if value is None else encode(value)
        self.checkpoint += 1
        return list(changes.items())


class State:
    """All tables of a task."""

    def __init__(self, store: StateStore | None = None) -> None:
        self.store = InMemory() if store is None else store
        self._tables: dict[str, Table] = {}
        self._scratch: Scratch | None = None
        # Of steps that make what they hold from their tables at each start: it may be let go of at
        # any time.
        self.spilled: list[Cache] = []
        self.paces: list[Pace] = []
        self._behind: dict[bytes, bytes | None] = {}  # the last marker
        self._repairs: dict[bytes, bytes | None] = {}
        self.watermark = BEFORE_ALL  # of the task, at the marker that it was restored to
        self.is_committed = True  # all that was saved
        # False: the beginning of the changelog is gone, as when a topic was deleted and a producer
        # made it anew.
        self.is_whole = True
        self._has_begun = False
        # Of steps that do something more when what they have saved is true.
        self.on_commit: list[Callable[[], None]] = []

    def table(self, name: str) -> Table:
        table = self._tables.get(name)
        if table is None:
            table = self._tables[name] = Table(name, self.store)
            table.watermark = self.watermark
        return table

    # --- restoring --------------------------------------------------------------------------

    def take(self, records: Iterable[tuple[int, bytes, bytes | None]]) -> None:
        """The changelog's, in order, from where the store is true of: offset, key and value."""
        for offset, key, value in records:
            if key == MARKER:
                self.store.write(self._behind, Stamp(offset + 1, value or b""))
                self._behind = {}
            else:
                self._behind[key] = value

    def begin(self) -> Any:
        """There is nothing more in the changelog. What the last marker holds, or None.

        What was cut off stays in the changelog, and the next marker would stand for it too: so the
        next checkpoint begins with what it was before."""
        self._repairs = {key: self.store.get(key) for key in self._behind}
        self._behind = {}
        if self.store.stamp is None:
            return None
        restored = decode(self.store.stamp.marker)
        self._has_begun = self.store.get(BEGUN) is not None
        self.is_whole = self._has_begun or not restored.get("begun")
        self.watermark = restored["watermark"]
        for table in self._tables.values():
            table.watermark = self.watermark
        return restored

    def restore(self, records: Iterable[tuple[bytes, bytes | None]]) -> Any:
        """From a whole changelog. What the last marker holds, or None."""
        self.take((offset, key, value) for offset, (key, value) in enumerate(records))
        return self.begin()

    # --- checkpoints ------------------------------------------------------------------------

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """All that is committed, as it is in the changelog; once the tables are known."""
        for name in self._tables:
            yield from self.store.items(name.encode() + _SEPARATOR)

    def save(self) -> list[tuple[bytes, bytes | None]]:
        repairs, self._repairs = self._repairs, {}
        changes = (change for table in self._tables.values() for change in table.save())
        saved = list({**repairs, **dict(changes)}.items())
        if saved:
            self.is_committed = False
        return saved

    def beginning(self) -> list[tuple[bytes, bytes | None]]:
        """What the first checkpoint has before its marker."""
        if self._has_begun:
            return []
        self._has_begun = True
        return [(BEGUN, b"")]

    def committed(self, changes: Iterable[tuple[bytes, bytes | None]], end: int) -> None:
        """These changes are true now, the marker behind them too. `end`: from there on the
        changelog is read at the next start; it may lie before them."""
        there = dict(changes)
        marker = there.pop(MARKER)
        self.is_committed = True
        self.store.write(there, Stamp(end, marker or b""))
        for act in self.on_commit:
            act()

    def stop(self, watermark: int) -> int:
        """How far time may go at once on its way there."""
        paces = [one.pace for one in self._tables.values() if one.pace is not None]
        return min((one.stop(watermark) for one in (*paces, *self.paces)), default=watermark)

    @property
    def caches(self) -> list[Cache]:
        of_tables = [one.cache for one in self._tables.values() if one.cache is not None]
        return [*of_tables, *self.spilled]

    @property
    def scratch(self) -> Scratch:
        """For what its steps spill."""
        if self._scratch is None:
            self._scratch = self.store.scratch()
        return self._scratch
