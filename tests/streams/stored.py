"""State on disk, over restarts."""

from __future__ import annotations

from pathlib import Path

from moldau.streams.engine.coding import encode
from moldau.streams.engine.state import MARKER, State
from moldau.streams.running.local_store import LocalStore

_MARK = encode({"watermark": 0})


_open: list[LocalStore] = []


def store_of(folder: Path) -> LocalStore:
    """The state there, until the test ends."""
    store = LocalStore(folder, "topic")
    _open.append(store)
    return store


def close_all() -> None:
    """By the thread that opened them; a collector that finds one may run in any, in any test."""
    while _open:
        _open.pop().close()


class Stored:
    """`state`: what was committed, at each beginning."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offset = 0
        self._store: LocalStore | None = None
        self.begin()

    def end(self) -> None:
        if self._store is not None:
            self._store.close()

    def begin(self) -> None:
        self.end()
        self._store = LocalStore(self._folder, "topic")
        self.state = State(self._store)

    def commit(self) -> None:
        self._offset += 1
        self.state.committed([*self.state.save(), (MARKER, _MARK)], self._offset)
