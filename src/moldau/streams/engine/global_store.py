"""A topic that every worker has all of, as it is now.

Its rows lie in a store as those of a step do (`state.py`); those used lately are in memory too.
What is read at once is a checkpoint: the rows, and how far each partition is read with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any

from moldau.streams.engine.cached import Cached
from moldau.streams.engine.coding import decode, encode
from moldau.streams.engine.here import Get
from moldau.streams.engine.keys import typed
from moldau.streams.engine.state import MARKER, State, Table
from moldau.streams.engine.state_store import StateStore
from moldau.streams.engine.window_names import key_in, of_key
from moldau.streams.errors import StreamsError, Trouble
from moldau.streams.program import Topic

Lock = AbstractContextManager[Any]
Span = tuple[int, int]
"""Of a partition: where it began when it was first read, and up to where it is read."""

_STEP = 1000  # rows that are read of the store at a time


class Unreadable(Trouble):
    """A row that is not what its topic is declared to hold."""


class GlobalStore(Mapping[Any, Any]):
    """By key (`keys.py`). A record without a key is left out; one without a value deletes.
    Everything that reads raises Unreadable where a row cannot be read."""

    def __init__(
        self, topic: Topic, store: StateStore | None = None, lock: Lock | None = None
    ) -> None:
        """`lock`: where several threads look into it; who has it may take it again."""
        self._topic = topic
        self._lock = nullcontext() if lock is None else lock
        self.state = State(store)
        self._table = self.state.table("rows")
        self._table.encode_key, self._table.decode_key = of_key, key_in
        rows = _Rows(self._table, self._read, self._lock)
        self._table.saver = self._save
        self._unsaved: dict[Any, bytes | None] = {}
        self._rows = rows
        self.lookup: Get = rows.__getitem__

    def put(
        self,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        spans: Mapping[int, Span] | None = None,
    ) -> None:
        """Records in order. `spans`: of all partitions, with these records."""
        pairs = zip(keys, values, strict=True)
        put = {self._key_of(key): value for key, value in pairs if key is not None}
        read = self._read
        rows = {key: None if value is None else read(value) for key, value in put.items()}
        with self._lock:
            self._unsaved = put
            self._rows.update(rows)
            self.state.committed([*self.state.save(), (MARKER, encode(dict(spans or {})))], 0)

    def _save(self) -> list[tuple[Any, bytes | None]]:
        put, self._unsaved = self._unsaved, {}
        return list(put.items())

    @property
    def spans(self) -> dict[int, Span]:
        """By partition, as of what was put last."""
        stamp = self.state.store.stamp
        return {} if stamp is None else decode(stamp.marker)

    # --- reading ----------------------------------------------------------------------------

    def fetch(self, keys: Iterable[Any]) -> None:
        """Those of a batch, which costs less than one by one."""
        with self._lock:
            try:
                self._rows.fetch(keys)
            except StreamsError:
                raise
            except Exception:  # one of them can be no key: they are looked up one by one
                return

    def __getitem__(self, key: Any) -> Any:
        row = self.lookup(key)
        if row is None:  # a row may be None
            with self._lock:  # it may have come since
                row = self.lookup(key)
                if row is None and self._table.get(key) is None:
                    raise KeyError(key)
        return row

    def __iter__(self) -> Iterator[Any]:
        page = self._page(b"")
        while page:
            yield from (key_in(name) for name, _ in page)
            page = self._page(page[-1][0] + b"\0")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def behind(self, after: bytes | None, most: int) -> list[tuple[Any, Any]]:
        """The first so many in the order of keys, from behind that one on, which is as Kafka has
        it. Raises any exception where it can be no key."""
        begin = b""
        if after is not None:
            begin = of_key(known(self._topic.key_format.decode(after))) + b"\0"
        return [(key_in(name), self._read(data)) for name, data in self._page(begin, most)]

    def _page(self, begin: bytes, most: int = _STEP) -> list[tuple[bytes, bytes]]:
        with self._lock:
            rows = islice(self._table.scan(begin=begin), most)
            return [(name, decode(data)) for name, data in rows]

    def _read(self, data: bytes) -> Any:
        try:
            return self._topic.format.decode(data)
        except Exception as error:
            raise self._unreadable("a row of it", error) from error

    def _key_of(self, data: bytes) -> Any:
        try:
            return known(self._topic.key_format.decode(data))
        except Exception as error:
            raise self._unreadable(f"the key {data!r} of a row of it", error) from error

    def _unreadable(self, what: str, error: Exception) -> Unreadable:
        return Unreadable(
            f"global table {self._topic.name!r}: {what} cannot be read: {error}; give its type "
            f"what such rows lack, as by defaults, or write those rows anew"
        )


class _Rows(Cached):
    """For several threads: those in memory are found without the lock."""

    def __init__(self, table: Table, decode: Callable[[bytes], Any], lock: Lock) -> None:
        self._lock = lock
        super().__init__(table, decode=decode)

    def __missing__(self, key: Any) -> Any:
        with self._lock:
            if key in self:  # another thread was here first
                return self[key]
            try:
                return super().__missing__(key)
            except StreamsError:
                raise
            except Exception:  # what it is has no name: it can be no key
                return None

    @property
    def used(self) -> int:
        with self._lock:
            return super().used

    @property
    def young(self) -> int:
        with self._lock:
            return super().young

    def shrink(self) -> None:
        with self._lock:
            super().shrink()


def known(key: Any) -> Any:
    """As in state; and what can be no key there, as frozen structs, as it is."""
    try:
        return typed(key)
    except Exception:
        return key
