"""Random command lines, given to Apache Kafka's tools and to ours on one Apache Kafka.

    python -m tests.transcripts.fuzz [--seconds 300] [--seed N] [--tool kafka-topics]

Both must print the same to stdout and end with the same code. A command line that does not is
printed with both results; it then belongs into a story.
"""

from __future__ import annotations

import argparse
import os
import shlex
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.apache_kafka import ApacheKafka, ToolServer, run_tool, settle
from tests.transcripts import story
from tests.transcripts.actions import Actions
from tests.transcripts.fuzz_words import TOOLS, Grammar
from tests.transcripts.stage import CONFIG, our_tool

_FILES = {
    "one.csv": "orders,0,5\norders,1,2\n",
    "two.csv": "g,orders,0,7\nh,orders,0,1\n",
    "bad.csv": "orders;0\n",
    "short.properties": "default.api.timeout.ms=3000\nrequest.timeout.ms=3000\n",
    "odd.properties": "nonsense=1\nclient.id=me\n",
    "print.properties": "print.key=true\nprint.offset=true\n",
    "parse.properties": "parse.key=true\nkey.separator=:\n",
    "configs.properties": "retention.ms=70000\ncleanup.policy=compact\n",
    "delete.json": '{"partitions":[{"topic":"victim","partition":0,"offset":1}],"version":1}',
    "bad.json": '{"partitions":[{"topic":"victim","partition":0}],"version":1}',
    "twice.json": '{"partitions":[{"topic":"victim","partition":0,"offset":1},'
    '{"topic":"victim","partition":0,"offset":2}],"version":1}',
}
_QUOTAS = (
    ("--entity-type", "clients", "--entity-name", "c1"),
    ("--entity-type", "users", "--entity-name", "alice"),
    ("--entity-type", "clients", "--entity-default"),
    ("--entity-type", "users", "--entity-name", "alice", "--entity-type", "clients",
     "--entity-name", "c1"),
)  # fmt: skip

_EMPTY = '{"key":null,"value":null,"ts":1700000050000,"headers":[["h","1"],["n",null]]}'
# They end their JVM, whoever else runs in it.
_ALONE = ("kafka-cluster", "kafka-verifiable-producer")
_KEPT = {"orders": 3, "other": 1, "empty_one": 2}


class Ran(NamedTuple):
    stdout: str
    code: int


class Scene:
    """A broker with topics, groups and quotas, which is made ready again after a change."""

    def __init__(self, servers: str, java: ToolServer, folder: Path) -> None:
        self.servers, self._java, self._folder = servers, java, folder
        self._actions = Actions(servers)
        for name, text in _FILES.items():
            (folder / name).write_text(text)

    def begin(self) -> None:
        do = self._actions.do
        self._actions.clean()
        for line in (
            "topic orders 3 retention.ms=9999999999999",
            "topic other 1",
            "topic empty_one 2 cleanup.policy=compact",
            "produce orders 0 10 keys",
            "produce orders 1 4",
            f"record orders 1 {_EMPTY}",
            "produce other 0 3",
            "delete-records orders 0 2",
            "group-start live other 1",
        ):
            do(line)
        self.again()

    def again(self) -> None:
        """As it was before a command that changes something."""
        do, actions = self._actions.do, self._actions
        known = {name: len(t.partitions) for name, t in actions.known_topics().items()}
        if any(known.get(name) != count for name, count in _KEPT.items()):
            self.begin()
            return
        for name in known:
            if name not in _KEPT and not name.startswith("__"):
                do(f"delete-topic {name}")
        actions.delete_groups(but=("live",))
        do("topic victim 2 segment.bytes=1048576")
        do("produce victim 0 3")
        for line in ("g orders 0 6", "g orders 1 1", "g other 0 2", "h orders 0 3"):
            do(f"commit {line}")
        for entity in _QUOTAS:
            self.java(
                ["kafka-configs", "--bootstrap-server", self.servers, "--alter", *entity,
                 "--add-config", "producer_byte_rate=1024,consumer_byte_rate=2048"], None,
            )  # fmt: skip
        settle(self.servers)

    def java(self, words: list[str], stdin: str | None) -> Ran:
        if words[0] in _ALONE:
            ran = run_tool(*words, stdin=stdin or "")
            return Ran(ran.stdout, ran.returncode)
        code, stdout, _ = self._java.run(*words, stdin=stdin or "")
        return Ran(stdout.decode(errors="replace"), code)

    def ours(self, words: list[str], stdin: str | None) -> Ran:
        ran = our_tool(words, stdin, self._folder)
        if "Traceback" in ran.stderr:
            return Ran(ran.stdout + ran.stderr, ran.returncode)
        return Ran(ran.stdout, ran.returncode)

    def difference(
        self, grammar: Grammar, words: list[str], stdin: str | None
    ) -> tuple[Ran, Ran] | None:
        try:
            first = self.shown(grammar, self.java(words, stdin))
        except AssertionError as error:
            raise AssertionError(f"{shlex.join(words)}: {error}") from None
        if grammar.changes(words):
            self.again()
        second = self.shown(grammar, self.ours(words, stdin))
        if grammar.changes(words):
            self.again()
        return None if first == second else (first, second)

    def shown(self, grammar: Grammar, ran: Ran) -> Ran:
        text = story.normalised(ran.stdout, self.servers, self._folder, [*grammar.notes])
        if "events" in grammar.notes:
            text = story.fields_in_alphabet(text)
        return Ran(text, ran.code)


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", allow_abbrev=False)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--tool", choices=sorted(TOOLS), action="append")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        end = time.monotonic() + options.seconds
        tools = options.tool or sorted(TOOLS)
        ran, found = fuzz(options.seed, tools, Path(folder), lambda: time.monotonic() < end)
    print(f"seed {options.seed}: {ran} command lines, {found} differences")
    return 1 if found else 0


def fuzz(
    seed: int, tools: Sequence[str], folder: Path, goes_on: Callable[[], bool]
) -> tuple[int, int]:
    """How many command lines were tried, and how many differed; those are printed."""
    config = {name: str(value).lower() for name, value in CONFIG.items()}
    rng = Random(seed)
    ran = found = 0
    # Java's tools run in the folder and in the time zone of the process that starts them.
    with (
        ApacheKafka(config=config) as kafka,
        chdir(folder),
        changed_environment(TZ="UTC", LC_ALL="C.UTF-8", COLUMNS="80"),
        ToolServer() as java,
    ):
        port = kafka.bootstrap_servers.rpartition(":")[2]
        scene = Scene(f"127.0.0.1:{port}", java, folder)
        scene.begin()
        while goes_on():
            tool = rng.choice(tools)
            words, stdin = TOOLS[tool].draw(rng, tool, scene.servers)
            ran += 1
            pair = scene.difference(TOOLS[tool], words, stdin)
            if pair is not None:
                found += 1
                _tell(words, stdin, pair, scene.servers)
    return ran, found


@contextmanager
def changed_environment(**values: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _tell(words: list[str], stdin: str | None, pair: tuple[Ran, Ran], servers: str) -> None:
    print(f"$ {shlex.join(words).replace(servers, '{B}')}" + (f" < {stdin!r}" if stdin else ""))
    for sign, ran in zip("-+", pair, strict=True):
        for line in [*ran.stdout.split("\n")[:40], f"= {ran.code}"]:
            print(f"  {sign} {line}")
    print(flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
