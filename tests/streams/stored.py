"""State on disk, over restarts."""

from __future__ import annotations

from pathlib import Path
from weakref import finalize

from moldau.streams.engine.coding import encode
from moldau.streams.engine.state import MARKER, State
from moldau.streams.running.local_store import LocalStore

_MARK = encode({"watermark": 0})


def store_of(owner: object, folder: Path) -> LocalStore:
    """The state there, closed when its owner is gone, by whichever thread finds that: where CPython
    3.13 finds a database that was left open, it says so in whichever test runs then."""
    store = LocalStore(folder, "topic", is_shared=True)
    finalize(owner, store.close)
    return store


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
