"""Where each leader epoch begins in a log (LeaderEpochFileCache.java).

Followers and consumers ask with it whether their history is still the leader's.
"""

from __future__ import annotations

from collections.abc import Iterable

UNDEFINED = (-1, -1)


class LeaderEpochs:
    """Entries (epoch, start offset), both rising strictly. The caller writes them to disk."""

    __slots__ = ("entries", "latest")

    def __init__(self, entries: Iterable[tuple[int, int]] = ()) -> None:
        self.entries: list[tuple[int, int]] = []
        self.latest = -1
        for epoch, start in entries:
            self.assign(epoch, start)

    def assign(self, epoch: int, start: int) -> bool:
        """A batch of this epoch begins at `start`. True: the entries changed.

        Entries that contradict the new one go, as in Kafka: the newest knowledge is right.
        """
        last = self.entries[-1] if self.entries else None
        if epoch < 0 or (last and last[0] == epoch and last[1] <= start):
            return False
        while self.entries and (self.entries[-1][0] >= epoch or self.entries[-1][1] >= start):
            self.entries.pop()
        self.entries.append((epoch, start))
        self.latest = epoch
        return True

    def end_offset_for(self, epoch: int, log_end_offset: int) -> tuple[int, int]:
        """(epoch, end offset) of the largest known epoch that is at most `epoch`; -1, -1 when it
        is newer than all (KIP-101, KIP-279)."""
        if epoch == -1 or not self.entries:
            return UNDEFINED
        if epoch == self.latest:
            return epoch, log_end_offset
        floor = epoch
        for known, start in self.entries:
            if known > epoch:
                return floor, start
            floor = known
        return UNDEFINED

    def epoch_of(self, offset: int) -> int:
        """The epoch in which the record at `offset` was written; -1 when that is not known."""
        for epoch, start in reversed(self.entries):
            if start <= offset:
                return epoch
        return -1

    def cut_from(self, offset: int) -> bool:
        """The log was truncated to `offset`. True: the entries changed."""
        before = len(self.entries)
        while self.entries and self.entries[-1][1] >= offset:
            self.entries.pop()
        self.latest = self.entries[-1][0] if self.entries else -1
        return len(self.entries) != before

    def cut_before(self, offset: int) -> bool:
        """The log now starts at `offset`. True: the entries changed."""
        epoch = self.epoch_of(offset)
        kept = [entry for entry in self.entries if entry[1] > offset]
        if epoch >= 0:
            kept.insert(0, (epoch, offset))
        changed = kept != self.entries
        self.entries = kept
        return changed
