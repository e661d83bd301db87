"""Where stories are told: a broker, and an empty folder for each story."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.apache_kafka import settling
from tests.transcripts import story
from tests.transcripts.actions import Actions

# The records of the stories are from 2023: retention must not find them.
CONFIG = {
    "log.initial.task.delay.ms": 36_000_000,
    "log.retention.check.interval.ms": 36_000_000,
    "group.initial.rebalance.delay.ms": 0,
    "auto.create.topics.enable": True,
    "num.partitions": 1,
}
COMMAND_TIMEOUT_S = 120
_SCRIPTS = Path(sys.executable).parent
_ENVIRONMENT = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "COLUMNS": "80"}

# The words of a command, its stdin and the folder to run it in.
Run = Callable[[list[str], str | None, Path], subprocess.CompletedProcess[str]]


def our_tool(words: list[str], stdin: str | None, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(_SCRIPTS / words[0]), *words[1:]],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **_ENVIRONMENT},
        timeout=COMMAND_TIMEOUT_S,
    )


class Stage:
    """A broker at `bootstrap_servers`, and the tools that are run against it. One of Apache Kafka
    (`is_apache`) is waited for where it is to know what has been changed."""

    def __init__(
        self, bootstrap_servers: str, run: Run = our_tool, *, is_apache: bool = False
    ) -> None:
        self._run = run
        self._is_apache = is_apache
        port = bootstrap_servers.rpartition(":")[2]
        self.bootstrap = f"127.0.0.1:{port}"
        self.actions = Actions(self.bootstrap)
        self._marks: dict[str, str] = {}

    def tell(self, name: str, folder: Path, not_yet: Iterable[str] = ()) -> list[str]:
        """What differs from the story, line by line. Commands that end with one of `not_yet` must
        differ: what is the same is on that list for nothing."""
        return list(self.told(name, folder, tuple(not_yet)))

    def told(self, name: str, folder: Path, not_yet: tuple[str, ...] = ()) -> Iterator[str]:
        """The same, while it is being told."""
        for step, ran in self.play(story.read(story.STORIES / f"{name}.txt"), folder):
            found = self._compare(name, step, ran, folder)
            if not (not_yet and step.text.endswith(not_yet)):
                yield from found
            elif not found:
                yield f"no longer needed in differences.toml: $ {step.text}"

    def play(
        self, steps: list[story.Step], folder: Path
    ) -> Iterator[tuple[story.Step, subprocess.CompletedProcess[str]]]:
        """Each command, and how it ended."""
        needs_broker = any(step.needs_broker for step in steps)
        if needs_broker:
            self.actions.clean()
        for step in self._settling(steps) if needs_broker else steps:
            if step.kind == "!":
                self._act(step, folder)
            else:
                words = [self._fill(word) for word in shlex.split(step.text)]
                yield step, self._run(words, _lines(step), folder)
        if needs_broker:
            self.actions.clean()

    def _settling(self, steps: Iterable[story.Step]) -> Iterable[story.Step]:
        if not self._is_apache:
            return steps
        return settling(steps, lambda step: step.text.split(), self.bootstrap)

    def shown(self, step: story.Step, stdout: str, folder: Path) -> list[str]:
        """What a command printed, as the story has it."""
        return story.shown(story.normalised(stdout, self.bootstrap, folder, step.notes))

    def _act(self, step: story.Step, folder: Path) -> None:
        name, _, rest = step.text.partition(" ")
        if name == "file":
            (folder / rest).write_text(self._fill(_lines(step) or ""))
        elif name == "sleep":
            time.sleep(float(rest))
        elif name == "mark":
            mark, topic, partition = rest.split()
            self._marks[mark] = str(self.actions.end_offset(topic, int(partition)))
        else:
            self.actions.do(step.text)

    def _compare(
        self, name: str, step: story.Step, ran: subprocess.CompletedProcess[str], folder: Path
    ) -> list[str]:
        got, wanted = self.shown(step, ran.stdout, folder), step.stdout
        if step.is_sorted:
            got, wanted = story.in_order(got), story.in_order(wanted)
        differences = _stderr_faults(ran)
        if (got, ran.returncode) != (wanted, step.code):
            differences += [f"- {line}" for line in [*wanted, f"= {step.code}"]]
            differences += [f"+ {line}" for line in [*got, f"= {ran.returncode}"]]
        if differences:
            return [f"{name}.txt:{step.line}: $ {step.text}", *differences, ran.stderr]
        return []

    def _fill(self, word: str) -> str:
        word = word.replace("{B}", self.bootstrap)
        word = word.replace("{P}", self.bootstrap.rpartition(":")[2])
        word = word.replace("{FIX}", str(story.FIXTURES))
        for mark, offset in self._marks.items():
            word = word.replace(f"{{{mark}}}", offset)
        return re.sub(r"\{ID:(\w+)\}", lambda found: self.actions.topic_id(found[1]), word)


def _lines(step: story.Step) -> str | None:
    return None if step.stdin is None else "".join(f"{line}\n" for line in step.stdin)


def _stderr_faults(ran: subprocess.CompletedProcess[str]) -> list[str]:
    """stderr shows no stack traces, and a failure ends with one line on what to do."""
    if "Traceback" in ran.stderr or "\tat " in ran.stderr:
        return ["stderr has a stack trace"]
    last = ran.stderr.rstrip("\n").rpartition("\n")[2]
    is_help = {"-h", "--help"} & set(ran.args[1:]) or "Processed a total of" in last
    if ran.returncode and not is_help and not last.startswith("kafka-"):
        return ["stderr does not end with what to do"]
    return []
