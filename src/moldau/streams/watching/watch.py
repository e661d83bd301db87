"""What a worker tells while it runs. The worker's thread writes, others read: what they are given
is whole, made twice a second, and changes no more."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Protocol

import msgspec

from moldau.streams.clock import AFTER_ALL, BEFORE_ALL
from moldau.streams.engine.counts import Counts
from moldau.streams.engine.outputs import Output
from moldau.streams.program import Source
from moldau.streams.running.restoration_progress import Restored
from moldau.streams.running.wall_clock import now_ms
from moldau.streams.topology import Stage, Topology
from moldau.streams.watching.committed import Change, Committed, Size
from moldau.streams.watching.document import (
    Process,
    Read,
    Restoring,
    StateTold,
    Status,
    Step,
    TaskTold,
)
from moldau.streams.watching.rate import Rate

EVERY_S = 0.5
RATE_S = 5.0
Place = tuple[str, int]
"""A stage and a partition: a task."""


class Seen(Protocol):
    """A task, as far as it is told of."""

    @property
    def stage(self) -> Stage: ...

    @property
    def partition(self) -> int: ...

    @property
    def positions(self) -> dict[str, int]: ...

    @property
    def watermark(self) -> int: ...


class Watch:
    """`keeps`: what is committed of the tasks' state is counted, and of the tables that are
    `readable` it is kept. That takes memory, so it is for programs that somebody looks at."""

    def __init__(
        self,
        topology: Topology,
        slot: int = 0,
        *,
        keeps: bool = False,
        readable: Iterable[str] = (),
    ) -> None:
        self.counts = Counts()
        self.committed: dict[Place, Committed] = {}
        self.status: Status = "starting"
        self.on_tasks: Callable[[set[Place]], None] = _unheard  # when they are others
        self._topology = topology
        self._keeps = keeps
        self._readable = frozenset(readable)
        self._changelogs = {topology.changelog(stage): stage.name for stage in topology.stages}
        self._checkpoints: tuple[int, float, float] = (0, 0.0, 0.0)  # how many, the last, all, in s
        self._rate = Rate(RATE_S)
        self._beat = time.monotonic()
        self._next = 0.0
        self._places: set[Place] = set()
        now, machine = now_ms(), platform.node()
        self._told = Process(
            f"{machine}-{os.getpid()}", machine, slot, os.getpid(), "starting", now, now
        )

    # --- for the worker's thread ------------------------------------------------------------

    def round(
        self,
        tasks: Iterable[Seen],
        behind: Callable[[Seen], int | None],
        aborts: int,
        restoring: Iterable[Restored] = (),
    ) -> None:
        """Each time that it comes round. `behind`: how many records a task has not read yet.
        `aborts`: of transactions, so far. `restoring`: what is on its way to be a task."""
        self._beat = now = time.monotonic()
        tasks = list(tasks)
        places = {(one.stage.name, one.partition) for one in tasks}
        if places != self._places:
            self._places = places
            self.on_tasks(places)
        if now >= self._next:
            self._next = now + EVERY_S
            self._tell(tasks, behind, aborts, restoring)

    def begun(
        self, place: Place, rows: Iterable[tuple[bytes, bytes]], watermark: int = BEFORE_ALL
    ) -> None:
        """The task is restored. `rows`: what is committed of its state, as of that watermark."""
        if self._keeps:
            made = Committed(self._readable, watermark)
            made.take(rows)
            self.committed[place] = made

    def dropped(self, place: Place) -> None:
        """The task is another's."""
        self.committed.pop(place, None)

    def checkpointed(self, changes: Iterable[Sequence[Output]], seconds: float) -> None:
        """These are committed, of each task."""
        count, _, total = self._checkpoints
        self._checkpoints = (count + 1, seconds, total + seconds)
        if not self._keeps:
            return
        by_place: dict[Place, list[Change]] = {}
        for topic, partition, key, value, *_ in chain.from_iterable(changes):
            place = (self._changelogs[topic], partition or 0)
            by_place.setdefault(place, []).append((key or b"", value))
        for place, changed in by_place.items():
            if place in self.committed:
                self.committed[place].take(changed)

    # --- for all others ---------------------------------------------------------------------

    def told(self) -> Process:
        """When it came round last is told as it is now: a worker that hangs tells nothing new."""
        ago = time.monotonic() - self._beat
        status: Status = "restoring" if self._told.restoring else self.status
        return msgspec.structs.replace(self._told, status=status, round_s_ago=ago)

    # ----------------------------------------------------------------------------------------

    def _tell(
        self,
        tasks: list[Seen],
        behind: Callable[[Seen], int | None],
        aborts: int,
        restoring: Iterable[Restored],
    ) -> None:
        was = self._told
        counts = self.counts
        count, last, total = self._checkpoints
        records = sum(one.records for one in counts.topics.values())
        every = [*counts.topics.values(), *counts.steps.values()]
        self._told = Process(
            was.process,
            was.machine,
            was.slot,
            was.pid,
            self.status,
            was.started,
            now_ms(),
            records=records,
            records_per_second=self._rate.per_second(records),
            checkpoints=count,
            checkpoint_last_s=last,
            checkpoint_total_s=total,
            aborted_transactions=aborts,
            dead_letters=sum(one.letters for one in every),
            topics=[Read(*name, one.records, one.errors) for name, one in counts.topics.items()],
            steps=self._steps(),
            tasks=[
                TaskTold(one.stage.name, one.partition, _watermark(one), behind(one))
                for one in tasks
            ],
            state=self._state(),
            restoring=[
                Restoring(
                    one.stage.name, one.partition, one.position - one.began, one.end - one.began
                )
                for one in restoring
            ],
        )

    def _steps(self) -> list[Step]:
        """In the order of the program; those too that have had no record."""
        made = []
        for stage in self._topology.stages:
            for node in stage.nodes:
                if not isinstance(node, Source):
                    one = self.counts.step(stage.name, node.name)
                    verb = type(node).__name__.lower()
                    made.append(
                        Step(stage.name, node.name, verb, one.records, one.errors, one.late)
                    )
        return made

    def _state(self) -> list[StateTold]:
        sums: dict[tuple[str, str], Size] = {}
        for (stage, _), committed in self.committed.items():
            for table, size in committed.sizes().items():
                before = sums.get((stage, table), Size(0, 0))
                sums[stage, table] = Size(before.keys + size.keys, before.bytes + size.bytes)
        return [StateTold(*place, *size) for place, size in sums.items()]


def _unheard(_places: set[Place]) -> None:
    """Where nobody asks."""


def _watermark(task: Seen) -> int | None:
    watermark = task.watermark
    return watermark if BEFORE_ALL < watermark < AFTER_ALL else None
