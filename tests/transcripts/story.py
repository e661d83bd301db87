"""Stories: commands as people type them, and what Apache Kafka 4.3.1 answered.

A story is a text file:

    # a comment                         ! topic NAME …      something is made ready (actions.py)
    $ kafka-topics …                    a command; `{B}` HOST:PORT of the broker, `{ID:T}` T's id
    < a line                            its stdin, or the content of `! file NAME`
    | a line                            its stdout; `\\ no newline at the end` if the last has none
    = N                                 its exit code, when it is not 0
    @sort                               in front of a command: the order of lines does not count
    @numbers                            in front of one: numbers stand as <N>
    @sub REGEX => TEXT                  in front of one: replaced in its stdout
    @exact                              in front of one: its ids and times are always the same

Ids, uuids and times differ from run to run and stand as <ID>, <UUID>, <TIME>, the address as
<BOOTSTRAP>, the folder of the story as <DIR>, a broker's log directory as <LOGDIR>. `record.py`
writes what Apache's tools print into a story. `{FIX}` is the folder of fixtures, <FIX> where it is
printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

STORIES = Path(__file__).parent / "stories"
# Files of a log that Apache Kafka 4.3.1 wrote, for kafka-dump-log.
FIXTURES = Path(__file__).parent / "fixtures"
_NOTE = re.compile(r"@(sort|numbers|exact|sub .+ => .*)")
NO_NEWLINE = "\\ no newline at the end"


@dataclass
class Step:
    """A command (`$`) or an action (`!`)."""

    kind: str
    text: str
    line: int
    notes: list[str] = field(default_factory=list)
    stdin: list[str] | None = None
    stdout: list[str] = field(default_factory=list)
    code: int = 0

    @property
    def is_sorted(self) -> bool:
        return "sort" in self.notes

    @property
    def needs_broker(self) -> bool:
        return "{B}" in self.text or (self.kind == "!" and not self.text.startswith("file "))


def lines_of(path: Path) -> list[str]:
    """Only \\n ends a line: records may hold what Python, too, takes for the end of one."""
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def read(path: Path) -> list[Step]:
    return parse(lines_of(path), path.name)


def parse(lines: Iterable[str], name: str) -> list[Step]:
    steps: list[Step] = []
    notes: list[str] = []
    for number, line in enumerate(lines, 1):
        kind, rest = line[:1], line[2:]
        if kind in ("$", "!"):
            steps.append(Step(kind, rest, number, notes))
            notes = []
        elif kind == "<":
            steps[-1].stdin = [*(steps[-1].stdin or []), rest]
        elif kind in ("|", "\\"):
            steps[-1].stdout.append(line)
        elif kind == "=":
            steps[-1].code = int(rest)
        elif kind == "@":
            assert _NOTE.fullmatch(line), f"{name}:{number}: {line} is not understood"
            notes.append(line[1:])
        else:
            assert not line or kind == "#", f"{name}:{number}: {line} is not understood"
    return steps


def shown(text: str) -> list[str]:
    """stdout as a story has it."""
    if not text:
        return []
    lines = text.split("\n")
    rest = lines.pop()
    return [f"| {line}" for line in lines] + ([f"| {rest}", NO_NEWLINE] if rest else [])


def in_order(lines: list[str]) -> list[str]:
    """The lines sorted; one that begins with a tab stays behind the one before it."""
    blocks: list[list[str]] = []
    for line in lines:
        if line.startswith("| \t") and blocks:
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return [line for block in sorted(blocks) for line in block]


_REPLACED = [
    (re.compile(pattern), text)
    for pattern, text in (
        (r'"logDir":"[^"]*"', '"logDir":"<LOGDIR>"'),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<UUID>"),
        (r"(TopicId: |Cluster ID: )[A-Za-z0-9_-]{22}(?![\w-])", r"\1<ID>"),
        (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[:.,]\d{3}", "<TIME>"),
        # Milliseconds since 1970, but those of the records, which are the same in every run.
        (r"(?<![\d.])1[789](?!00000\d{5})\d{11}(?![\d.])", "<TIME>"),
    )
]
# Java prints these sets in an order of its own in every run.
_SETS = re.compile(
    r"(Option \[[\w-]+\] takes [^:]*: |following scenarios: |Valid (?:states|types) are: )([^\n]*)"
)


def normalised(text: str, bootstrap: str, folder: Path, notes: list[str]) -> str:
    """What may differ from run to run made the same; `notes` are those of the step."""
    host, port = bootstrap.rsplit(":", 1)
    text = text.replace(str(folder), "<DIR>").replace(str(FIXTURES), "<FIX>")
    if "exact" in notes:
        return text
    text = re.sub(rf"(?<![\w.]){re.escape(host)}( *: ?){port}(?!\d)", "<BOOTSTRAP>", text)
    for pattern, instead in _REPLACED:
        text = pattern.sub(instead, text)
    text = _SETS.sub(_in_alphabet, text)
    for note in notes:
        if note.startswith("sub "):
            wanted, instead = note[4:].split(" => ")
            text = re.sub(wanted, instead, text)
        elif note == "numbers":
            text = re.sub(r"\d+(\.\d+)?", "<N>", text)
    return text


def fields_in_alphabet(text: str) -> str:
    """JSON objects, a line each, of which Jackson takes the fields by reflection: in an order of
    each process's own. The stories have the usual one."""
    return re.sub(r'^\{".*\}$', _ordered, text, flags=re.MULTILINE)


def _ordered(found: re.Match[str]) -> str:
    quoted = re.sub(r':(-?<\w+>[^,}"]*)', r':"\1"', found[0])  # what stands for a number
    try:
        return json.dumps(json.loads(quoted), sort_keys=True)
    except ValueError:
        return found[0]


def _in_alphabet(found: re.Match[str]) -> str:
    words = iter(sorted(re.findall(r"[\w-]+", found[2])))
    return found[1] + re.sub(r"[\w-]+", lambda _: next(words), found[2])
