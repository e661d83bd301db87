"""The state of a task on this machine: a folder, a store in it, and how far that is."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from moldau.streams.engine.outputs import Output
from moldau.streams.engine.state import State
from moldau.streams.engine.state_store import Stamp
from moldau.streams.running.changelogs import (
    TO_LEAD_S,
    Taken,
    deletions_kept_ms,
    end_of,
    is_for_now,
    topic_id,
)
from moldau.streams.running.hosting import AnyTask
from moldau.streams.running.local_store import DamagedError, LocalStore, opened
from moldau.streams.running.polled import Place
from moldau.streams.running.state_folders import StateFolders, TaskFolder
from moldau.streams.running.wall_clock import now_ms
from moldau.streams.topology import Stage


class TaskState:
    """In a folder of this machine, once it is opened."""

    def __init__(self, stage: Stage, place: Place) -> None:
        """`place`: of its changelog."""
        self.stage = stage
        self.place = place
        self.group_position = -1  # where the group is in the topic that it deals out; -1: nowhere
        # Offsets of the changelog. `position`: where it was read to, or written.
        self.began = self.position = self.end = 0
        self.state = State()
        self.store: LocalStore | None = None
        self.folder: TaskFolder | None = None  # ours until `close`

    @property
    def partition(self) -> int:
        return self.place[1]

    @property
    def is_there(self) -> bool:
        return self.position >= self.end

    def open(self, store: LocalStore) -> None:
        self.store = store
        self._begin(store)

    def _begin(self, store: LocalStore) -> None:
        self.state = State(store)
        self.began = self.position = store.stamp.offset if store.stamp else 0

    def clear(self) -> None:
        """Begins anew, with nothing."""
        assert self.store is not None
        self.store.clear()
        self._begin(self.store)

    def take(self, taken: Taken) -> None:
        records, position = taken
        self.state.take(records)
        self.position = position

    def committed(self, task: AnyTask, changes: list[Output], end: int | None) -> None:
        """The checkpoint of `changes` is. `end`: what lies before it in the changelog, was."""
        store = self.store
        assert store is not None
        self.position += len(changes)  # exactly once, nobody asks for it any more
        before = store.stamp.offset if store.stamp else 0
        end = max(before, end or 0)
        if changes:
            task.committed(changes, end)
        elif store.stamp is not None and end > before:
            store.write({}, Stamp(end, store.stamp.marker))
        store.flush_due()

    def close(self) -> None:
        """Raises StreamsError where the disk does not take the rest."""
        store, folder = self.store, self.folder
        self.store = self.folder = None
        try:
            if store is not None:
                store.close()
        finally:
            if folder is not None:
                folder.release()


class Opening:
    """Opens what is there of a task, if it is of use. Raises StreamsError, KafkaException."""

    def __init__(
        self, admin: AdminClient, folders: StateFolders, say: Callable[[str], None]
    ) -> None:
        self.admin = admin
        self._folders = folders
        self._say = say

    def try_open(self, one: TaskState) -> bool:
        """Of a copy: nobody waits for it. False: another process of this machine has it, or the
        brokers do not say now how far it is to go."""
        folder = self._folders.taken(one.stage.name, one.partition)
        if folder is None:
            return False
        try:
            self.open(one, folder, patience_s=0)
        except KafkaException as error:
            one.close()
            if not is_for_now(error):
                raise
            return False
        return True

    def open(self, one: TaskState, folder: TaskFolder, *, patience_s: float = TO_LEAD_S) -> None:
        """`patience_s`: for so long brokers may have no answer."""
        one.folder = folder
        one.end = end_of(self.admin, TopicPartition(*one.place), patience_s=patience_s)
        topic = topic_id(self.admin, one.place[0], patience_s=patience_s)
        one.open(opened(folder.path, topic, self.say_damaged))
        if not self._is_of_use(one, patience_s):
            one.clear()

    def say_damaged(self, error: DamagedError) -> None:
        self._say(f"{error}: it is thrown away, and restored from the changelog")

    def _is_of_use(self, one: TaskState, patience_s: float) -> bool:
        store = one.store
        if store is None or store.stamp is None:
            return True
        if store.stamp.offset >= one.end:
            return store.stamp.offset == one.end
        return knows_deletions(self.admin, one.place[0], store, patience_s=patience_s)


def knows_deletions(
    admin: AdminClient, topic: str, store: LocalStore, *, patience_s: float = TO_LEAD_S
) -> bool:
    """A deletion is in a compacted topic for `delete.retention.ms` only: a store that is older than
    that may hold what has been deleted since, and so may one where that may not be asked. Raises
    KafkaException."""
    age_ms = now_ms() - store.written_ms
    try:
        return age_ms < 0.9 * deletions_kept_ms(admin, topic, patience_s=patience_s)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise
        return False
