"""The state of one task on disk, in SQLite (docs/decisions/0009-state-store.md).

The changelog is the truth: this may be behind it, so committed checkpoints are gathered here and
written some at a time. Stamp and data change in one transaction of SQLite, which kill -9 and a loss
of power leave whole: the write-ahead log is synced before it is copied into the database.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moldau.streams.engine.state_store import Stamp
from moldau.streams.errors import StreamsError, Trouble
from moldau.streams.running.file_sum import taken_sum, write_sum
from moldau.streams.running.scratch import ScratchFile
from moldau.streams.running.sealing import SEAL_WIDTH, sealed, unsealed
from moldau.streams.running.wall_clock import now_ms

FORMAT = 2
FILE = "state.db"
GATHERED = 100_000
GATHERED_BYTES = 8 << 20
GATHERED_S = 5.0
_STEP = 1000  # rows that a scan takes at a time
_FIRST_STEP = 16  # at first: some want but one
_ASKED = 500  # keys in one question
LOOKED_THROUGH = 32 << 20  # bytes, when nothing says that they are what was written: a second
_SETTINGS = (
    "locking_mode=exclusive",  # the folder's lock is ours: no shared memory beside the log
    "journal_mode=wal",
    "synchronous=normal",
    "cache_size=-4000",  # KB
    "wal_autocheckpoint=4000",  # pages
)
_SCHEMA = """
create table if not exists state (key blob primary key, value blob not null) without rowid;
create table if not exists stamp (
    id integer primary key check (id = 0), format integer, changelog blob, position integer,
    marker blob, written_ms integer
);
"""


class DamagedError(Trouble):
    """The store cannot be read: throw it away, the changelog has it all."""


class LocalStore:
    """`stamp` is that of what was written, gathered or not. Everything but the end of a process
    raises DamagedError where the file is not what was written, Trouble where the disk does not take
    it: no record's fault, also where a function of the user's looks into it."""

    def __init__(self, folder: Path, changelog: str, *, is_shared: bool = False) -> None:
        """`changelog`: its topic's id. What is there of another is thrown away. `is_shared`: by
        threads, one at a time."""
        self.folder = folder
        self._is_shared = is_shared
        self.stamp: Stamp | None = None
        self.written_ms = 0  # when it was true, at last, in ms since 1970
        self._changelog = changelog.encode()
        self._gathered: dict[bytes, bytes | None] = {}
        self._bytes = 0
        self._due: float | None = None
        self._is_damaged = False
        self._scratch: ScratchFile | None = None
        self._open()

    # --- reading ----------------------------------------------------------------------------

    def get(self, key: bytes) -> bytes | None:
        if key in self._gathered:
            return self._gathered[key]
        rows = self._rows("select key, value from state where key = ?", (key,))
        return self._value(*rows[0]) if rows else None

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Those that are there."""
        gathered, found = self._gathered, {}
        asked = []
        for key in keys:
            if key not in gathered:
                asked.append(key)
            elif (value := gathered[key]) is not None:
                found[key] = value
        for at in range(0, len(asked), _ASKED):
            part = asked[at : at + _ASKED]
            marks = ",".join("?" * len(part))
            rows = self._rows(f"select key, value from state where key in ({marks})", part)
            found.update((key, self._value(key, data)) for key, data in rows)
        return found

    def items(self, prefix: bytes, begin: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Those whose key begins so, in the order of keys, from `begin` on. It may be written to
        meanwhile."""
        self.flush()
        end, step = _behind(prefix), _FIRST_STEP
        question = "select key, value from state where key {} ? and key < ? order by key limit ?"
        rows = self._rows(question.format(">="), (max(prefix, begin), end, step))
        while rows:
            for key, data in rows:
                yield key, self._value(key, data)
            step = min(step * 4, _STEP)
            rows = self._rows(question.format(">"), (rows[-1][0], end, step))

    # --- writing ----------------------------------------------------------------------------

    def write(self, changes: Mapping[bytes, bytes | None], stamp: Stamp) -> None:
        """A checkpoint that is committed."""
        self._gathered.update(changes)
        self._bytes += sum(len(value) for value in changes.values() if value is not None)
        self.stamp = stamp
        if self._due is None:
            self._due = time.monotonic() + GATHERED_S
        if len(self._gathered) > GATHERED or self._bytes > GATHERED_BYTES:
            self.flush()
        else:
            self.flush_due()

    def flush_due(self) -> None:
        """When it has gathered for long enough."""
        if self._due is not None and time.monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        if self._due is None or self.stamp is None:
            return
        gathered = self._gathered
        keys = sorted(gathered)  # neighbours are on one page
        gone = [(key,) for key in keys if gathered[key] is None]
        puts = ((key, sealed(key, value)) for key in keys if (value := gathered[key]) is not None)
        row = _stamp_row(self._changelog, self.stamp, now_ms())
        try:
            self._db.execute("begin immediate")
            self._db.executemany("insert or replace into state values (?, ?)", puts)
            self._db.executemany("delete from state where key = ?", gone)
            self._db.execute("insert or replace into stamp values (?, ?, ?, ?, ?, ?)", row)
            self._db.execute("commit")
        except sqlite3.Error as error:
            raise self._trouble(error) from None
        self._gathered, self._bytes, self._due = {}, 0, None

    def close(self) -> None:
        """What was gathered is written. A damaged one is removed."""
        is_whole = False
        try:
            if not self._is_damaged:
                self.flush()
                is_whole = True
        finally:
            self._db.close()
            with kept_in(self.folder):
                self._drop_scratch()
                if self._is_damaged:
                    remove_files(self.folder)
                elif is_whole and (self.folder / FILE).exists():
                    write_sum(self.folder / FILE)

    def scratch(self) -> ScratchFile:
        self._drop_scratch()
        self._scratch = ScratchFile(self.folder)
        return self._scratch

    def _drop_scratch(self) -> None:
        if self._scratch is not None:
            self._scratch.close()

    # --- the file ---------------------------------------------------------------------------

    def clear(self) -> None:
        """It holds nothing, as at first."""
        self._db.close()
        self._gathered, self._bytes, self._due, self.stamp = {}, 0, None, None
        remove_files(self.folder)
        self._is_damaged = False
        self._open()

    def _open(self) -> None:
        path = self.folder / FILE
        with kept_in(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            is_known = taken_sum(path) if path.exists() else True
            if is_known is False:
                raise self._damaged("it is not what was written")
            self._db = sqlite3.connect(
                path, isolation_level=None, check_same_thread=not self._is_shared
            )
            self._db.text_factory = bytes  # which a changed byte may make of a value
        try:
            for setting in _SETTINGS:
                self._db.execute(f"pragma {setting}")
            self._db.executescript(_SCHEMA)
            rows = self._db.execute("select * from stamp").fetchall()
            if is_known is None:
                self._look_through(path)
        except sqlite3.Error as error:
            self._db.close()
            raise self._trouble(error) from None
        for row in rows:
            if row[:3] != (0, FORMAT, self._changelog):
                self.clear()
                return
            self._begin(*row[3:])

    def _begin(self, offset: Any, data: Any, written_ms: Any) -> None:
        marker = data[SEAL_WIDTH:] if isinstance(data, bytes) else b""
        stamp = Stamp(offset, marker)
        if _stamp_row(self._changelog, stamp, written_ms)[4] != data:
            self._db.close()
            raise self._damaged("its stamp has a wrong checksum")
        self.stamp, self.written_ms = stamp, written_ms

    def _look_through(self, path: Path) -> None:
        """Its process was killed."""
        if path.stat().st_size <= LOOKED_THROUGH:
            (found,) = self._db.execute("pragma integrity_check(1)").fetchone()
            rows = self._db.execute("select key, value from state")
            if found == b"ok" and any(unsealed(*row) is None for row in rows):
                found = b"a value has a wrong checksum"
            if found != b"ok":
                self._db.close()
                raise self._damaged(found.decode(errors="replace"))

    def _rows(self, question: str, values: Iterable[object]) -> list[tuple[bytes, bytes]]:
        try:
            return self._db.execute(question, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise self._trouble(error) from None

    def _trouble(self, error: sqlite3.Error) -> Trouble:
        """OperationalError is what the disk does: it is full, it cannot be written."""
        if isinstance(error, sqlite3.OperationalError):
            return Trouble(f"{self.folder}: state cannot be kept: {error}")
        return self._damaged(str(error))

    def _damaged(self, why: str) -> DamagedError:
        self._is_damaged = True
        return DamagedError(f"{self.folder}: the state there is damaged: {why}")

    def _value(self, key: bytes, data: bytes) -> bytes:
        value = unsealed(key, data)
        if value is None:
            raise self._damaged("a value has a wrong checksum")
        return value


def opened(
    folder: Path,
    changelog: str,
    say: Callable[[DamagedError], None],
    *,
    is_shared: bool = False,
) -> LocalStore:
    """As a LocalStore; a damaged one is thrown away, and said."""
    try:
        return LocalStore(folder, changelog, is_shared=is_shared)
    except DamagedError as error:
        say(error)
        remove_files(folder)
        return LocalStore(folder, changelog, is_shared=is_shared)


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Raises StreamsError where the disk does not do as it is told."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StreamsError(
            f"{folder}: state cannot be kept there: {why}; name another folder in App(state_dir=…)"
        ) from None


def remove_files(folder: Path) -> None:
    for path in folder.glob(f"{FILE}*"):
        path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _stamp_row(changelog: bytes, stamp: Stamp, written_ms: int) -> tuple[Any, ...]:
    name = f"{stamp.offset} {written_ms}".encode()
    return 0, FORMAT, changelog, stamp.offset, sealed(name, stamp.marker), written_ms


def _behind(prefix: bytes) -> bytes:
    """The first that comes behind all that begin so."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1])
