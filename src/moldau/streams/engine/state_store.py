"""Where the state of a task lies: keys and values as its changelog has them, up to a marker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol


class Stamp(NamedTuple):
    """What a store is true of: of its changelog, all up to a marker with this in it, which may lie
    behind `offset`: from there on it is read again."""

    offset: int
    marker: bytes


class Scratch(Protocol):
    """What fits into memory no more and is made anew at each start: gone with the process."""

    def put(self, rows: Iterable[tuple[bytes, bytes]]) -> None: ...

    def take(self, names: Iterable[bytes]) -> dict[bytes, bytes]:
        """Those that are there. They are not any more."""
        ...


class StateStore(Protocol):
    """`stamp` None: it holds nothing."""

    @property
    def stamp(self) -> Stamp | None: ...

    def get(self, key: bytes) -> bytes | None: ...

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Those that are there."""
        ...

    def items(self, prefix: bytes, begin: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Those whose key begins so, in the order of keys, from `begin` on. It may be written to
        meanwhile."""
        ...

    def write(self, changes: Mapping[bytes, bytes | None], stamp: Stamp) -> None:
        """A checkpoint that is committed: all of it is there after a crash, or nothing of it."""
        ...

    def scratch(self) -> Scratch:
        """An empty one. What an earlier one held is gone."""
        ...


class InMemory:
    """Gone with the process."""

    def __init__(self) -> None:
        self.stamp: Stamp | None = None
        self._kept: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self._kept.get(key)

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        return {key: self._kept[key] for key in keys if key in self._kept}

    def items(self, prefix: bytes, begin: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        there = self._kept.items()
        return iter(sorted(one for one in there if one[0].startswith(prefix) and one[0] >= begin))

    def write(self, changes: Mapping[bytes, bytes | None], stamp: Stamp) -> None:
        for key, value in changes.items():
            if value is None:
                self._kept.pop(key, None)
            else:
                self._kept[key] = value
        self.stamp = stamp

    def scratch(self) -> Scratch:
        return ScratchInMemory()


class ScratchInMemory:
    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}

    def put(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        self._rows.update(rows)

    def take(self, names: Iterable[bytes]) -> dict[bytes, bytes]:
        return {name: self._rows.pop(name) for name in names if name in self._rows}
