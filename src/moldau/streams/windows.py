"""Windows: which of them a time belongs to, and when each ends. Times in ms since 1970, UTC."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from moldau.streams.errors import DefinitionError


@dataclass(frozen=True)
class Tumbling:
    """Windows of `size` ms, one behind the other, the first beginning at 1970 plus `offset`."""

    size: int
    offset: int = 0

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise DefinitionError("a tumbling window must be longer than nothing")

    def starts(self, times: Sequence[int]) -> list[int]:
        """The window of each time."""
        size, offset = self.size, self.offset
        return [time - (time - offset) % size for time in times]

    def end(self, start: int) -> int:
        return start + self.size


@dataclass(frozen=True)
class Hopping:
    """Windows of `size` ms, one beginning every `step` ms."""

    size: int
    step: int

    def __post_init__(self) -> None:
        if not 0 < self.step <= self.size:
            raise DefinitionError(
                f"a hopping window of {self.size} ms needs a step between 1 ms and its size, "
                f"not {self.step} ms"
            )

    def starts_of(self, time: int) -> Iterable[int]:
        last = time - time % self.step
        return range(last, time - self.size, -self.step)

    def end(self, start: int) -> int:
        return start + self.size


Window = Tumbling | Hopping
Starts = Callable[[Sequence[int]], list[int]]
