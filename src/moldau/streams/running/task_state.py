"""The state of a task on this machine: a folder, a store in it, and how far that is."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from moldau.streams.engine.outputs import Output
from moldau.streams.engine.state import State
from moldau.streams.engine.state_store import Stamp
from moldau.streams.running.changelogs import Taken, end_of, topic_id
from moldau.streams.running.hosting import AnyTask
from moldau.streams.running.local_store import DamagedError, LocalStore, remove_files
from moldau.streams.running.polled import Place
from moldau.streams.running.state_folders import StateFolders, TaskFolder
from moldau.streams.running.wall_clock import now_ms
from moldau.streams.topology import Stage

TIMEOUT_S = 30.0


class TaskState:
    """In a folder that is ours until `close`, once it is opened."""

    def __init__(self, stage: Stage, place: Place) -> None:
        """`place`: of its changelog."""
        self.stage = stage
        self.place = place
        self.group_position = -1  # where the group is in the topic that it deals out; -1: nowhere
        self.began = self.position = self.end = 0  # offsets of the changelog
        self.state = State()
        self.store: LocalStore | None = None
        self.folder: TaskFolder | None = None

    @property
    def partition(self) -> int:
        return self.place[1]

    @property
    def is_there(self) -> bool:
        return self.position >= self.end

    def open(self, folder: TaskFolder, store: LocalStore) -> None:
        self.folder, self.store = folder, store
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
        """False: another process of this machine has it."""
        folder = self._folders.taken(one.stage.name, one.partition)
        if folder is None:
            return False
        self.open(one, folder)
        return True

    def open(self, one: TaskState, folder: TaskFolder) -> None:
        one.end = end_of(self.admin, TopicPartition(*one.place))
        one.open(folder, self._store(folder, one.place[0]))
        if not self._is_of_use(one):
            one.clear()

    def say_damaged(self, error: DamagedError) -> None:
        self._say(f"{error}: it is thrown away, and restored from the changelog")

    def _store(self, folder: TaskFolder, changelog: str) -> LocalStore:
        topic = topic_id(self.admin, changelog)
        try:
            return LocalStore(folder.path, topic)
        except DamagedError as error:
            self.say_damaged(error)
            remove_files(folder.path)
            return LocalStore(folder.path, topic)

    def _is_of_use(self, one: TaskState) -> bool:
        """A deletion is in a changelog for `delete.retention.ms` only: a store that is older than
        that may hold what has been deleted since."""
        store = one.store
        if store is None or store.stamp is None:
            return True
        if store.stamp.offset >= one.end:
            return store.stamp.offset == one.end
        age_ms = now_ms() - store.written_ms
        return age_ms < 0.9 * self._retention_ms(one.place[0])

    def _retention_ms(self, changelog: str) -> int:
        resource = ConfigResource(ResourceType.TOPIC, changelog)
        (asked,) = self.admin.describe_configs([resource]).values()
        return int(asked.result(TIMEOUT_S)["delete.retention.ms"].value)
