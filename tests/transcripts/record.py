"""Writes into stories what Apache Kafka's own tools print against an Apache Kafka.

    python -m tests.transcripts.record                 all stories
    python -m tests.transcripts.record groups-reset …  some
    python -m tests.transcripts.record --check …       only shows what would change

A new story is a file with commands and actions alone; comments and notes stay where they are.
Expectations are never written by hand.
"""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.apache_kafka import ApacheKafka, run_tool
from tests.transcripts import story
from tests.transcripts.stage import COMMAND_TIMEOUT_S, CONFIG, Stage

_JAVA_ENVIRONMENT = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "COLUMNS": "80"}


def main(argv: list[str]) -> int:
    check = "--check" in argv
    names = [word for word in argv if word != "--check"]
    names = names or sorted(path.stem for path in story.STORIES.glob("*.txt"))
    config = {name: str(value).lower() for name, value in CONFIG.items()}
    changed = 0
    with ApacheKafka(config=config) as kafka:
        stage = Stage(kafka.bootstrap_servers, _apache_tool, is_apache=True)
        for name in names:
            changed += _record(stage, story.STORIES / f"{name}.txt", check)
    print(f"{changed} of {len(names)} stories {'would change' if check else 'changed'}")
    return 1 if check and changed else 0


def _apache_tool(
    words: list[str], stdin: str | None, folder: Path
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **_JAVA_ENVIRONMENT}
    return run_tool(
        *words, stdin=stdin or "", timeout=COMMAND_TIMEOUT_S, cwd=folder, env=environment
    )


def _record(stage: Stage, path: Path, check: bool) -> bool:
    steps = story.read(path)
    with tempfile.TemporaryDirectory() as folder:
        for step, ran in stage.play(steps, Path(folder)):
            step.stdout = stage.shown(step, ran.stdout, Path(folder))
            step.code = ran.returncode
    before = story.lines_of(path)
    after = _written(before, steps)
    if before == after:
        return False
    print("\n".join(difflib.unified_diff(before, after, path.name, path.name, lineterm="")))
    if not check:
        path.write_text("".join(f"{line}\n" for line in after), encoding="utf-8")
    return True


def _written(before: list[str], steps: list[story.Step]) -> list[str]:
    """The story with the results of its commands; what a person wrote stays."""
    results = {step.line: step for step in steps if step.kind == "$"}
    lines: list[str] = []
    waiting: story.Step | None = None
    for number, line in enumerate(before, 1):
        if line.startswith(("| ", "|", "\\", "= ")):
            continue
        if waiting is not None and not line.startswith("<"):
            lines += _result(waiting)
            waiting = None
        lines.append(line)
        waiting = results.get(number, waiting)
    return lines + (_result(waiting) if waiting is not None else [])


def _result(step: story.Step) -> list[str]:
    return step.stdout + ([f"= {step.code}"] if step.code else [])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
