"""Text as Java reads it; the expectations are what Java 17 said."""

from __future__ import annotations

import pytest

from moldau.tools.java_text import utf8


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        (b"\xed\x9f\xbf", 0),
        (b"\xed\xa0\x80", 1),
        (b"\xed\xbf", 1),
        (b"\xed\xbf\x80\x80", 2),
        (b"\xed", 1),
        (b"\xed\xed\xa0", 2),
        (b"\xe0\x80\x80", 3),
        (b"\xe1\x80", 1),
        (b"\xf4\x90\x80\x80", 4),
        (b"\xf4\x80\x80", 1),
        (b"\xc0\x80", 2),
    ],
)
def test_what_is_no_utf_8(data: bytes, faults: int) -> None:
    shown = "\ud7ff" if faults == 0 else faults * "\ufffd"
    assert utf8(b"a" + data + b"z") == f"a{shown}z"
