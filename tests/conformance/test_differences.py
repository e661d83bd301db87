"""differences.toml is in order: every entry has a reason, and a test that shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conformance.ignored import Entry, entries, read, spread

HERE = Path(__file__).parent


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.says[:40])
def test_an_entry_is_shown_by_a_test(entry: Entry) -> None:
    assert entry.says.strip().endswith(".")
    assert bool(entry.story) == bool(entry.fields), "a story finds fields"
    assert bool(entry.story) != bool(entry.test), "a story or a test, and one of them"
    if entry.story:
        file, _, name = entry.story.partition("::")
        path = HERE / f"{file}.py"
    else:
        file, _, name = entry.test.partition("::")
        path = HERE.parents[1] / file
    assert re.search(rf"def {re.escape(name.partition('[')[0])}\(", path.read_text()), path


def test_what_is_shorthand_is_spread() -> None:
    assert spread("a[{1,2}].{x.,}y") == ["a[1].x.y", "a[1].y", "a[2].x.y", "a[2].y"]
    assert spread("plain") == ["plain"]


def test_entries_are_read_in_order_with_their_section() -> None:
    text = """
    [[section]]
    title = "One"
    [[section.difference]]
    says = "a."
    fields = ["A.{b,c}"]
    story = "s"
    [[section]]
    title = "Two"
    [[section.difference]]
    says = "d."
    test = "t"
    """
    one, two = read(text)
    assert (one.section, one.fields, one.ours) == ("One", ("A.b", "A.c"), "*")
    assert (two.section, two.says, two.test) == ("Two", "d.", "t")
