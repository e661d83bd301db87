"""Our tools tell every story as Apache Kafka's do: stdout to the byte, and the exit code."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import moldau
from tests.apache_kafka import ApacheKafka
from tests.transcripts import story
from tests.transcripts.actions import Actions

NAMES = sorted(path.stem for path in story.STORIES.glob("*.txt"))
QUICK = ("topics-basic", "topics-create-errors", "topics-describe-flags")
# The records of the stories are from 2023: retention must not find them.
CONFIG = {
    "log.initial.task.delay.ms": 36_000_000,
    "log.retention.check.interval.ms": 36_000_000,
    "group.initial.rebalance.delay.ms": 0,
    "auto.create.topics.enable": True,
    "num.partitions": 1,
}
# What our broker cannot answer yet as Apache Kafka does, by story and command.
NOT_YET = {
    ("groups-options", "--describe --group ''"): "ConsumerGroupDescribe (KIP-848), which refuses "
    "the empty name; DescribeGroups only does not find it",
}
SCRIPTS = Path(sys.executable).parent
COMMAND_TIMEOUT_S = 60


class Stage:
    """Where stories are told: a broker, and an empty folder for each."""

    def __init__(self, bootstrap_servers: str, not_yet: Iterable[tuple[str, str]] = ()) -> None:
        self._not_yet = list(not_yet)
        port = bootstrap_servers.rpartition(":")[2]
        self.bootstrap = f"127.0.0.1:{port}"
        self.actions = Actions(self.bootstrap)

    def tell(self, name: str, folder: Path) -> list[str]:
        """What differs from the story, line by line."""
        self.actions.clean()
        differences: list[str] = []
        for step in story.read(story.STORIES / f"{name}.txt"):
            if step.text.startswith("file "):
                content = "".join(f"{line}\n" for line in step.stdin or [])
                (folder / step.text.removeprefix("file ")).write_text(content)
            elif step.kind == "!":
                self.actions.do(step.text)
            elif not self._is_not_yet(name, step):
                differences += self._compare(name, step, folder)
        self.actions.clean()
        return differences

    def _is_not_yet(self, name: str, step: story.Step) -> bool:
        return any(name == n and step.text.endswith(end) for n, end in self._not_yet)

    def _compare(self, name: str, step: story.Step, folder: Path) -> list[str]:
        ran = self._run(step, folder)
        got = story.shown(story.normalised(ran.stdout, self.bootstrap))
        wanted = step.stdout
        if step.is_sorted:
            got, wanted = story.in_order(got), story.in_order(wanted)
        differences = _stderr_faults(ran)
        if (got, ran.returncode) != (wanted, step.code):
            differences += [f"- {line}" for line in [*wanted, f"= {step.code}"]]
            differences += [f"+ {line}" for line in [*got, f"= {ran.returncode}"]]
        if differences:
            return [f"{name}.txt:{step.line}: $ {step.text}", *differences, ran.stderr]
        return []

    def _run(self, step: story.Step, folder: Path) -> subprocess.CompletedProcess[str]:
        words = [self._fill(word) for word in shlex.split(step.text)]
        stdin = None if step.stdin is None else "".join(f"{line}\n" for line in step.stdin)
        return subprocess.run(
            [str(SCRIPTS / words[0]), *words[1:]],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            cwd=folder,
            env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"},
            timeout=COMMAND_TIMEOUT_S,
        )

    def _fill(self, word: str) -> str:
        word = word.replace("{B}", self.bootstrap)
        return re.sub(r"\{ID:(\w+)\}", lambda found: self.actions.topic_id(found[1]), word)


def _stderr_faults(ran: subprocess.CompletedProcess[str]) -> list[str]:
    """stderr shows no stack traces, and a failure ends with one line on what to do."""
    if "Traceback" in ran.stderr or "\tat " in ran.stderr:
        return ["stderr has a stack trace"]
    last = ran.stderr.rstrip("\n").rpartition("\n")[2]
    is_help = "--help" in ran.args[1:] or "Processed a total of" in last
    if ran.returncode and not is_help and not last.startswith("kafka-"):
        return ["stderr does not end with what to do"]
    return []


@pytest.fixture(scope="module")
def ours() -> Iterator[Stage]:
    with moldau.Broker(config=CONFIG) as broker:
        yield Stage(broker.bootstrap_servers, NOT_YET)


@pytest.fixture(scope="module")
def apache() -> Iterator[Stage]:
    with ApacheKafka(config={name: str(value).lower() for name, value in CONFIG.items()}) as kafka:
        yield Stage(kafka.bootstrap_servers)


@pytest.mark.apache
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES)
def test_on_apache_kafka(apache: Stage, name: str, tmp_path: Path) -> None:
    differences = apache.tell(name, tmp_path)
    assert not differences, "\n".join(differences)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in NAMES],
)
def test_on_moldau(ours: Stage, name: str, tmp_path: Path) -> None:
    differences = ours.tell(name, tmp_path)
    assert not differences, "\n".join(differences)
