"""A sparse index of one segment: offset to position, or timestamp to offset.

The file is Kafka's (OffsetIndex.java, TimeIndex.java): fixed entries, both columns rising. Kafka
maps it into memory; here the newest entries of the segment that is being written wait in memory
until the segment is rolled or checkpointed, because the log itself can always tell them again.
Looking up reads O(log n) entries of the file, never all of it.
"""

from __future__ import annotations

from struct import Struct

from moldau.storage.disk import DiskError, File
from moldau.storage.handles import OpenFiles

TAIL_LIMIT = 32 * 1024


class Index:
    """Entries (key, value); keys rise strictly, values never fall."""

    __slots__ = ("_entry", "_files", "_on_disk", "_tail", "count", "last", "path")

    def __init__(self, files: OpenFiles, path: str, entry: Struct) -> None:
        self._files = files
        self._entry = entry
        self._tail = bytearray()
        self._on_disk = 0  # entries in the file
        self.path = path
        self.count = 0
        self.last: tuple[int, int] | None = None

    # --- opening ----------------------------------------------------------------------------

    def load(self, size: int) -> bool:
        """Takes the file of `size` bytes as it is. False: its length is wrong, or its last entry.

        Kafka leaves zeros behind the last entry when it is killed; `verify` cuts those.
        """
        self._on_disk = self.count = size // self._entry.size
        self.last = self.entry(self.count - 1) if self.count else None
        if self.last is None:
            return size == 0
        rises = self.count == 1 or self.entry(0)[0] < self.last[0]
        return size % self._entry.size == 0 and self.last[1] >= 0 and rises

    def verify(self, max_value: int) -> bool:
        """Reads the whole file and cuts it where its columns stop rising or pass `max_value`.
        True: nothing was wrong."""
        content = self._file().pread(self._on_disk * self._entry.size, 0) if self._on_disk else b""
        last_key, last_value, good = -1 << 63, -1, 0
        for key, value in self._entry.iter_unpack(content):
            if key <= last_key or value < last_value or not 0 <= value <= max_value:
                break
            last_key, last_value, good = key, value, good + 1
        if good == self.count:
            return True
        self.cut(good)
        return False

    def reset(self) -> None:
        """Empty, in memory and on disk."""
        self._tail.clear()
        self._on_disk = self.count = 0
        self.last = None
        self._files.create(self.path)

    # --- reading ----------------------------------------------------------------------------

    def entry(self, number: int) -> tuple[int, int]:
        size = self._entry.size
        if number >= self._on_disk:
            return self._unpack(self._tail, (number - self._on_disk) * size)
        return self._unpack(self._file().pread(size, number * size), 0)

    def floor(self, key: int) -> tuple[int, int] | None:
        """The last entry whose key is at most `key`."""
        rank = self.rank(key)
        return self.entry(rank - 1) if rank else None

    def rank(self, key: int) -> int:
        """How many entries have a key that is at most `key`."""
        low, high = 0, self.count
        if self._tail and self.entry(self._on_disk)[0] <= key:
            low = self._on_disk
        elif self._tail:
            high = self._on_disk
        while low < high:
            middle = (low + high) // 2
            if self.entry(middle)[0] <= key:
                low = middle + 1
            else:
                high = middle
        return low

    def first_with_value(self, value: int) -> tuple[int, int] | None:
        """The first entry whose value is at least `value`."""
        number = self._first(1, value)
        return self.entry(number) if number < self.count else None

    def _first(self, column: int, limit: int) -> int:
        """The number of the first entry that has `limit` or more in that column."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if self.entry(middle)[column] < limit:
                low = middle + 1
            else:
                high = middle
        return low

    # --- writing ----------------------------------------------------------------------------

    def append(self, key: int, value: int) -> None:
        self._tail += self._entry.pack(key, value)
        self.count += 1
        self.last = (key, value)
        if len(self._tail) >= TAIL_LIMIT:
            self._flush_if_possible()

    def _flush_if_possible(self) -> None:
        try:
            self.flush()
        except DiskError:
            return  # entries wait in memory until there is room; an append must not fail for them

    def flush(self) -> File | None:
        """Writes what waits in memory. The file, if there was anything to write."""
        if not self._tail:
            return None
        file = self._file(create=self._on_disk == 0)
        file.append((self._tail,), self._on_disk * self._entry.size)
        self._on_disk = self.count
        self._tail = bytearray()
        return file

    def cut(self, count: int) -> None:
        """Keeps the first `count` entries."""
        if count >= self._on_disk:
            del self._tail[(count - self._on_disk) * self._entry.size :]
        else:
            self._tail.clear()
            self._file().truncate(count * self._entry.size)
            self._on_disk = count
        self.count = count
        self.last = self.entry(count - 1) if count else None

    def cut_keys_from(self, key: int) -> None:
        """Drops the entries whose key is `key` or more."""
        self._cut_from(0, key)

    def cut_values_from(self, value: int) -> None:
        """Drops the entries whose value is `value` or more."""
        self._cut_from(1, value)

    def _cut_from(self, column: int, limit: int) -> None:
        number = self._first(column, limit)
        if number < self.count:
            self.cut(number)

    def _file(self, *, create: bool = False) -> File:
        if create and self._files.disk.stat(self.path) is None:
            return self._files.create(self.path)
        return self._files.get(self.path)

    def _unpack(self, buffer: bytes | bytearray, position: int) -> tuple[int, int]:
        key, value = self._entry.unpack_from(buffer, position)
        return key, value
