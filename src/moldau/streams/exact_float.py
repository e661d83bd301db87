"""Sums of floats without error."""

from __future__ import annotations


class ExactFloat:
    """A sum of floats without error: partial sums that do not overlap (Shewchuk, as math.fsum)."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[float, ...] = ()) -> None:
        self.parts = parts

    def plus(self, value: float) -> ExactFloat:
        parts = []
        for part in self.parts:
            if abs(value) < abs(part):
                value, part = part, value
            high = value + part
            low = part - (high - value)
            if low:
                parts.append(low)
            value = high
        parts.append(value)
        return ExactFloat(tuple(parts))
