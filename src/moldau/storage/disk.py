"""The disk, as the log sees it. `server.disk` is the real one, `sim.disk` one with faults.

Files are handles: a file that was renamed or removed stays readable through the handles that are
open, which is what lets retention remove a segment while it is being sent.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

Buffer = bytes | bytearray | memoryview


class DiskError(OSError):
    """The disk refused. `filename` names the path, `strerror` says why."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


class DiskFull(DiskError):
    """There is no room on the disk (or no quota left). Reads still work."""


def disk_error(error: OSError, path: str) -> DiskError:
    """The typed error of an operating system's error on this path."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return (DiskFull if full else DiskError)(error.errno, error.strerror or str(error), path)


class Entry(NamedTuple):
    """A name in a directory."""

    name: str
    size: int
    is_directory: bool
    modified_ms: int


class File(Protocol):
    """An open file. Every method raises DiskError."""

    @property
    def path(self) -> str: ...

    def append(self, buffers: Sequence[Buffer], position: int) -> None:
        """Writes all of the buffers at `position`, the end as the caller knows it.

        When it raises, a part may have been written beyond that position.
        """

    def pread(self, length: int, position: int) -> bytes:
        """Up to `length` bytes; fewer only at the end of the file."""

    def size(self) -> int: ...

    def sync(self) -> None:
        """Returns when data and size are on the disk (fdatasync). May be called in a thread."""

    def truncate(self, size: int) -> None: ...

    def fileno(self) -> int:
        """For sendfile."""


class Disk(Protocol):
    """Every method raises DiskError."""

    def open(self, path: str, *, create: bool = False) -> File: ...

    def sync_dir(self, path: str) -> None:
        """Returns when the names in the directory are on the disk."""

    @property
    def syncs_volumes(self) -> bool:
        """Has this system what `sync_all` needs?"""

    def sync_all(self, path: str) -> None:
        """Returns when everything on the volume that holds `path` is on the disk: cheaper than
        one file after the other when there are many."""

    def rename(self, old: str, new: str) -> None: ...

    def remove(self, path: str) -> None: ...

    def remove_dir(self, path: str) -> None:
        """The directory must be empty."""

    def list(self, path: str) -> list[Entry]: ...

    def mkdir(self, path: str) -> None:
        """With its parents; no error when it is there."""

    def stat(self, path: str) -> Entry | None:
        """None when there is nothing of that name."""

    def lock(self, path: str) -> Callable[[], None] | None:
        """Holds the file for this process until the answer is called, or lives no more; None:
        another holds it."""

    def space(self, path: str) -> tuple[int, int]:
        """Bytes in all and bytes usable, of the volume that holds the path."""


def read_file(disk: Disk, path: str) -> bytes:
    file = disk.open(path)
    return file.pread(file.size(), 0)


def replace_file(disk: Disk, path: str, content: bytes, *, sync: bool = True) -> None:
    """Whole or not at all, as Kafka writes checkpoints (CheckpointFile.java): beside, then renamed.

    Without `sync` the caller sees to it that file and directory reach the disk.
    """
    draft = f"{path}.tmp"
    file = disk.open(draft, create=True)
    file.truncate(0)
    file.append((content,), 0)
    if sync:
        file.sync()
    disk.rename(draft, path)
    if sync:
        disk.sync_dir(path.rpartition("/")[0])
