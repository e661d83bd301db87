"""Brings the state of tasks on this machine up to where their changelogs end.

That goes on a little at a time, between two polls of the group's consumer: however long it takes,
the worker stays in its group, and the tasks that it has go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from moldau.streams.app import App
from moldau.streams.errors import StreamsError
from moldau.streams.running.changelogs import Changelogs, Taken, end_of
from moldau.streams.running.exactly_once import transaction_timeout_ms
from moldau.streams.running.local_store import DamagedError
from moldau.streams.running.polled import Place
from moldau.streams.running.restoration_progress import Progress
from moldau.streams.running.state_folders import StateFolders, Wanted
from moldau.streams.running.task_state import Opening, TaskState
from moldau.streams.topology import Stage, Topology

TURN_S = 0.05
WAIT_S = 0.02
# Kafka looks every 10 s for transactions whose time is up.
TO_ABORT_S = 30.0
TO_SETTLE_S = 2.0


class Restoring:
    def __init__(self, app: App, topology: Topology, say: Callable[[str], None]) -> None:
        self._topology = topology
        self.admin = AdminClient(app.client_settings)
        self._changelogs = Changelogs(app)
        self._folders = StateFolders(app)
        self._wait_s = transaction_timeout_ms(app) / 1000 + TO_ABORT_S
        self._waiting: dict[Place, tuple[TaskState, Wanted]] = {}
        self._reading: dict[Place, TaskState] = {}
        self._until: dict[Place, float] = {}
        self._progress = Progress(say)
        self.opening = Opening(self.admin, self._folders, say)

    def __bool__(self) -> bool:
        """Is there something that is not restored yet?"""
        return bool(self._waiting or self._reading)

    def poll_s(self, otherwise: float) -> float:
        """How long the group's consumer may wait for records."""
        return 0.0 if self._reading else min(WAIT_S, otherwise) if self._waiting else otherwise

    @property
    def under_way(self) -> list[TaskState]:
        return [*(one for one, _ in self._waiting.values()), *self._reading.values()]

    def begin(self, stage: Stage, lead: TopicPartition, copy: TaskState | None = None) -> None:
        """`lead`: where the group is in what it deals out. `copy`: what is there already."""
        one = copy or TaskState(stage, (self._topology.changelog(stage), lead.partition))
        one.group_position = lead.offset
        if copy is None:
            wanted = Wanted(self._folders, stage.name, lead.partition)
            self._waiting[one.place] = (one, wanted)
        else:
            one.began, one.end = one.position, end_of(self.admin, TopicPartition(*one.place))
            self._follow(one)

    def drop(self, stage: Stage, partition: int) -> None:
        """Another is to do it, if it is under way."""
        place = (self._topology.changelog(stage), partition)
        self._waiting.pop(place, None)
        found = self._reading.pop(place, None)
        if found is not None:
            self._changelogs.leave(place)
            found.close()

    def go_on(self) -> Iterator[TaskState]:
        """For a moment. Those that are restored. Raises StreamsError, KafkaException."""
        self._open()
        until = time.monotonic() + TURN_S
        while self._reading:
            for place, taken in self._changelogs.read(WAIT_S).items():
                self._take(self._reading[place], taken)
            yield from self._done()
            if time.monotonic() > until:
                break
        self._progress.show(list(self._reading.values()))

    def anew(self, one: TaskState, error: DamagedError) -> None:
        """From the changelog alone."""
        self.opening.say_damaged(error)
        one.clear()
        self._follow(one)

    def close(self) -> None:
        self._changelogs.close()
        for one in self._reading.values():
            one.close()

    def _open(self) -> None:
        for place, (one, wanted) in list(self._waiting.items()):
            folder = wanted.get()
            if folder is not None:
                del self._waiting[place]
                self.opening.open(one, folder)
                self._follow(one)

    def _follow(self, one: TaskState) -> None:
        self._reading[one.place] = one
        self._changelogs.follow(one.place, one.position)
        self._until[one.place] = time.monotonic() + self._wait_s

    def _take(self, one: TaskState, taken: Taken) -> None:
        try:
            one.take(taken)
            self._until[one.place] = time.monotonic() + self._wait_s
        except DamagedError as error:
            self.anew(one, error)

    def _done(self) -> Iterator[TaskState]:
        """Waits for a transaction that is open there: its checkpoint may yet be true."""
        for place, one in list(self._reading.items()):
            if one.is_there and not self._may_be_short(one):
                del self._reading[place]
                self._changelogs.leave(place)
                self._progress.done(one)
                yield one
            elif time.monotonic() > self._until[place]:
                raise StreamsError(
                    f"{place[0]} {place[1]}: a transaction stays open at offset {one.position}: "
                    f"see kafka-transactions find-hanging"
                )

    def _may_be_short(self, one: TaskState) -> bool:
        """Nothing was found, though the group has come farther: a broker that has only just begun
        to lead may have told too low an end. So it is asked once more, a little later."""
        if one.state.store.stamp is not None or one.group_position <= 0:
            return False
        if time.monotonic() < self._until[one.place] - self._wait_s + TO_SETTLE_S:
            return True
        one.end = end_of(self.admin, TopicPartition(*one.place))
        return not one.is_there
