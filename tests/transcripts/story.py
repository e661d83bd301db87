"""Stories: commands as people type them, and what Apache Kafka 4.3.1 answered.

A story is a text file:

    # a comment                         ! topic NAME …      something is made ready (actions.py)
    $ kafka-topics …                    a command; `{B}` HOST:PORT of the broker, `{ID:T}` T's id
    < a line                            its stdin, or the content of `! file NAME`
    | a line                            its stdout; `\\ no newline at the end` if the last has none
    = N                                 its exit code, when it is not 0
    @sort                               in front of a command: the order of lines does not count

Ids, uuids and times differ from run to run and stand as <ID>, <UUID>, <TIME>, the address as
<BOOTSTRAP>.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

STORIES = Path(__file__).parent / "stories"
NO_NEWLINE = "\\ no newline at the end"


@dataclass
class Step:
    """A command (`$`) or an action (`!`)."""

    kind: str
    text: str
    line: int
    is_sorted: bool = False
    stdin: list[str] | None = None
    stdout: list[str] = field(default_factory=list)
    code: int = 0


def read(path: Path) -> list[Step]:
    steps: list[Step] = []
    is_sorted = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        kind, rest = line[:1], line[2:]
        if kind in ("$", "!"):
            steps.append(Step(kind, rest, number, is_sorted))
            is_sorted = False
        elif kind == "<":
            steps[-1].stdin = [*(steps[-1].stdin or []), rest]
        elif kind in ("|", "\\"):
            steps[-1].stdout.append(line)
        elif kind == "=":
            steps[-1].code = int(rest)
        elif kind == "@":
            assert line == "@sort", f"{path.name}:{number}: {line} is not understood"
            is_sorted = True
        else:
            assert not line or kind == "#", f"{path.name}:{number}: {line} is not understood"
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


_UUID = r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
_TOPIC_ID = r"(TopicId: )[A-Za-z0-9_-]{22}(?![\w-])"


def normalised(text: str, bootstrap: str) -> str:
    text = text.replace(bootstrap, "<BOOTSTRAP>")
    text = re.sub(_UUID, "<UUID>", text)
    return re.sub(_TOPIC_ID, r"\1<ID>", text)
