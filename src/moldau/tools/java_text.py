"""Small readings of text as Java does them, where what people type depends on it."""

from __future__ import annotations


def split(text: str, separator: str) -> list[str]:
    """String.split: empty strings at the end are dropped."""
    parts = text.split(separator)
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return parts


def parse_int(text: str) -> int | None:
    """Integer.parseInt; None is a NumberFormatException."""
    return _parse(text, 31)


def parse_long(text: str) -> int | None:
    """Long.parseLong; None is a NumberFormatException."""
    return _parse(text, 63)


def _parse(text: str, bits: int) -> int | None:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if digits.isascii() and digits.isdigit():
        value = int(text)
        if value >> bits in (0, -1):
            return value
    return None
