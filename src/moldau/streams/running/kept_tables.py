"""What this machine keeps of global tables: STATE_DIR/APP/globals/TOPIC-SLOT, each of one process.

It is of use as long as it holds what reading the topic anew would bring: the topic is the same one,
declared as it was, it begins where it did, and no deletion may have been forgotten since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from threading import RLock
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from moldau.streams.app import App
from moldau.streams.engine.coding import decode
from moldau.streams.engine.global_store import GlobalStore, Span, Unreadable
from moldau.streams.program import Topic
from moldau.streams.running.changelogs import is_for_now, offsets, topic_id
from moldau.streams.running.local_store import DamagedError, LocalStore, opened
from moldau.streams.running.state_folders import StateFolders, TaskFolder
from moldau.streams.running.task_state import knows_deletions
from moldau.streams.types import field_type

_VERSION = 1  # of rows and spans
_ANEW = "it is thrown away, and the topic read anew"


class KeptTable:
    """Ours until `close`. `spans`: from where on it is to be read."""

    def __init__(
        self,
        rows: GlobalStore,
        store: LocalStore,
        folder: TaskFolder,
        lock: AbstractContextManager[Any],
        spans: dict[int, Span],
    ) -> None:
        self.rows = rows
        self.spans = spans
        self._store = store
        self._folder = folder
        self._lock = lock

    def flush_due(self) -> None:
        with self._lock:
            self._store.flush_due()

    def close(self, *, is_true_now: bool) -> None:
        """`is_true_now`: the topic holds nothing that is not in it."""
        store = self._store
        with self._lock:
            try:
                if is_true_now and store.stamp is not None:
                    store.write({}, store.stamp)
                store.close()
            finally:
                self._folder.release()


def id_of(admin: AdminClient, topic: Topic) -> str:
    """Rows are called by what their keys are, and a class may be changed. Raises KafkaException."""
    of_key = None if topic.key is None else field_type(topic.type, topic.key)
    return f"{_VERSION} {topic_id(admin, topic.name)} {topic.type!r} {topic.key} {of_key!r}"


class KeptTables:
    def __init__(self, app: App, slot: int, admin: AdminClient, say: Callable[[str], None]) -> None:
        """`slot`: of the processes of this machine, which one."""
        self._folders = StateFolders(app, "globals")
        self._slot = slot
        self._admin = admin
        self._say = say

    def open(self, topic: Topic, count: int) -> KeptTable:
        """`count`: of its partitions. Raises StreamsError, KafkaException."""
        name = topic.name
        places = [TopicPartition(name, number) for number in range(count)]
        begins = offsets(self._admin, places, OffsetSpec.earliest())
        ends = offsets(self._admin, places, OffsetSpec.latest())
        folder = self._folders.at_once(name, self._slot)
        id = id_of(self._admin, topic)
        store = opened(folder.path, id, self._say_damaged, is_shared=True)
        if not self._is_of_use(name, store, begins, ends):
            store.clear()
        lock = RLock()
        rows = self._rows(topic, store, lock)
        spans = {n: (begin, begin) for (_, n), begin in begins.items()} | rows.spans
        return KeptTable(rows, store, folder, lock, spans)

    def _rows(self, topic: Topic, store: LocalStore, lock: Any) -> GlobalStore:
        try:
            return GlobalStore(topic, store, lock)
        except DamagedError as error:
            self._say_damaged(error)
        except Unreadable:  # and may not be in the topic any more
            self._say(f"{store.folder}: rows there are not as they are declared now: {_ANEW}")
        store.clear()
        return GlobalStore(topic, store, lock)

    def _say_damaged(self, error: DamagedError) -> None:
        self._say(f"{error}: {_ANEW}")

    def _is_of_use(
        self,
        name: str,
        store: LocalStore,
        begins: Mapping[tuple[str, int], int],
        ends: Mapping[tuple[str, int], int],
    ) -> bool:
        if store.stamp is None:
            return True
        spans: dict[int, Span] = decode(store.stamp.marker)
        kept = [(begin, at, (name, number)) for number, (begin, at) in spans.items()]
        if any(begins.get(one) != begin or ends[one] < at for begin, at, one in kept):
            return False
        return all(ends[one] == at for _, at, one in kept) or self._knows_deletions(name, store)

    def _knows_deletions(self, name: str, store: LocalStore) -> bool:
        """The topic is another's: it may not be allowed to ask how that is kept."""
        try:
            return knows_deletions(self._admin, name, store)
        except KafkaException as error:
            if is_for_now(error):
                raise
            return False
