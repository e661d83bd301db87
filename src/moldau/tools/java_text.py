"""Small readings of text as Java does them, where what people type, or see, depends on it."""

from __future__ import annotations

import codecs
from itertools import takewhile

_REPLACEMENT = "\ufffd"
_SURROGATE = 0xED  # how one begins, and some that are none
_DOUBLE = (
    r"([+-]?)(?:(NaN|Infinity)|((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[fFdD]?"
    r"|(0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?\d+)[fFdD]?)"
)
# What String.trim takes away.
_BLANK = "".join(map(chr, range(33)))


def split(text: str, separator: str) -> list[str]:
    """String.split: empty strings at the end are dropped, but an empty text is one."""
    parts = text.split(separator)
    while separator in text and parts and not parts[-1]:
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


def parse_double(text: str) -> float | None:
    """Double.parseDouble; None is a NumberFormatException."""
    import re

    found = re.fullmatch(_DOUBLE, text.strip(_BLANK), re.ASCII)
    if found is None:
        return None
    sign, word, decimal, hexadecimal = found.groups()
    value = float.fromhex(hexadecimal) if hexadecimal else float(word or decimal)
    return -value if sign == "-" else value


def utf8(data: bytes) -> str:
    """`new String(data, UTF_8)`: what is no UTF-8 becomes U+FFFD, as often as in Java."""
    return data.decode("utf-8", "moldau.java")


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Python takes each byte of a surrogate, or of half of one, for a fault; Java all for one."""
    assert isinstance(error, UnicodeDecodeError)
    end = error.end
    if error.object[error.start] == _SURROGATE:
        behind = error.object[error.start + 1 : error.start + 3]
        end = error.start + 1 + len(list(takewhile(_continues, behind)))
    return _REPLACEMENT, end


def _continues(byte: int) -> bool:
    return byte & 0xC0 == 0x80


codecs.register_error("moldau.java", _replace)
