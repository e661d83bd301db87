"""Where Java breaks lines: BreakIterator.getLineInstance, for the ASCII of help texts."""

from __future__ import annotations

import re
from collections.abc import Iterator

_BEFORE = r"[$(\[{\"']"
_AFTER = r"[\")\]}!%.,:;?]"
_DASH = r"-"
_PLAIN = r"[^\s$(\[{\"')\]}!%.,:;?-]"
_SUFFIX = rf"(?:{_DASH}+|{_AFTER}*)"
_NUMBER = re.compile(rf"{_BEFORE}*(?:{_BEFORE}|{_DASH})*\d+(?:[.,]\d+)*{_SUFFIX}")
_WORD = re.compile(rf"{_BEFORE}*{_PLAIN}*{_SUFFIX}")
_END = re.compile(rf" *(?:\(\){_AFTER}*)?\r?[\t\n\f]?")
_JOINING = "$'"


def pieces(text: str) -> Iterator[str]:
    """The text in pieces behind each of which a line may end."""
    start = 0
    while start < len(text):
        end = _word(text, start)
        while end < len(text) and text[end] in _JOINING:
            end = _word(text, end + 1)
        found = _END.match(text, end)
        end = max(found.end() if found else end, start + 1)
        yield text[start:end]
        start = end


def _word(text: str, start: int) -> int:
    ends = [found.end() for rule in (_NUMBER, _WORD) if (found := rule.match(text, start))]
    return max(ends, default=start)
