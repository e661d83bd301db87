"""Java's .properties format, as java.util.Properties.load reads it.

Kafka's server.properties and the files that its tools take are in it. Read as UTF-8 (Java's
own loader takes Latin-1; Kafka's files are ASCII, and a person who writes an umlaut means it).
"""

from __future__ import annotations

from typing import NamedTuple

_BLANK = " \t\f"
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


class Property(NamedTuple):
    """One entry; `line` is the number of the line on which it begins, from 1."""

    key: str
    value: str
    line: int


def parse(text: str) -> list[Property]:
    """The entries in order; of a repeated key Java keeps the last.

    Raises ValueError for a broken unicode escape, as Java does.
    """
    return [_entry(line, number) for number, line in _logical_lines(text)]


def as_mapping(text: str) -> dict[str, str]:
    return {entry.key: entry.value for entry in parse(text)}


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines without blanks in front, comments left out and continuations joined."""
    lines: list[tuple[int, str]] = []
    joining = False
    natural = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(natural, 1):
        line = line.lstrip(_BLANK)
        begins = not joining or not lines[-1][1]
        if begins and (not line or line[0] in "#!"):
            joining = False
            continue
        continues = _ends_with_odd_backslashes(line)
        if continues:
            line = line[:-1]
        if joining:
            first, begun = lines.pop()
            lines.append((first, begun + line))
        else:
            lines.append((number, line))
        joining = continues
    # Nothing but backslashes: at the end of a file Java makes an empty key of it, we do not.
    return [(number, line) for number, line in lines if line]


def _ends_with_odd_backslashes(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _entry(line: str, number: int) -> Property:
    end = _key_end(line)
    rest = line[end:].lstrip(_BLANK)
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip(_BLANK)
    return Property(_unescape(line[:end], number), _unescape(rest, number), number)


def _key_end(line: str) -> int:
    """A key ends at the first `=`, `:` or blank that no backslash protects."""
    at = 0
    while at < len(line):
        if line[at] == "\\":
            at += 1
        elif line[at] in "=:" or line[at] in _BLANK:
            return at
        at += 1
    return len(line)


def _unescape(text: str, number: int) -> str:
    if "\\" not in text:
        return text
    plain: list[str] = []
    at = 0
    while at < len(text):
        if text[at] != "\\" or at + 1 == len(text):
            plain.append(text[at])
            at += 1
        elif text[at + 1] == "u":
            plain.append(_code_unit(text[at + 2 : at + 6], number))
            at += 6
        else:
            plain.append(_ESCAPES.get(text[at + 1], text[at + 1]))
            at += 2
    # Java writes characters beyond the basic plane as two escaped halves.
    return "".join(plain).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _code_unit(digits: str, number: int) -> str:
    if len(digits) == 4 and all(digit in "0123456789abcdefABCDEF" for digit in digits):
        return chr(int(digits, 16))
    raise ValueError(f"line {number}: \\u must be followed by four hexadecimal digits")
