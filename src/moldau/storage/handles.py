"""The open files of all logs: at most so many, those used longest ago are let go."""

from __future__ import annotations

from collections import OrderedDict
from errno import EMFILE, ENFILE

from moldau.storage.disk import Disk, DiskError, File


class OpenFiles:
    """Letting go is dropping our reference: a region or a sync that still holds a file keeps it
    open, so the limit is one of this cache and not of the process."""

    __slots__ = ("_directories", "_files", "disk", "limit")

    def __init__(self, disk: Disk, limit: int = 2000) -> None:
        self.disk = disk
        self.limit = limit
        self._files: OrderedDict[str, File] = OrderedDict()
        # What is open in each directory: thousands of logs may be deleted in one request.
        self._directories: dict[str, set[str]] = {}

    def get(self, path: str) -> File:
        """Raises DiskError when it cannot be opened, also when it is not there."""
        file = self._files.get(path)
        if file is None:
            return self._opened(path, create=False)
        self._files.move_to_end(path)
        return file

    def create(self, path: str) -> File:
        """An empty file; one of that name loses what it holds."""
        self.forget(path)
        file = self._opened(path, create=True)
        file.truncate(0)
        return file

    def forget(self, path: str) -> None:
        """Its name was or will be given up."""
        if self._files.pop(path, None) is not None:
            self._left(path)

    def forget_directory(self, path: str) -> None:
        for one in self._directories.pop(path, ()):
            del self._files[one]

    def _left(self, path: str) -> None:
        directory = path.rpartition("/")[0]
        paths = self._directories[directory]
        paths.discard(path)
        if not paths:
            del self._directories[directory]

    def _opened(self, path: str, *, create: bool) -> File:
        try:
            file = self.disk.open(path, create=create)
        except DiskError as error:
            if error.errno not in (EMFILE, ENFILE):
                raise
            self._files.clear()  # the process holds too many, and these are not needed
            self._directories.clear()
            file = self.disk.open(path, create=create)
        self._files[path] = file
        self._directories.setdefault(path.rpartition("/")[0], set()).add(path)
        if len(self._files) > self.limit:
            self._left(self._files.popitem(last=False)[0])
        return file
