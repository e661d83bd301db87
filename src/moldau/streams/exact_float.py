"""Sums of floats without error."""

from __future__ import annotations

from fractions import Fraction
from math import fsum, inf, isfinite, nan

_Counts = tuple[int, int, int]


class ExactFloat:
    """A sum of floats without error: partial sums that do not overlap (Shewchuk, as math.fsum), but
    where their sum would be too large for a float. `others`: how many of its numbers were none, or
    were infinite above and below; what can be counted can be taken out again."""

    __slots__ = ("others", "parts")

    def __init__(self, parts: tuple[float, ...] = (), others: _Counts = (0, 0, 0)) -> None:
        self.parts = parts
        self.others = others

    def plus(self, value: float, times: int = 1) -> ExactFloat:
        """`times`: 1, or -1 to take it out."""
        if not isfinite(value):
            nans, above, below = self.others
            is_nan = value != value
            others = (
                nans + times * is_nan,
                above + times * (value == inf),
                below + times * (value == -inf),
            )
            return ExactFloat(self.parts, others)
        value *= times
        parts = []
        for part in self.parts:
            if abs(value) < abs(part):
                value, part = part, value
            high = value + part
            if not isfinite(high):  # both stay, and what comes may yet bring them back
                parts.append(part)
                continue
            low = part - (high - value)
            if low:
                parts.append(low)
            value = high
        parts.append(value)
        return ExactFloat(tuple(parts), self.others)

    def rounded(self) -> float:
        """Once."""
        nans, above, below = self.others
        if nans or (above and below):
            return nan
        if above or below:
            return inf if above else -inf
        try:
            return fsum(self.parts)
        except OverflowError:  # on the way, maybe
            total = sum(map(Fraction, self.parts))
            try:
                return float(total)
            except OverflowError:
                return inf if total > 0 else -inf
