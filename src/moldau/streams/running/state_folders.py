"""Where the state of tasks lies on this machine: STATE_DIR/APP/STAGE-PARTITION, each of one process
at a time.

The lock is flock's, so it goes with its process. Nobody waits for one for long: whoever has it may
be stuck, and its partition is ours already; a folder beside it (STAGE-PARTITION.2) does as well.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from moldau.protocol.user_folder import user_data_folder
from moldau.streams.app import App
from moldau.streams.errors import StreamsError
from moldau.streams.running.local_store import kept_in, remove_folder

LOCK = "lock"
WANTED = "wanted"
TO_LET_GO_S = 5.0
MOST = 100


class TaskFolder:
    """Ours until `release`, or until this process ends."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @property
    def is_wanted(self) -> bool:
        """Has another process of this machine asked for it since?"""
        return (self.path / WANTED).exists()

    def release(self) -> None:
        os.close(self._lock)


class StateFolders:
    def __init__(self, app: App, within: str = "") -> None:
        self.root = folder_of(app) / within

    def taken(self, stage: str, partition: int, *, is_asked_for: bool = False) -> TaskFolder | None:
        """None: another process has it, and is asked for it. Raises StreamsError."""
        path = self.root / f"{_name(stage)}-{partition}"
        with kept_in(path):
            found = _locked(path)
            if found is not None:
                (path / WANTED).unlink(missing_ok=True)
            elif is_asked_for:
                with suppress(FileNotFoundError):  # somebody removes the folder meanwhile
                    (path / WANTED).touch()
        return found

    def another(self, stage: str, partition: int) -> TaskFolder:
        """Beside it. Raises StreamsError."""
        for number in range(2, MOST):
            path = self.root / f"{_name(stage)}-{partition}.{number}"
            with kept_in(path):
                found = _locked(path)
            if found is not None:
                return found
        raise StreamsError(f"{self.root}: {MOST} processes hold the state of {stage} {partition}")

    def at_once(self, stage: str, partition: int) -> TaskFolder:
        """That, or where another process has it, one beside it. Raises StreamsError."""
        found = self.taken(stage, partition)
        if found is None:
            return self.another(stage, partition)
        self.tidy(stage, partition)
        return found

    def tidy(self, stage: str, partition: int) -> None:
        """Removes those beside it that nobody has."""
        for path in self.root.glob(f"{_name(stage)}-{partition}.*"):
            with kept_in(path):
                found = _locked(path)
            if found is not None:
                remove_folder(path)
                found.release()


class Wanted:
    """The folder of a task that is to be ours: asked for until it is, or one beside it."""

    def __init__(self, folders: StateFolders, stage: str, partition: int) -> None:
        self._folders = folders
        self._task = (stage, partition)
        self._until = time.monotonic() + TO_LET_GO_S

    def get(self) -> TaskFolder | None:
        """None: not yet."""
        found = self._folders.taken(*self._task, is_asked_for=True)
        if found is not None:
            self._folders.tidy(*self._task)
        elif time.monotonic() > self._until:
            found = self._folders.another(*self._task)
        return found


def folder_of(app: App) -> Path:
    """Of all tasks of the program."""
    root = app.state_dir or user_data_folder(
        os.environ, os.path.expanduser("~"), sys.platform, "moldau-streams"
    )
    return Path(root) / _name(app.id)


def remove_all(app: App) -> bool:
    """Forgets what this machine keeps of the program. False: there was nothing."""
    root = folder_of(app)
    if not root.exists():
        return False
    remove_folder(root)
    return True


def _locked(path: Path) -> TaskFolder | None:
    for lock in _opened(path / LOCK):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        if _is_there(path / LOCK, lock):
            return TaskFolder(path, lock)
        os.close(lock)  # it was removed meanwhile
    return None


def _opened(path: Path) -> Iterator[int]:
    """A few times, until it is one that is not being removed."""
    for _ in range(10):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue


def _is_there(path: Path, lock: int) -> bool:
    try:
        return os.stat(path).st_ino == os.fstat(lock).st_ino
    except FileNotFoundError:
        return False


def _name(text: str) -> str:
    """A dot is what comes before a number, in the name of a folder beside another."""
    return quote(text, safe=" ").replace(".", "%2E")
