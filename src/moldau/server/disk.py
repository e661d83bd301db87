"""The real disk, through POSIX calls."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Sequence

from moldau.storage.disk import Buffer, DiskError, Entry, disk_error


class OsFile:
    """A file descriptor that closes when nobody holds it: not the cache of open files, not a
    region that is being sent, not a sync that is under way."""

    __slots__ = ("_fd", "path")

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd = fd

    def __del__(self) -> None:
        os.close(self._fd)

    def append(self, buffers: Sequence[Buffer], position: int) -> None:
        try:
            written = os.pwritev(self._fd, buffers, position)
            size = sum(map(len, buffers))
            if written != size:
                self._append_rest(b"".join(buffers), written, position)
        except OSError as error:
            raise disk_error(error, self.path) from None

    def _append_rest(self, data: bytes, written: int, position: int) -> None:
        """A short write means a disk that is nearly full: trying again gives the error."""
        while written < len(data):
            written += os.pwrite(self._fd, memoryview(data)[written:], position + written)

    def pread(self, length: int, position: int) -> bytes:
        try:
            return os.pread(self._fd, length, position)
        except OSError as error:
            raise disk_error(error, self.path) from None

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def sync(self) -> None:
        try:
            if sys.platform == "darwin":
                import fcntl

                fcntl.fcntl(self._fd, fcntl.F_FULLFSYNC)
            else:
                os.fdatasync(self._fd)
        except OSError as error:
            raise disk_error(error, self.path) from None

    def truncate(self, size: int) -> None:
        try:
            os.ftruncate(self._fd, size)
        except OSError as error:
            raise disk_error(error, self.path) from None

    def fileno(self) -> int:
        return self._fd


def syncfs_tells_errors(release: str) -> bool:
    """Of a Linux that calls itself so (`5.15.0-91-generic`). Before 5.8 syncfs says that all is
    well when a page could not be written, and who waits would be told that it is on disk."""
    number = re.match(r"(\d+)\.(\d+)", release)
    return number is not None and (int(number[1]), int(number[2])) >= (5, 8)


class OsDisk:
    def __init__(self) -> None:
        self._volumes: dict[str, OsFile] = {}

    def open(self, path: str, *, create: bool = False) -> OsFile:
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        try:
            return OsFile(path, os.open(path, flags, 0o644))
        except OSError as error:
            raise disk_error(error, path) from None

    def _open_directory(self, path: str) -> OsFile:
        try:
            return OsFile(path, os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        except OSError as error:
            raise disk_error(error, path) from None

    def sync_dir(self, path: str) -> None:
        directory = self._open_directory(path)
        try:
            os.fsync(directory.fileno())
        except OSError as error:
            raise disk_error(error, path) from None

    syncs_volumes = sys.platform == "linux" and syncfs_tells_errors(os.uname().release)

    def sync_all(self, path: str) -> None:
        """syncfs(2). It reports the write-back errors since the last call for the same descriptor,
        so that stays open."""
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        directory = self._volumes.get(path)
        if directory is None:
            directory = self._volumes[path] = self._open_directory(path)
        if libc.syncfs(directory.fileno()) != 0:
            number = ctypes.get_errno()
            raise disk_error(OSError(number, os.strerror(number)), path)

    def rename(self, old: str, new: str) -> None:
        try:
            os.replace(old, new)
        except OSError as error:
            raise disk_error(error, old) from None

    def remove(self, path: str) -> None:
        try:
            os.unlink(path)
        except OSError as error:
            raise disk_error(error, path) from None

    def remove_dir(self, path: str) -> None:
        try:
            os.rmdir(path)
        except OSError as error:
            raise disk_error(error, path) from None

    def list(self, path: str) -> list[Entry]:
        try:
            with os.scandir(path) as found:
                return [_entry(one.name, one.stat(), one.is_dir()) for one in found]
        except OSError as error:
            raise disk_error(error, path) from None

    def mkdir(self, path: str) -> None:
        try:
            os.mkdir(path)
        except (FileExistsError, FileNotFoundError):
            self._make_all(path)
        except OSError as error:
            raise disk_error(error, path) from None

    def _make_all(self, path: str) -> None:
        try:
            os.makedirs(path, exist_ok=True)
        except FileExistsError:
            raise disk_error(NotADirectoryError(errno.ENOTDIR, "Not a folder"), path) from None
        except OSError as error:
            raise disk_error(error, path) from None

    def stat(self, path: str) -> Entry | None:
        try:
            found = os.stat(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise disk_error(error, path) from None
        return _entry(path.rpartition("/")[2], found, os.path.isdir(path))

    def lock(self, path: str) -> Callable[[], None] | None:
        """By fcntl, as Java's FileChannel.lock: Apache Kafka and we refuse each other's folder."""
        import fcntl

        file = None
        try:
            file = open(path, "ab")  # noqa: SIM115 - it stays open as long as the lock is held
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if file is not None:
                file.close()
            if error.errno in (errno.EAGAIN, errno.EACCES) and os.access(path, os.W_OK):
                return None
            raise disk_error(error, path) from None
        return file.close

    def space(self, path: str) -> tuple[int, int]:
        try:
            found = os.statvfs(path)
        except OSError as error:
            raise disk_error(error, path) from None
        return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize


class ReadOnlyDisk(OsDisk):
    """For who must not change anything: whatever would is refused before it reaches the system."""

    def open(self, path: str, *, create: bool = False) -> OsFile:
        if create:
            raise _read_only(path)
        try:
            return OsFile(path, os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            raise disk_error(error, path) from None

    def rename(self, old: str, new: str) -> None:
        raise _read_only(old)

    def remove(self, path: str) -> None:
        raise _read_only(path)

    def remove_dir(self, path: str) -> None:
        raise _read_only(path)

    def mkdir(self, path: str) -> None:
        raise _read_only(path)

    def lock(self, path: str) -> Callable[[], None] | None:
        raise _read_only(path)


def _read_only(path: str) -> DiskError:
    return disk_error(OSError(errno.EROFS, os.strerror(errno.EROFS)), path)


def lock_holder(path: str) -> int | None:
    """The process that holds the lock of a folder, 0 when it is one whose number is not known
    here, None when nobody does. The lock is asked for and not taken."""
    import fcntl
    import struct

    # struct flock: type, whence, start, length, process; the order is the system's.
    layout = struct.Struct("hhqqi" if sys.platform == "linux" else "qqihh")
    write_lock, whole = fcntl.F_WRLCK, os.SEEK_SET
    fields = (
        (write_lock, whole, 0, 0, 0) if sys.platform == "linux" else (0, 0, 0, write_lock, whole)
    )
    try:
        with open(path, "rb") as file:
            answer = layout.unpack(fcntl.fcntl(file, fcntl.F_GETLK, layout.pack(*fields)))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_error(error, path) from None
    kind, process = (answer[0], answer[4]) if sys.platform == "linux" else (answer[3], answer[2])
    return None if kind == fcntl.F_UNLCK else max(process, 0)


def _entry(name: str, found: os.stat_result, is_directory: bool) -> Entry:
    return Entry(name, found.st_size, is_directory, found.st_mtime_ns // 1_000_000)
