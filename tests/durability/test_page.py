"""The page on durability promises nothing without a test."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "durability.md"


def test_every_test_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    rooms = ("durability", "attacks", "storage")
    sources = [path for room in rooms for path in TESTS.glob(f"{room}/test_*.py")]
    defined = {
        name for path in sources for name in re.findall(r"def (test_\w+)\(", path.read_text())
    }
    assert len(named) > 15
    assert named - defined == set()
