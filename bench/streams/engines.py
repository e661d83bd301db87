"""The programs that are compared: where each comes from, how it is started and how it is asked how
far it is."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import confluent_kafka

from bench.rivals import installed
from bench.streams import java
from bench.streams.cases import Case, Work
from moldau.version import __version__

FAUST = "faust-streaming==0.15.3"
QUIX = "quixstreams==3.28.1"
BYTEWAX = "bytewax[kafka]==0.21.1"
MSGSPEC = "msgspec>=0.20,<0.23"
PROGRAMS = Path(__file__).parent / "programs"


class Job(NamedTuple):
    """What a program is told, as JSON. `table` is the topic that is joined, keyed as the sales
    are; `folder` is where it may keep what it likes."""

    address: str
    work: Work
    input: str
    output: str
    table: str
    partitions: int
    keyed: bool
    guarantee: str
    group: str
    records: int
    folder: str
    checkpoint_ms: int

    @property
    def text(self) -> str:
        return json.dumps(self._asdict())


class Found(NamedTuple):
    version: str
    command: Callable[[Job], list[str]]


Tells = Literal["commits", "results"]
"""By what a program tells how far it is: the positions that its group commits, or its results."""


@dataclass(frozen=True)
class Engine:
    """`find` gives what runs it, or raises Unavailable. `scale`: how many records it is given, as
    a part of what the fastest are. `cannot`: why it is left out of a case, or "". `broker` is the
    kind that it runs on."""

    name: str
    title: str
    label: str
    find: Callable[[], Found]
    scale: float = 1.0
    cannot: Callable[[Case], str] = lambda case: ""
    progress: Tells = "commits"
    broker: str = "kafka"
    is_rival: bool = True

    def command(self, job: Job) -> list[str]:
        return self.find().command(job)

    @staticmethod
    def environment() -> dict[str, str]:
        return {k: v for k, v in os.environ.items() if not k.startswith("KAFKA_")}


def _here(module: str, version: str) -> Callable[[], Found]:
    words = [sys.executable, "-m", f"bench.streams.programs.{module}"]
    return lambda: Found(version, lambda job: [*words, job.text])


def _faust() -> Found:
    python = installed("bench-faust", FAUST)
    words = ["-m", "faust", "-A", "with_faust", "worker", "-l", "error", "--without-web"]
    return _in_venv(FAUST, lambda job: _with_job(job, [str(python), *words]))


def _quix() -> Found:
    python = installed("bench-quix", QUIX)
    return _in_venv(QUIX, lambda job: [str(python), str(PROGRAMS / "with_quix.py"), job.text])


def _bytewax() -> Found:
    """Its state is kept every `checkpoint_ms` in a folder that must be made ready first."""
    python = installed("bench-bytewax", BYTEWAX, MSGSPEC)

    def command(job: Job) -> list[str]:
        ready = f"{python} -m bytewax.recovery {job.folder} 1"
        run = f"exec {python} -m bytewax.run with_bytewax:flow -r {job.folder}"
        interval = f"-s {job.checkpoint_ms / 1000:.0f} -b 0"
        return _with_job(job, ["sh", "-c", f"{ready} && {run} {interval}"])

    return _in_venv(BYTEWAX, command)


def _in_venv(package: str, command: Callable[[Job], list[str]]) -> Found:
    return Found(package.split("==")[1], command)


def _with_job(job: Job, command: list[str]) -> list[str]:
    """Where the arguments are another's, by the environment."""
    return ["env", f"JOB={job.text}", f"PYTHONPATH={PROGRAMS}", *command]


def _without_transactions(case: Case) -> str:
    return "our broker has no transactions" if case.guarantee == "exactly_once" else ""


def _floor(case: Case) -> str:
    """A loop in one process, that keeps nothing."""
    if not case.keyed or case.guarantee == "exactly_once" or case.work == "join":
        return "a loop by hand ends here"
    return ""


def _others(*works: Work, transactions: bool = True) -> Callable[[Case], str]:
    """Which work a program has no words for."""

    def cannot(case: Case) -> str:
        if case.guarantee == "exactly_once" and not transactions:
            return "it has no transactions"
        return _NO_WORDS.get(case.work, "") if case.work in works else ""

    return cannot


_NO_WORDS: dict[Work, str] = {
    "join": "it joins no stream with a table",
    "agent": "it runs no coroutines",
}
_LIBRDKAFKA = f"confluent-kafka {confluent_kafka.__version__}"
ENGINES = {
    engine.name: engine
    for engine in (
        Engine(
            "moldau",
            "Moldau, on Apache Kafka",
            "Moldau",
            _here("ours", __version__),
            is_rival=False,
        ),
        Engine(
            "moldau-own",
            "Moldau, on its own broker",
            "own broker",
            _here("ours", __version__),
            cannot=_without_transactions,
            broker="moldau",
            is_rival=False,
        ),
        Engine(
            "loop",
            "a loop by hand over confluent-kafka and msgspec",
            "loop",
            _here("loop", _LIBRDKAFKA),
            cannot=_floor,
        ),
        Engine(
            "kafka-streams",
            "Kafka Streams",
            "KStreams",
            lambda: Found(java.VERSION, lambda job: [*java.command(), job.text]),
            cannot=_others("agent"),
        ),
        Engine(
            "bytewax",
            "Bytewax",
            "Bytewax",
            _bytewax,
            scale=0.3,
            cannot=_others("join", "agent", transactions=False),
            progress="results",
        ),
        Engine("quix", "Quix Streams", "Quix", _quix, scale=0.15, cannot=_others("agent")),
        Engine("faust", "Faust", "Faust", _faust, scale=0.015, cannot=_others("join")),
    )
}
