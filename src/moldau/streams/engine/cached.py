"""Rows of a table by key, of which those used lately are in memory: there may be more than fit.

Two generations: what is used comes into the young one, and when memory is short the young one
becomes the old, and the old one goes. So nothing is done for a row that is in memory but what a
dict does, and no order of use has to be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from moldau.streams.engine.row_size import RowSize
from moldau.streams.engine.state import Table

_GONE: Any = object()


def _same(value: Any) -> Any:
    return value


class Cached(dict[Any, Any]):
    """`rows[key]` is the row, or None. Whoever changes one, in place or by `rows[key] = …` (None:
    it is deleted), puts the key into `changed`."""

    def __init__(
        self,
        table: Table,
        encode: Callable[[Any], Any] = _same,
        decode: Callable[[Any], Any] = _same,
    ) -> None:
        """To what a table keeps (plain types), and back."""
        super().__init__()
        self.changed: dict[Any, None] = {}
        self._old: dict[Any, Any] = {}
        self._table = table
        self._encode = encode
        self._decode = decode
        self._size = RowSize()
        rows = table.load_if_few()
        self._is_whole = rows is not None  # there is nothing that is not in memory
        self.update((key, decode(value)) for key, value in rows or ())
        table.saver = self._save
        table.cache = self

    def __missing__(self, key: Any) -> Any:
        row = self._old.pop(key, _GONE)
        if row is _GONE:
            if self._is_whole:
                return None
            value = self._table.get(key)
            row = None if value is None else self._decode(value)
        self[key] = row
        return row

    def fetch(self, keys: Iterable[Any]) -> None:
        """Those of a batch, which costs less than one by one."""
        if self._is_whole:
            return
        old = self._old  # `difference` would look through all of these instead
        asked = [key for key in set(keys) if key not in self and key not in old]
        if asked:
            found = self._table.get_many(asked)
            decode = self._decode
            self.update((key, decode(found[key]) if key in found else None) for key in asked)

    def put(self, key: Any, row: Any) -> None:
        self[key] = row
        self.changed[key] = None

    def all_keys(self) -> Iterator[Any]:
        """Also of those that are not in memory. They may be changed meanwhile; which of those that
        come are told of is not said."""
        there = {**self._old, **self}
        for key in there:
            if self[key] is not None:
                yield key
        if self._is_whole:
            return
        for key in self._table.stored_keys():
            if key not in there and self.get(key, _GONE) is not None:
                yield key

    def _save(self) -> list[tuple[Any, Any]]:
        changed, self.changed = self.changed, {}
        encode = self._encode
        rows = ((key, self[key]) for key in changed)
        return [(key, None if row is None else encode(row)) for key, row in rows]

    # --- memory -----------------------------------------------------------------------------

    @property
    def used(self) -> int:
        """Bytes, about."""
        return (len(self) + len(self._old)) * self._each()

    @property
    def young(self) -> int:
        """Bytes of the young generation."""
        return len(self) * self._each()

    def _each(self) -> int:
        count = len(self) + len(self._old)
        return self._size.each(count, chain(self.items(), self._old.items()))

    def shrink(self) -> None:
        """What is young becomes old, and what was old goes; but not what has changed and is not
        committed yet."""
        old, young = self._old, dict(self)
        self.clear()
        for key in self.changed:
            row = young.pop(key, _GONE)
            self[key] = old.pop(key) if row is _GONE else row
        if old:
            self._is_whole = False
        self._old = young
