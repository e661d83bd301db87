"""The topics of a program that are deleted, made anew or given more partitions while it runs: it
stops and says so, instead of going on with a part of its input or of its state.

Producers let a broker make a topic that is missing, and consumers begin a new one at its beginning;
neither would be noticed otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from moldau.streams.app import App
from moldau.streams.errors import StreamsError
from moldau.streams.shapes import depends_on_count
from moldau.streams.topology import Topology

LOOK_S = 5.0
LOOK_AGAIN_S = 1.0  # where one is missing: a broker that was just started may not know it yet
ASK_S = 5.0
MISSING = 2  # times in a row
RESET = "reset the program (moldau streams reset)"
_MISSING = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)


class Seen(NamedTuple):
    """`id`: one that is made anew has another."""

    id: str
    partitions: int


class TopicWatch:
    """Of one worker. `look` is called in each of its rounds, and does not wait."""

    def __init__(
        self,
        app: App,
        topology: Topology,
        partitions: Mapping[str, int],
        admin: AdminClient,
        say: Callable[[str], None],
    ) -> None:
        """`partitions`: how many each topic has."""
        self._id = app.id
        self._uses = _uses(topology)
        stages = list(filter(depends_on_count, topology.stages))
        self._fixed = {name for stage in stages for name in stage.topics}
        self._fixed |= {topology.changelog(stage) for stage in stages}
        self._written = set(topology.sink_topics) - self._uses.keys()
        self._partitions = partitions
        self._admin = admin
        self._say = say
        self._ids: dict[str, str] = {}
        self._missing: dict[str, int] = {}
        self._asked: dict[str, Future[Any]] = {}
        self._due = 0.0

    def look(self) -> None:
        """Raises StreamsError."""
        if not self._asked:
            if time.monotonic() >= self._due:
                self._ask()
        elif all(one.done() for one in self._asked.values()):
            self._judge()

    def explain(self) -> None:
        """Something has failed: is it because of this? Waits for the answer. Raises
        StreamsError."""
        for _ in range(MISSING):
            if not self._asked:
                self._ask()
            until = time.monotonic() + ASK_S
            while not all(one.done() for one in self._asked.values()):
                if time.monotonic() > until:
                    return  # it is the brokers
                time.sleep(0.02)
            self._judge()
            if not self._missing:
                return
            time.sleep(LOOK_AGAIN_S)

    def grown(self, topic: str, partitions: int) -> StreamsError:
        advice = "start it again, and it reads them all"
        if topic in self._fixed:
            advice = f"keys lie elsewhere than the state that was made of them: {RESET}"
        return StreamsError(
            f"{self._id}: {topic} had {self._partitions[topic]} partitions and has {partitions} "
            f"now; {advice}"
        )

    # ----------------------------------------------------------------------------------------

    def _ask(self) -> None:
        names = [*self._uses, *self._written]
        self._asked = self._admin.describe_topics(TopicCollection(names), request_timeout=ASK_S)

    def _judge(self) -> None:
        asked, self._asked = self._asked, {}
        for name, future in asked.items():
            try:
                described = future.result()
            except KafkaException as error:
                if error.args[0].code() in _MISSING:
                    self._is_missing(name)
                continue  # what may not be asked, or is not answered
            self._missing.pop(name, None)
            self._is_there(name, Seen(str(described.topic_id), len(described.partitions)))
        self._due = time.monotonic() + (LOOK_AGAIN_S if self._missing else LOOK_S)

    def _is_missing(self, name: str) -> None:
        self._missing[name] = self._missing.get(name, 0) + 1
        is_new = self._missing[name] == MISSING
        if is_new or (name in self._uses and self._missing[name] > MISSING):
            self._ids.pop(name, None)
            self._deleted(name, "was deleted")

    def _is_there(self, name: str, seen: Seen) -> None:
        before = self._ids.setdefault(name, seen.id)
        if before != seen.id:
            self._ids[name] = seen.id
            self._deleted(name, "was deleted and made anew")
        elif name in self._uses and seen.partitions > self._partitions[name]:
            raise self.grown(name, seen.partitions)

    def _deleted(self, name: str, what: str) -> None:
        if name in self._uses:
            use, advice = self._uses[name]
            raise StreamsError(f"{self._id}: {name}, {use}, {what} while the program ran: {advice}")
        self._say(
            f"{self._id}: {name}, which it writes to, {what} while the program ran: what it held "
            f"is gone; what comes goes to a new one, or to dead letters if the broker makes none"
        )


def _uses(topology: Topology) -> dict[str, tuple[str, str]]:
    """By topic, what it is to the program, and what to do without it."""
    reads = ("which it reads", f"when it is there again, {RESET}")
    uses = dict.fromkeys([*topology.source_topics, *topology.global_topics], reads)
    for one in topology.repartitions:
        uses[one.name] = ("by which records go from one step to another", RESET)
    for stage in topology.stages:
        uses[topology.changelog(stage)] = ("which keeps its state", RESET)
        uses[stage.redrive] = ("by which dead letters come back", "start it again")
    return uses
