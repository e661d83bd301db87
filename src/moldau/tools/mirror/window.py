"""What a mirror knows of one partition of the target: how far it is copied, from where each record
came, and what is announced and may be there or not.

One batch is under way at a time, and it is announced in the journal before it is sent. So whatever
happened to the process that sent it, the end of the target's log says what became of it: either
the batch is not there, or the log ends where the announcement says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from moldau.tools.mirror.offset_map import Break, OffsetMap


class Window(NamedTuple):
    """A batch that is announced: `count` records from target offset `first` on.

    `breaks`: index of a record and its source offset, for the first and wherever source offsets
    do not go on one by one. `newest`: the largest timestamp, ms. `digest` (raw_records.checksum) is
    there when another announcement for the same place says something else: see `Progress.plan`.
    """

    first: int
    count: int  # type: ignore[assignment]  # as in records.BatchHeader
    breaks: tuple[Break, ...]
    newest: int
    digest: int | None = None

    @property
    def end(self) -> int:
        return self.first + self.count

    def contradicts(self, other: Window) -> bool:
        """Do both put different records at some offset?"""
        shared = min(self.count, other.count)
        return _within(self.breaks, shared) != _within(other.breaks, shared)


def _within(breaks: tuple[Break, ...], count: int) -> list[Break]:
    return [one for one in breaks if one[0] < count]


class Unexplained(Exception):
    """The target's log ends where no announcement of ours says. `log_end` is what it says."""

    def __init__(self, log_end: int, expected: int) -> None:
        super().__init__(f"the log ends at offset {log_end}, and we have written up to {expected}")
        self.log_end = log_end
        self.expected = expected


class Progress:
    """One partition. `pending`: announced for the place where the map ends; at most one of them
    is or will be in the log, since all have the same first sequence number."""

    def __init__(self, base: int) -> None:
        self.map = OffsetMap(base)
        self.pending: list[Window] = []

    @property
    def end(self) -> int:
        return self.map.end

    def sequence(self, offset: int) -> int:
        """The sequence number of the record at a target offset: the target refuses a batch that
        does not begin where its log ends."""
        return (offset - self.map.base) & 0x7FFFFFFF

    def plan(self, window: Window) -> None:
        """`window` is to be announced, beside what is pending."""
        plain = window._replace(digest=None)
        self.pending = [one for one in self.pending if one._replace(digest=None) != plain]
        self.pending.append(window)

    def contradicted(self, window: Window) -> bool:
        """May something still arrive that puts other records where `window` would? This takes a
        mirror that was killed with a batch under way and a source that has since deleted a record
        of it. Then who of them arrived must be read from the target."""
        return any(window.contradicts(one) for one in self.pending)

    def landed(self, window: Window) -> list[Break]:
        """`window` is in the log: nothing else that is pending ever will be. The new breaks."""
        self.pending = []
        return self.map.extend(window.count, window.breaks)

    def lost(self, log_end: int) -> None:
        """The target has lost what it had acknowledged from `log_end` on (a new leader without it,
        perhaps): it is to be copied again."""
        self.pending = []
        self.map.cut(log_end)

    def settle(self, log_end: int, evidence: Callable[[Window], int | None]) -> list[Break]:
        """What the end of the target's log says about what is pending; the new breaks.

        `evidence` reads the digest of the records that are where a window should be, None when
        they are no longer there. Raises Unexplained.
        """
        if log_end == self.end:
            return []
        arrived = [one for one in self.pending if one.end == log_end]
        if not arrived:
            raise Unexplained(log_end, self.end)
        if any(one.contradicts(arrived[0]) for one in arrived):
            return self.landed(_identified(arrived, evidence(arrived[0]), log_end, self.end))
        return self.landed(arrived[-1])


def _identified(arrived: list[Window], digest: int | None, log_end: int, end: int) -> Window:
    """Which of the windows of one range is there. All but the first planned carry a digest."""
    if digest is None:
        raise Unexplained(log_end, end)
    known = [one for one in arrived if one.digest == digest]
    unknown = [one for one in arrived if one.digest is None]
    if not known and not unknown:
        raise Unexplained(log_end, end)
    return known[-1] if known else unknown[-1]
