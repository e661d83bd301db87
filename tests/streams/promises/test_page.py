"""docs/streams/promises.md names tests that are there, and every promise has one."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
PAGE = TESTS.parent / "docs" / "streams" / "promises.md"
PROMISES = 19


def there() -> set[str]:
    """All tests, by name."""
    return {
        name
        for path in TESTS.rglob("test_*.py")
        for name in re.findall(r"^ *def (test_\w+)", path.read_text(), re.MULTILINE)
    }


def test_every_sentence_of_the_page_has_a_test_that_is_there() -> None:
    rows = re.findall(r"^\| (\d+)\.\d+ \| (.*?) \| (.*?) \|$", PAGE.read_text(), re.MULTILINE)
    assert {int(number) for number, _, _ in rows} == set(range(1, PROMISES + 1))
    named = {sentence: re.findall(r"`(test_\w+)`", tests) for _, sentence, tests in rows}
    assert [sentence for sentence, tests in named.items() if not tests] == []
    assert {test for tests in named.values() for test in tests} - there() == set()
