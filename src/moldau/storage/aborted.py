"""The aborted transactions of a segment: those whose abort marker is in it (TransactionIndex.java).

Readers of committed records are told of them, and pass their records over. The file is Kafka's
.txnindex, fixed entries whose last offsets rise; a segment without aborted transactions has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from moldau.protocol.files import ABORTED_ENTRY
from moldau.storage.handles import OpenFiles

_CHUNK = 256  # entries that are read at once
_VERSION = 0


class AbortedTransaction(NamedTuple):
    """`last_offset` is the marker's. No transaction that was open before `last_stable_offset` was
    still open when the marker was written: readers up to there need no later entry."""

    producer_id: int
    first_offset: int
    last_offset: int
    last_stable_offset: int


class CompletedTransaction(NamedTuple):
    """A transaction with records, ended by the marker at `last_offset`."""

    producer_id: int
    first_offset: int
    last_offset: int
    is_aborted: bool


class AbortedTransactions:
    """The .txnindex of one segment, at `path`."""

    __slots__ = ("_files", "count", "path")

    def __init__(self, files: OpenFiles, path: str) -> None:
        self._files = files
        self.path = path
        self.count = 0

    def load(self, size: int | None) -> None:
        """Takes the file of `size` bytes as it is; None: there is none. Half an entry at its end
        was never complete."""
        self.count = (size or 0) // ABORTED_ENTRY.size

    def overlapping(self, start: int, end: int) -> tuple[list[AbortedTransaction], bool]:
        """Those with records in [start, end), and whether that is all: else later segments know
        of more. Raises DiskError."""
        found = []
        for one in self._from(self._first_ending_at(start)):
            if one.first_offset < end:
                found.append(one)
            if one.last_stable_offset >= end:
                return found, True
        return found, False

    def _first_ending_at(self, offset: int) -> int:
        """The number of the first entry whose last offset is `offset` or more."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if next(self._from(middle, 1)).last_offset < offset:
                low = middle + 1
            else:
                high = middle
        return low

    def _from(self, number: int, chunk: int = _CHUNK) -> Iterator[AbortedTransaction]:
        size = ABORTED_ENTRY.size
        while number < self.count:
            some = min(chunk, self.count - number)
            content = self._files.get(self.path).pread(some * size, number * size)
            for _, *entry in ABORTED_ENTRY.iter_unpack(content[: len(content) // size * size]):
                yield AbortedTransaction(*entry)
            number += some

    def replace(self, entries: list[AbortedTransaction]) -> None:
        """These are all; without any there is no file. Raises DiskError."""
        if entries:
            packed = b"".join(ABORTED_ENTRY.pack(_VERSION, *entry) for entry in entries)
            self._files.create(self.path).append((packed,), 0)
        elif self._files.disk.stat(self.path) is not None:
            self._files.forget(self.path)
            self._files.disk.remove(self.path)
        self.count = len(entries)

    def cut_from(self, offset: int) -> None:
        """The log was truncated to `offset`. Raises DiskError."""
        kept = self._first_ending_at(offset)
        if kept < self.count:
            self._files.get(self.path).truncate(kept * ABORTED_ENTRY.size)
            self.count = kept
