"""What kafka-dump-log found wrong, told on stderr when all files have been shown."""

from __future__ import annotations

import os
from collections.abc import Iterator

_Pairs = dict[str, list[tuple[int, int]]]


class Findings:
    """Collects by file; the order of kinds is Apache Kafka's."""

    def __init__(self) -> None:
        self._wrong_offsets: _Pairs = {}
        self._wrong_timestamps: _Pairs = {}
        self._unordered_timestamps: _Pairs = {}
        self._lost_offsets: _Pairs = {}
        self._gaps: _Pairs = {}

    def wrong_offset(self, path: str, indexed: int, found: int) -> None:
        _note(self._wrong_offsets, path, indexed, found)

    def wrong_timestamp(self, path: str, indexed: int, found: int) -> None:
        _note(self._wrong_timestamps, path, indexed, found)

    def unordered_timestamp(self, path: str, indexed: int, before: int) -> None:
        _note(self._unordered_timestamps, path, indexed, before)

    def lost_offset(self, path: str, indexed: int, found: int) -> None:
        _note(self._lost_offsets, path, indexed, found)

    def gap(self, path: str, offset: int, following: int) -> None:
        _note(self._gaps, path, offset, following)

    def lines(self) -> Iterator[str]:
        for path, pairs in self._wrong_offsets.items():
            yield f"Mismatches in :{path}"
            for indexed, found in sorted(dict(pairs).items(), reverse=True):
                yield f"  Index offset: {indexed}, log offset: {found}"
        for path, pairs in self._wrong_timestamps.items():
            yield f"Found timestamp mismatch in :{path}"
            for indexed, found in pairs:
                yield f"  Index timestamp: {indexed}, log timestamp: {found}"
        for path, pairs in self._unordered_timestamps.items():
            yield f"Found out of order timestamp in :{path}"
            for indexed, before in pairs:
                yield f"  Index timestamp: {indexed}, Previously indexed timestamp: {before}"
        for path, pairs in self._lost_offsets.items():
            yield f"The following indexed offsets are not found in :{path}"
            for indexed, found in pairs:
                yield f"Indexed offset: {indexed}, found log offset: {found}"
        for path, pairs in self._gaps.items():
            yield f"Non-consecutive offsets in {path}"
            for offset, following in sorted(dict(pairs).items()):
                yield f"  {offset} is followed by {following}"


def _note(pairs: _Pairs, path: str, one: int, other: int) -> None:
    pairs.setdefault(os.path.abspath(path), []).append((one, other))
