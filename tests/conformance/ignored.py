"""What is a difference on purpose: the entries of differences.toml."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.conformance.compare import Difference

FILE = Path(__file__).with_name("differences.toml")


class Entry(NamedTuple):
    """One difference on purpose. What it says stands on the page for users.

    `fields` are those of answers (patterns with `*`), `at` their places, `theirs` and `ours` the
    values. `story` is the test that finds every one of them, and fails when it does not; in the
    stories of `also` they may occur. An entry without fields is about what no answer shows: `test`
    shows it. `kafka_python` names tests of kafka-python that fail on ours because of it,
    `tool_stories` whole stories of tests/transcripts and `tool_commands` (`story: end of the
    command`) what our broker cannot answer in them.
    """

    says: str
    section: str
    story: str = ""
    also: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    at: str = "*"
    theirs: str = "*"
    ours: str = "*"
    test: str = ""
    kafka_python: tuple[str, ...] = ()
    tool_stories: tuple[str, ...] = ()
    tool_commands: tuple[str, ...] = ()

    def field_of(self, difference: Difference) -> str | None:
        """Which of the fields this is a difference of."""
        if not (
            _fits(difference.place, self.at)
            and _fits(difference.theirs, self.theirs)
            and _fits(difference.ours, self.ours)
        ):
            return None
        return next((field for field in self.fields if _fits(difference.field, field)), None)

    def is_of(self, story: str) -> bool:
        return story == self.story or any(fnmatchcase(story, one) for one in self.also)


def _fits(text: str, pattern: str) -> bool:
    """`a|b` is one or the other; `*` anything. Brackets are meant as they stand."""
    return any(fnmatchcase(text, one.replace("[", "[[]")) for one in pattern.split("|"))


@cache
def entries() -> tuple[Entry, ...]:
    """All of them, in the order of the page."""
    return read(FILE.read_text(encoding="utf-8"))


def read(text: str) -> tuple[Entry, ...]:
    found = []
    for section in tomllib.loads(text)["section"]:
        for entry in section.get("difference", []):
            entry["fields"] = tuple(f for one in entry.get("fields", ()) for f in spread(one))
            entry["also"] = tuple(entry.get("also", ()))
            for key in ("kafka_python", "tool_stories", "tool_commands"):
                entry[key] = tuple(entry.get(key, ()))
            found.append(Entry(section=section["title"], **entry))
    return tuple(found)


def spread(text: str) -> list[str]:
    """`a{b,c}` is `ab` and `ac`."""
    before, brace, rest = text.partition("{")
    if not brace:
        return [text]
    middle, _, after = rest.partition("}")
    return [f"{before}{one}{end}" for one in middle.split(",") for end in spread(after)]


class Ledger:
    """The entries that one story may use, and those that it did."""

    def __init__(self, story: str, known: tuple[Entry, ...] | None = None) -> None:
        every = entries() if known is None else known
        self._story = story
        self._entries = [entry for entry in every if entry.is_of(story)]
        self._used: set[tuple[str, str]] = set()

    def covers(self, difference: Difference) -> bool:
        for entry in self._entries:
            field = entry.field_of(difference)
            if field is not None:
                self._used.add((entry.says, field))
                return True
        return False

    def unused(self) -> list[str]:
        """What this story was to show and did not: entries that are no longer needed."""
        return [
            f"{field} ({entry.says})"
            for entry in self._entries
            if entry.story == self._story
            for field in entry.fields
            if (entry.says, field) not in self._used
        ]
