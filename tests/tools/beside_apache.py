"""The same command lines, run by Apache's tools and by ours beside each other."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from tests.apache_kafka import ToolServer, run_tool, settling
from tests.transcripts import story

TIMEOUT_S = 100
# Their last lines are said when their process ends.
_ENDS = ("kafka-verifiable-consumer", "kafka-verifiable-producer")


class Ran(NamedTuple):
    code: int
    stdout: str
    stderr: str


def differences(
    java: ToolServer,
    lines: Iterable[Sequence[str]],
    servers: str,
    same: Mapping[str, str] = MappingProxyType({}),
) -> list[str]:
    """Of stdout and exit codes, as lines to read. Both run in the folder of this process; a line
    that changes something is run twice, so it should change nothing the second time. `same`: what
    Apache's says now and then, by what it says else."""
    found = []
    for words in settling(lines, lambda line: line, servers):
        theirs, ours = _by_apache(java, words), by_us(words)
        for rare, usual in same.items():
            theirs = theirs._replace(stdout=theirs.stdout.replace(rare, usual))
        if ours[:2] != theirs[:2]:
            found += _shown(shlex.join(words), theirs, ours)
    return found


def differences_in_story(
    java: ToolServer, text: str, fill: Callable[[str], str], servers: str
) -> list[str]:
    """The same for a story (tests.transcripts.story) without results: what differs from run to run
    counts for nothing, and both have topics and groups of their own where `{who}` is in a name: so
    they run at the same time."""
    found = []

    def told(step: story.Step, who: str) -> Ran:
        words = shlex.split(fill(step.text.replace("{who}", who)))
        stdin = None if step.stdin is None else "".join(f"{line}\n" for line in step.stdin)
        ran = by_us(words, stdin) if who == "ours" else _by_apache(java, words, stdin)
        said = story.normalised(ran.stdout, servers, Path.cwd(), step.notes)
        lines = story.shown(story.fields_in_alphabet(said).replace(f"-{who}", "-{who}"))
        return Ran(ran.code, "\n".join(_in_order(step, lines)), ran.stderr)

    steps = story.parse(text.strip().split("\n"), "story")
    with ThreadPoolExecutor() as pool:
        for step in settling(steps, lambda one: one.text.split(), servers):
            theirs, ours = pool.map(partial(told, step), ("java", "ours"))
            if theirs[:2] != ours[:2]:
                found += _shown(step.text, theirs, ours)
    return found


def _in_order(step: story.Step, lines: list[str]) -> list[str]:
    return story.in_order(lines) if step.is_sorted else lines


def _by_apache(java: ToolServer, words: Sequence[str], stdin: str | None = None) -> Ran:
    if words[0] in _ENDS:
        ran = run_tool(*words, stdin=stdin or "", timeout=TIMEOUT_S)
        return Ran(ran.returncode, ran.stdout, ran.stderr)
    code, stdout, stderr = java.run(*words, stdin=stdin or "")
    return Ran(code, stdout.decode(), stderr)


def by_us(words: Sequence[str], stdin: str | None = None) -> Ran:
    script = Path(sys.executable).parent / words[0]
    ran = subprocess.run(
        [script, *words[1:]], input=stdin, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def _shown(command: str, theirs: Ran, ours: Ran) -> list[str]:
    return [
        f"$ {command}",
        f"- {theirs.stdout}= {theirs.code} {theirs.stderr[:500]}",
        f"+ {ours.stdout}= {ours.code} {ours.stderr}",
    ]
