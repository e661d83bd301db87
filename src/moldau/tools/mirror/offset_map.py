"""Which record of the source lies at which offset of the target.

The copy has no gaps: its n-th record is at offset base + n. The source has them, where records
were compacted, aborted or are markers. So the map is a list of breaks: from target offset t on,
source offsets go up one by one from s, until the next break.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

Break = tuple[int, int]  # an offset of the target (or an index) and an offset of the source


class OffsetMap:
    """Covers the target offsets from `base` to `end` (exclusive)."""

    def __init__(self, base: int) -> None:
        self.base = base
        self.end = base
        self._targets = array("q")
        self._sources = array("q")

    @property
    def next_source(self) -> int:
        """The source offset behind that of the last record; -1 when there is none."""
        return self._sources[-1] + self.end - self._targets[-1] if self._targets else -1

    def extend(self, count: int, breaks: Iterable[Break]) -> list[Break]:
        """Adds `count` records; a break is the index of a record and its source offset. Returns
        the breaks that are new, by target offset: what goes on one by one is none."""
        first = self.end
        new: list[Break] = []
        for index, source in breaks:
            self.end = first + index
            if self.next_source != source:
                self._targets.append(self.end)
                self._sources.append(source)
                new.append((self.end, source))
        self.end = first + count
        return new

    def load(self, breaks: Iterable[Break], end: int) -> None:
        """Makes this the map of these breaks, in order, up to `end`."""
        del self._targets[:], self._sources[:]
        for target, source in breaks:
            if target < end:
                self._targets.append(target)
                self._sources.append(source)
        self.end = end

    def breaks(self) -> Iterator[Break]:
        return zip(self._targets, self._sources, strict=True)

    def cut(self, end: int) -> None:
        """Forgets the records from target offset `end` on."""
        keep = bisect_left(self._targets, end)
        del self._targets[keep:], self._sources[keep:]
        self.end = end

    def source_of(self, target: int) -> int:
        """The source offset of the record at `target`, which must be covered."""
        run = bisect_right(self._targets, target) - 1
        return self._sources[run] + target - self._targets[run]

    def target_of(self, source: int) -> int:
        """The target offset of the record at `source` or, when it was not copied, of the next that
        was; `end` when there is none yet."""
        run = bisect_right(self._sources, source) - 1
        if run < 0:
            return self.base
        following = self._targets[run + 1] if run + 1 < len(self._targets) else self.end
        return min(self._targets[run] + source - self._sources[run], following)

    def targets_of(self, sources: Sequence[int]) -> list[int]:
        """The target offsets of the records at these source offsets, which go up; -1 for those
        that were not copied."""
        run = bisect_right(self._sources, sources[0]) - 1 if sources else -1
        last = len(self._sources) - 1
        found = []
        for source in sources:
            while run < last and self._sources[run + 1] <= source:
                run += 1
            target = self._targets[run] + source - self._sources[run] if run >= 0 else self.end
            following = self._targets[run + 1] if run < last else self.end
            found.append(target if target < following else -1)
        return found
