"""A disk in memory, with the faults of real ones: short writes, no room, failed and lost syncs,
and crashes that keep what was synced and tear the rest.

What a crash may do is what POSIX allows: names that were not synced with their directory may be
lost, bytes that were not synced may be lost, kept, or kept in part.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from random import Random

from moldau.storage.disk import Buffer, DiskError, DiskFull, Entry

PAGE = 4096


class _Inode:
    __slots__ = ("data", "synced")

    def __init__(self) -> None:
        self.data = bytearray()
        self.synced = b""


class MemoryFile:
    def __init__(self, disk: MemoryDisk, path: str, inode: _Inode) -> None:
        self.path = path
        self._disk = disk
        self._inode = inode

    def append(self, buffers: Sequence[Buffer], position: int) -> None:
        data = b"".join(buffers)
        inode = self._inode
        kept = self._disk.take_room(self.path, len(data), position + len(data) - len(inode.data))
        if len(inode.data) < position:
            inode.data.extend(bytes(position - len(inode.data)))
        inode.data[position : position + kept] = data[:kept]
        if kept < len(data):
            raise DiskFull(errno.ENOSPC, "No space left on device", self.path)

    def pread(self, length: int, position: int) -> bytes:
        return bytes(self._inode.data[position : position + length])

    def size(self) -> int:
        return len(self._inode.data)

    def sync(self) -> None:
        self._disk.step("sync", self.path)
        if not self._disk.loses_syncs:
            self._inode.synced = bytes(self._inode.data)

    def truncate(self, size: int) -> None:
        self._disk.step("truncate", self.path)
        data = self._inode.data
        del data[size:]
        data.extend(bytes(size - len(data)))

    def fileno(self) -> int:
        raise DiskError(errno.ENOTSUP, "a file in memory has no descriptor", self.path)


class MemoryDisk:
    """Set `room` (bytes that may still be written), `fails` (asked before each operation with its
    name and path; True makes it fail) or `loses_syncs`; call `crash` for what is there afterwards.
    """

    def __init__(self) -> None:
        self.room: int | None = None
        self.fails: Callable[[str, str], bool] = lambda _operation, _path: False
        self.loses_syncs = False
        self.operations = 0
        self._names: dict[str, _Inode] = {}
        self._synced_names: dict[str, _Inode] = {}
        self._directories: set[str] = {""}
        self._locks: set[str] = set()

    # --- faults -----------------------------------------------------------------------------

    def step(self, operation: str, path: str) -> None:
        self.operations += 1
        if self.fails(operation, path):
            raise DiskError(errno.EIO, f"{operation}: Input/output error", path)

    def take_room(self, path: str, size: int, growth: int) -> int:
        """How many of `size` bytes can be written."""
        self.step("append", path)
        if self.room is None or growth <= self.room:
            if self.room is not None:
                self.room -= max(growth, 0)
            return size
        kept = max(size - growth, 0) + self.room
        self.room = 0
        return kept

    def crash(self, dice: Random) -> MemoryDisk:
        """The disk after the power came back."""
        after = MemoryDisk()
        after._directories = set(self._directories)
        survivors = dict(self._synced_names)
        for path, inode in self._names.items():
            if path not in survivors and dice.random() < 0.5:
                survivors[path] = inode
        for path, inode in survivors.items():
            kept = _Inode()
            kept.data = bytearray(_torn(inode, dice))
            kept.synced = bytes(kept.data)
            after._names[path] = after._synced_names[path] = kept
        return after

    def kill(self) -> MemoryDisk:
        """The disk after only the process died: everything written is there."""
        after = MemoryDisk()
        after._directories = set(self._directories)
        for path, inode in self._names.items():
            kept = _Inode()
            kept.data = bytearray(inode.data)
            kept.synced = inode.synced
            after._names[path] = kept
            if path in self._synced_names:
                after._synced_names[path] = kept
        return after

    def synced_names(self) -> list[str]:
        """The paths of files that a crash cannot take."""
        return sorted(self._synced_names)

    # --- the port ---------------------------------------------------------------------------

    def open(self, path: str, *, create: bool = False) -> MemoryFile:
        inode = self._names.get(path)
        if inode is None:
            if not create:
                raise DiskError(errno.ENOENT, "No such file or directory", path)
            self.step("create", path)
            inode = self._names[path] = _Inode()
        return MemoryFile(self, path, inode)

    def sync_dir(self, path: str) -> None:
        self.step("sync_dir", path)
        if self.loses_syncs:
            return
        below = f"{path}/"
        for name in [one for one in self._synced_names if one.startswith(below)]:
            if name not in self._names:
                del self._synced_names[name]
        for name, inode in self._names.items():
            if name.startswith(below) and "/" not in name[len(below) :]:
                self._synced_names[name] = inode

    syncs_volumes = True

    def sync_all(self, path: str) -> None:
        self.step("sync", path)
        if not self.loses_syncs:
            self._synced_names = dict(self._names)
            for inode in self._names.values():
                inode.synced = bytes(inode.data)

    def rename(self, old: str, new: str) -> None:
        self.step("rename", old)
        if old in self._directories:
            self._rename_directory(old, new)
        elif old in self._names:
            self._names[new] = self._names.pop(old)
        else:
            raise DiskError(errno.ENOENT, "No such file or directory", old)

    def _rename_directory(self, old: str, new: str) -> None:
        self._directories.remove(old)
        self._directories.add(new)
        for names in (self._names, self._synced_names):
            for name in [one for one in names if one.startswith(f"{old}/")]:
                names[new + name[len(old) :]] = names.pop(name)

    def remove(self, path: str) -> None:
        self.step("remove", path)
        inode = self._names.pop(path, None)
        if inode is None:
            raise DiskError(errno.ENOENT, "No such file or directory", path)
        if self.room is not None:
            self.room += len(inode.data)

    def remove_dir(self, path: str) -> None:
        self.step("remove_dir", path)
        if self.list(path):
            raise DiskError(errno.ENOTEMPTY, "Directory not empty", path)
        self._directories.remove(path)

    def list(self, path: str) -> list[Entry]:
        if path not in self._directories:
            raise DiskError(errno.ENOENT, "No such file or directory", path)
        below = f"{path}/"
        found = [
            Entry(name[len(below) :], len(inode.data), False, 0)
            for name, inode in self._names.items()
            if name.startswith(below) and "/" not in name[len(below) :]
        ]
        found += [
            Entry(name[len(below) :], 0, True, 0)
            for name in self._directories
            if name.startswith(below) and "/" not in name[len(below) :]
        ]
        return found

    def mkdir(self, path: str) -> None:
        self.step("mkdir", path)
        while path not in self._directories:
            self._directories.add(path)
            path = path.rpartition("/")[0]

    def stat(self, path: str) -> Entry | None:
        name = path.rpartition("/")[2]
        if path in self._directories:
            return Entry(name, 0, True, 0)
        inode = self._names.get(path)
        return None if inode is None else Entry(name, len(inode.data), False, 0)

    def lock(self, path: str) -> Callable[[], None] | None:
        if path in self._locks:
            return None
        self._locks.add(path)
        return lambda: self._locks.discard(path)

    def space(self, path: str) -> tuple[int, int]:
        return 1 << 40, (1 << 40) if self.room is None else self.room


def _torn(inode: _Inode, dice: Random) -> bytes:
    """What was synced, and of what came after it nothing, all, or pages of it with zeros between.

    A file that was cut and not synced may have its old end again.
    """
    synced, data = inode.synced, bytes(inode.data)
    fate = dice.randrange(4)
    if fate == 0 or synced == data:
        return synced
    if fate == 1:
        return data
    end = dice.randint(min(len(synced), len(data)), max(len(synced), len(data)))
    torn = bytearray(data[:end])
    for start in range(len(synced) // PAGE * PAGE, end, PAGE):
        if fate == 3 and dice.random() < 0.3:
            low = max(start, min(len(synced), end))
            high = min(start + PAGE, end)
            torn[low:high] = bytes(max(high - low, 0))
    return bytes(torn)
