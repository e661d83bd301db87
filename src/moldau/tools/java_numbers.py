"""Numbers as Java writes and adds them."""

from __future__ import annotations

import struct


def double(value: float) -> str:
    """A 64-bit number."""
    return _java_decimal(value, repr(value))


def single(value: float) -> str:
    """A 32-bit number: the shortest digits that give the same bits."""
    shortest = next(text for d in range(1, 18) if _is_same_float(value, text := f"{value:.{d}g}"))
    return _java_decimal(value, shortest)


def _is_same_float(value: float, text: str) -> bool:
    try:
        return struct.pack(">f", float(text)) == struct.pack(">f", value)
    except OverflowError:  # rounded beyond the largest
        return False


def _java_decimal(value: float, shortest: str) -> str:
    """Java writes 1.0E10 from ten million on and below a thousandth."""
    from decimal import Decimal

    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    sign = "-" if shortest.startswith("-") else ""
    if value == 0:
        return f"{sign}0.0"
    _, tuple_digits, exponent = Decimal(shortest).normalize().as_tuple()
    digits = "".join(map(str, tuple_digits))
    assert isinstance(exponent, int)
    point = len(digits) + exponent
    if -3 < point <= 7:
        whole = digits[:point].ljust(point, "0") if point > 0 else "0"
        rest = digits[point:] if point > 0 else "0" * -point + digits
        return f"{sign}{whole}.{rest or '0'}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{point - 1}"


def as_short(value: int) -> int:
    """What is left of a number in 16 bits."""
    return (value + 0x8000 & 0xFFFF) - 0x8000


def as_int(value: int) -> int:
    """What is left of a sum in 32 bits."""
    return (value + 0x80000000 & 0xFFFFFFFF) - 0x80000000


def as_long(value: int) -> int:
    """What is left of a sum in 64 bits."""
    return (value + 0x8000000000000000 & 0xFFFFFFFFFFFFFFFF) - 0x8000000000000000
