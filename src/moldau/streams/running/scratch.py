"""What a task has no room for in memory and makes anew at each start: a file of SQLite beside its
store, which nobody reads after the process has ended. So nothing of it is synced, or undone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from moldau.streams.errors import StreamsError
from moldau.streams.running.sealing import sealed, unsealed

FILE = "scratch.db"
_ASKED = 500  # names in one question
_SETTINGS = (
    "locking_mode=exclusive",
    "journal_mode=off",
    "synchronous=off",
    "cache_size=-4000",  # KB
)


class ScratchFile:
    """Is there from the first row on. Raises StreamsError where the disk does not take or give
    it: who starts again begins with another."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._path.unlink(missing_ok=True)  # of a process that was killed
        self._db: sqlite3.Connection | None = None

    def put(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        try:
            db = self._opened()
            puts = ((name, sealed(name, data)) for name, data in rows)
            db.execute("begin")
            db.executemany("insert or replace into scratch values (?, ?)", puts)
            db.execute("commit")
        except sqlite3.Error as error:
            raise self._trouble(str(error)) from None

    def take(self, names: Iterable[bytes]) -> dict[bytes, bytes]:
        if self._db is None:
            return {}
        found: dict[bytes, bytes] = {}
        left = iter(names)
        try:
            self._db.execute("begin")
            while part := list(islice(left, _ASKED)):
                found.update(self._take(self._db, part))
            self._db.execute("commit")
        except sqlite3.Error as error:
            raise self._trouble(str(error)) from None
        return found

    def _take(self, db: sqlite3.Connection, names: list[bytes]) -> dict[bytes, bytes]:
        marks = ",".join("?" * len(names))
        question = f"select name, value from scratch where name in ({marks})"
        found = {name: self._value(name, data) for name, data in db.execute(question, names)}
        db.executemany("delete from scratch where name = ?", ((name,) for name in found))
        return found

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        self._path.unlink(missing_ok=True)

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = sqlite3.connect(self._path, isolation_level=None)
            for setting in _SETTINGS:
                self._db.execute(f"pragma {setting}")
            self._db.execute(
                "create table scratch (name blob primary key, value blob not null) without rowid"
            )
        return self._db

    def _value(self, name: bytes, data: bytes) -> bytes:
        value = unsealed(name, data)
        if value is None:
            raise self._trouble("a value has a wrong checksum")
        return value

    def _trouble(self, why: str) -> StreamsError:
        return StreamsError(f"{self._path}: state cannot be kept there: {why}; start again")
