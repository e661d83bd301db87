"""A program on topics in memory, run by a scheduler that does what it likes: it feeds any task any
number of records, takes checkpoints, and kills everything at any point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import moldau
from moldau.streams.engine import earlier, held, history, line, spilled
from moldau.streams.engine import state as state_module
from moldau.streams.engine.global_store import GlobalStore
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.placing import partition_of
from moldau.streams.engine.reading import Records
from moldau.streams.engine.state import State
from moldau.streams.engine.state_store import InMemory
from moldau.streams.engine.task import Task
from moldau.streams.testing import Sent
from moldau.streams.topology import Stage, topology

Place = tuple[str, int]


class World:
    """`exactly_once`: what tasks send is seen by others, and is there, from the next checkpoint
    on; otherwise at once, and again after a crash."""

    def __init__(self, app: moldau.App, partitions: int, chance: Any, exactly_once: bool) -> None:
        self._chance = chance
        self._exactly_once = exactly_once
        self.topology = topology(app.id, app.nodes)
        names = [*self.topology.source_topics, *self.topology.sink_topics]
        names += [one.name for one in self.topology.repartitions]
        names += [stage.redrive for stage in self.topology.stages]
        self.logs: dict[str, list[list[Sent]]] = {
            name: [[] for _ in range(partitions)] for name in names
        }
        self._globals = {name: GlobalStore(t) for name, t in self.topology.global_topics.items()}
        self._counts = dict.fromkeys(names, partitions)
        self._stores: dict[Place, InMemory] = {}
        self._behind: dict[Place, list[tuple[list[Output], int]]] = {}  # not in the stores yet
        self._changelogs: dict[Place, list[tuple[bytes, bytes | None]]] = {}
        self._unseen: list[Output] = []
        self._tasks: dict[Place, Task] = {}
        self._now_ms = 0
        for stage in self.topology.stages:
            for partition in range(partitions):
                self._changelogs[stage.name, partition] = []
                self._begin(stage, partition)

    def _begin(self, stage: Stage, partition: int) -> None:
        """From what its machine kept, and the tail of the changelog; or from all of that."""
        place = (stage.name, partition)
        if place not in self._stores or self._chance.random() < 0.3:
            self._stores[place] = InMemory()
        store, self._behind[place] = self._stores[place], []
        begin = store.stamp.offset if store.stamp else 0
        state = State(store)
        state.take((begin + n, *record) for n, record in enumerate(self._changelogs[place][begin:]))
        marker = state.begin()
        with patch.object(state_module, "AT_ONCE", self._chance.choice((0, 1, 10_000))):
            task = Task(
                self.topology, stage, partition, self._counts, state, marker, tables=self._globals
            )
        task.leave_by(lambda: self._drain(task))
        self._tasks[stage.name, partition] = task

    def send(
        self, topic: str, value: Any, key: str | None, partition: int | None = None
    ) -> tuple[int, int]:
        """Where it went: its partition and offset."""
        known = {**self.topology.source_topics, **self.topology.global_topics}[topic]
        data = None if value is None else known.format.encode(value)
        return self._append(Output(topic, partition, key.encode() if key else None, data, 0))

    def _append(self, output: Output) -> tuple[int, int]:
        if output.topic in self._globals:
            self._globals[output.topic].put([output.key], [output.value])
            return 0, 0
        log = self.logs[output.topic]
        place = output.partition
        if place is None:
            place = 0 if output.key is None else partition_of(output.key, len(log))
        log[place].append(Sent(output.key, output.value, output.timestamp or 0, output.headers))
        return place, len(log[place]) - 1

    def run(self, crashes: int) -> None:
        """Until the end of all input."""
        chunk, chunks = self._chance.choice((1, 2, 1000)), self._chance.choice((1, 16))
        sizes = {"CHUNK": chunk, "CHUNKS": chunks}
        at_start = self._chance.choice((0, 1 << 40))
        with (
            patch.multiple(held, **sizes),
            patch.multiple(line, **sizes),
            patch.object(earlier, "AT_ONCE", chunks),
            patch.object(history, "PURGED", self._chance.choice((1, 1000))),
            patch.object(spilled, "MOST_AT_START", at_start),
        ):
            self._run(crashes)

    def _run(self, crashes: int) -> None:
        while not all(task.is_done for task in self._tasks.values()) or self._unseen:
            what = self._chance.random()
            if what < 0.15 and crashes:
                crashes -= 1
                if self._chance.random() < 0.5:  # what a checkpoint holds is all that is left
                    self._checkpoint()
                self._crash()
            elif what < 0.3:
                self._checkpoint()
            else:
                self._feed(self._chance.choice(list(self._tasks.values())))

    def _feed(self, task: Task) -> None:
        task.go_on()
        if task.asks_the_clock:
            self._now_ms += self._chance.choice((0, 1000, 6000))
            task.clock_at(self._now_ms)
        topic = self._chance.choice(task.stage.topics)
        log = self.logs[topic][task.partition]
        at = task.positions.get(topic, 0)
        part = log[at : at + self._chance.choice((1, 1, 2, 3, 20))]
        if self._chance.random() < 0.2:
            self._forget(task)
        if part:
            offsets = range(at, at + len(part))
            columns = zip(*((one.timestamp, one.key, one.value) for one in part), strict=True)
            task.feed(topic, Records(offsets, *map(list, columns)), 0)
        is_own_end = topic in self.topology.source_topics or topic == task.stage.redrive
        if is_own_end and at + len(part) == len(log) and self._chance.random() < 0.3:
            task.ended(topic)
        self._drain(task)

    def _drain(self, task: Task) -> None:
        outputs, task.outputs[:] = list(task.outputs), []
        if self._exactly_once:
            self._unseen += outputs
        else:
            for one in outputs:
                self._append(one)

    def _checkpoint(self) -> None:
        """Exactly once: of all tasks in one. At least once: of any of them."""
        for place, task in self._tasks.items():
            if not self._exactly_once and self._chance.random() < 0.3:
                continue
            task.announce()
            self._drain(task)
            changes, before = task.checkpoint(), len(self._changelogs[place])
            self._changelogs[place] += [(one.key or b"", one.value) for one in changes]
            if changes:
                end = self._chance.choice((before, len(self._changelogs[place])))
                self._behind[place].append((changes, end))
            if self._chance.random() < 0.7:
                for told in self._behind[place]:
                    task.committed(*told)
                self._behind[place] = []
                self._forget(task)
        for output in self._unseen:
            self._append(output)
        self._unseen = []

    def _forget(self, task: Task) -> None:
        """What memory need not hold. Twice: what was used lately goes too."""
        for cache in task._state.caches if task._state.is_committed else ():
            for _ in range(self._chance.choice((0, 1, 2))):
                cache.shrink()

    def _crash(self) -> None:
        """What was written of a checkpoint without its marker does not count."""
        self._unseen = []
        for (stage, partition), task in list(self._tasks.items()):
            if not self._exactly_once and self._chance.random() < 0.5:
                lost = task._state.save()
                self._changelogs[stage, partition] += lost[: self._chance.randrange(len(lost) + 1)]
            self._begin(task.stage, partition)

    def results(self, topic: str) -> list[Any]:
        """(key, value, time) of all that is there, decoded; at least once: repetitions once."""
        decode = self.topology.sink_topics[topic].format.decode
        found: list[Any] = []
        seen: Mapping[Any, None] = {}
        seen = dict.fromkeys(
            (one.key, one.value, one.timestamp) for log in self.logs[topic] for one in log
        )
        every = [(one.key, one.value, one.timestamp) for log in self.logs[topic] for one in log]
        for key, value, time in every if self._exactly_once else seen:
            key_text = None if key is None else key.decode()
            found.append((key_text, None if value is None else decode(value), time))
        return found
