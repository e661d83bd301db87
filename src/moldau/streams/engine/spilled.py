"""Rows by key that are made anew at each start, of which those used lately are in memory: there may
be more than fit. The others lie in the task's scratch (`state_store.py`).

Two generations, as in `cached.py`; but nothing waits for a checkpoint, and as long as all of them
fit nothing is written. A row is in memory or in the scratch, not in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from moldau.streams.engine.row_size import PartSize, RowSize
from moldau.streams.engine.state import Cache, State
from moldau.streams.engine.window_names import of_key

MOST_AT_START = 16 << 20  # bytes, of what is made at the start: nobody knows the bound then


def fit(caches: Iterable[Cache]) -> None:
    """To be called now and then while they are made."""
    for one in caches:
        if one.used > MOST_AT_START:
            one.shrink()


class Spilled(dict[Any, Any]):
    """A row is a collection of parts. Whoever looks for one, adds one or takes one away fetches it
    first, and says in `total` how many parts there are of all rows, wherever they are."""

    def __init__(
        self,
        state: State,
        name: str,
        encode: Callable[[Any], bytes],
        decode: Callable[[Any, bytes], Any],
    ) -> None:
        """`decode` takes the key too. `name`: no other's of this state."""
        super().__init__()
        self.total = 0
        self._prefix = name.encode() + b"\0"
        self._scratch = state.scratch
        self._encode = encode
        self._decode = decode
        self._old: dict[Any, Any] = {}
        self._old_parts = self._away_parts = 0
        self._size = PartSize()

    @property
    def is_whole(self) -> bool:
        """There is nothing to be fetched."""
        return not self._old and not self._away_parts

    def fetch(self, keys: Iterable[Any]) -> None:
        """Those of a batch."""
        old = self._old
        if not old and not self._away_parts:
            return
        asked = {}
        for key in set(keys):
            if key in self:
                continue
            if key in old:
                row = self[key] = old.pop(key)
                self._old_parts -= len(row)
            elif self._away_parts:
                asked[self._name(key)] = key
        for name, data in self._scratch.take(asked).items():
            key = asked[name]
            row = self[key] = self._decode(key, data)
            self._away_parts -= len(row)

    def _name(self, key: Any) -> bytes:
        return self._prefix + of_key(key)

    # --- memory -----------------------------------------------------------------------------

    @property
    def used(self) -> int:
        """Bytes, about."""
        return (self.total - self._away_parts) * self._each()

    @property
    def young(self) -> int:
        return (self.total - self._away_parts - self._old_parts) * self._each()

    def _each(self) -> int:
        rows = chain(self.items(), self._old.items())
        return self._size.each(self.total - self._away_parts, rows)

    def shrink(self) -> None:
        """What is young becomes old, and what was old goes to the scratch."""
        young_parts = self.total - self._away_parts - self._old_parts
        self._away_parts += self._old_parts
        if self._old:
            encode, name = self._encode, self._name
            self._scratch.put((name(key), encode(row)) for key, row in self._old.items())
        self._old, self._old_parts = dict(self), young_parts
        self.clear()


class Unsaved(dict[Any, Any]):
    """What the next checkpoint is to have. It counts as memory that only a checkpoint frees."""

    def __init__(self) -> None:
        super().__init__()
        self._size = RowSize()

    def all(self) -> list[tuple[Any, Any]]:
        """They are saved with that."""
        rows = list(self.items())
        self.clear()
        return rows

    @property
    def used(self) -> int:
        return self._size.of(len(self), self.items())

    @property
    def young(self) -> int:
        return self.used

    def shrink(self) -> None:
        """Nothing of it can go."""
