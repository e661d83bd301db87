"""What a measurement is: a unit measures one broker once and gives figures for some rows."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from bench.brokers import Kind, Recipe, Running

ROOT = Path(__file__).resolve().parent.parent
IDLE_S = 2.0  # after which a broker that was started counts as idle
CLIENT_TIMEOUT_S = 180.0


class Row(NamedTuple):
    """A line of the result. `key` is unique; `better` is "more", "less" or "" for neither."""

    key: str
    title: str
    unit: str
    better: str


class Effort(NamedTuple):
    """How much is done for one measurement."""

    records: int  # of 100 bytes; of 1 KiB it is a third of that
    seconds: float  # of requests
    warm_seconds: float
    answers: int  # at most so many for a latency


FULL = Effort(600_000, 0.8, 0.2, 5_000)
WARMING = Effort(300_000, 0.5, 0.2, 1_500)
QUICK = Effort(60_000, 0.3, 0.1, 500)

Figures = dict[str, float]


@dataclass(frozen=True)
class Unit:
    """`measure` is asked with a running broker and gives a figure for each of `rows`."""

    name: str
    rows: tuple[Row, ...]
    measure: Callable[[Target, Effort], Figures]


@dataclass(frozen=True)
class FreshUnit:
    """A unit that starts a broker of its own, in a folder that is not there yet."""

    name: str
    rows: tuple[Row, ...]
    measure: Callable[[Kind, Recipe, Path], Figures]
    once: bool = False  # too long to be repeated


class MeasureError(Exception):
    """A broker or client failed in a measurement. The text says how."""


class NotApplicable(Exception):
    """A broker has nothing that this unit could measure."""


class Target:
    """A running broker, and what a unit asks of it."""

    _numbers = itertools.count(1)

    def __init__(self, broker: Running) -> None:
        self.broker = broker
        self._admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})

    def new_topic(self, partitions: int) -> str:
        name = f"bench-topic-{next(self._numbers)}"
        try:
            self._admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)
        except (KafkaException, TimeoutError) as error:
            raise MeasureError(f"CreateTopics: {error!r}") from None
        return name

    def drop_topic(self, name: str) -> None:
        try:
            self._admin.delete_topics([name])[name].result(30)
        except (KafkaException, TimeoutError) as error:
            raise MeasureError(f"DeleteTopics: {error!r}") from None

    def led_partitions(self, topic: str) -> int:
        """How many of its partitions have a leader."""
        found = self._admin.list_topics(topic, timeout=30).topics[topic].partitions
        return sum(one.leader >= 0 for one in found.values())

    def client(self, module: str, **job: Any) -> Figures:
        """Runs a client of this package in a process of its own, for its JSON."""
        job |= {"address": self.broker.address, "pid": self.broker.pid}
        command = [sys.executable, "-m", f"bench.{module}", json.dumps(job)]
        try:
            done = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, timeout=CLIENT_TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            raise MeasureError(f"the client was not done in {CLIENT_TIMEOUT_S:.0f} s") from None
        if done.returncode:
            raise MeasureError((done.stderr.strip().splitlines() or ["no word"])[-1])
        figures: Figures = json.loads(done.stdout)
        return figures


def size_text(size: int) -> str:
    return f"{size // 1024} KiB" if size % 1024 == 0 else f"{size} B"


def count_text(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def acks_text(acks: int) -> str:
    return "all" if acks == -1 else str(acks)
