"""What is due one after the other: added behind, taken off in front. Of many only the two ends are
in memory; what is between them lies in the task's scratch (`spilled.py`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from moldau.streams.engine.row_size import RowSize
from moldau.streams.engine.state import State

CHUNK = 1000  # entries
CHUNKS = 16  # that come to the front at once


class Line:
    """`front` and `back` are one as long as all of it is in memory. Who takes from the front brings
    there first what is due."""

    def __init__(
        self,
        state: State,
        name: str,
        due: Callable[[Any], int],
        encode: Callable[[Sequence[Any]], bytes],
        decode: Callable[[bytes], Sequence[Any]],
    ) -> None:
        """`due`: when an entry is. `name`: no other's of this state."""
        self.front: deque[Any] = deque()
        self.back = self.front
        self._prefix = name.encode() + b"\0"
        self._scratch = state.scratch
        self._due = due
        self._encode = encode
        self._decode = decode
        self._away: deque[tuple[int, int, bytes]] = deque()  # of chunks: when, how many, name
        self._away_count = self._next = 0
        self._size = RowSize()

    def __len__(self) -> int:
        return self._in_memory + self._away_count

    @property
    def is_whole(self) -> bool:
        """There is nothing to be brought."""
        return self.front is self.back

    @property
    def _in_memory(self) -> int:
        return len(self.front) + (0 if self.is_whole else len(self.back))

    def bring(self, before: int) -> None:
        """What is due before that, to the front."""
        if self.is_whole:
            return
        while self._away and self._away[0][0] < before:
            _, count, name = self._away.popleft()
            self._away_count -= count
            self.front.extend(self._decode(self._scratch.take([name])[name]))
        if not self._away:
            self.front.extend(self.back)
            self.back = self.front

    def stop(self, now: int, watermark: int) -> int:
        """How far time may go at once on its way there, so that not too much is brought."""
        if len(self._away) <= CHUNKS:
            return watermark
        return min(watermark, max(self._away[CHUNKS][0], now + 1))

    # --- memory -----------------------------------------------------------------------------

    @property
    def used(self) -> int:
        return self._size.of(self._in_memory, chain(self.back, self.front))

    @property
    def young(self) -> int:
        return self.used

    def shrink(self) -> None:
        """A chunk stays at the front, and behind what does not fill one."""
        entries = list(self.back)
        first = CHUNK if self.is_whole else 0
        last = first + max(0, len(entries) - first) // CHUNK * CHUNK
        if first == last:
            return
        chunks = [entries[at : at + CHUNK] for at in range(first, last, CHUNK)]
        names = [
            self._prefix + b"%d" % number for number in range(self._next, self._next + len(chunks))
        ]
        self._next += len(chunks)
        self._away_count += last - first
        self._scratch.put(zip(names, map(self._encode, chunks), strict=True))
        due = self._due
        self._away += [
            (due(one[0]), len(one), name) for one, name in zip(chunks, names, strict=True)
        ]
        self.front = deque(entries[:first]) if first else self.front
        self.back = deque(entries[last:])
