"""Finds the shard of a group, and loads it from its log when it is first asked for.

A log is read in slices, so that a large one keeps nobody else waiting; until it is read clients
are told so, and try again.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from moldau.broker.groups.limits import read_limits
from moldau.broker.groups.load import Loader
from moldau.broker.groups.records import too_long
from moldau.broker.groups.shard import Shard
from moldau.broker.loggers import GROUPS
from moldau.broker.replicated import Decision, KeyValue, Replicated
from moldau.cluster.topic_names import CONSUMER_OFFSETS
from moldau.protocol import uuids
from moldau.protocol.errors import ErrorCode
from moldau.protocol.java_maps import string_hash
from moldau.protocol.records import CorruptBatch
from moldau.storage.disk import DiskError
from moldau.storage.log import Appended, Origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from moldau.broker.node import Node
    from moldau.broker.partition import Partition
    from moldau.broker.timers import Timer

# Bytes of a log that are read before others get their turn: some 20 ms.
SLICE = 1024 * 1024
# Tombstones of deleted topics in one batch, at most.
_MAX_RECORDS = 5_000


def java_hash(text: str) -> int:
    """String.hashCode, as a signed 32-bit number."""
    h = string_hash(text)
    return h - (1 << 32) if h & 0x80000000 else h


def partition_of(group_id: str, partitions: int) -> int:
    """The partition of `__consumer_offsets` that keeps the group (Utils.abs: the smallest number
    has no positive twin and counts as 0)."""
    h = java_hash(group_id)
    return 0 if h == -(1 << 31) else abs(h) % partitions


class _PartitionJournal:
    def __init__(self, node: Node, partition: Partition) -> None:
        self._node = node
        self.partition = partition

    @property
    def end_offset(self) -> int:
        return self.partition.log.log_end_offset

    def append(self, batch: bytes, now_ms: int) -> int | ErrorCode:
        partition = self.partition
        result = partition.log.append_as_leader(
            memoryview(batch), partition.leader_epoch, now_ms, Origin.COORDINATOR
        )
        if isinstance(result, Appended):
            partition.appended(len(batch))
            return result.first_offset
        self._node.loggers[GROUPS].error(f"{partition.log.where} took no record: {result.message}")
        return result.code

    def when_durable(self, offset: int, call: Callable[[], None]) -> None:
        self._node.when_synced([(self.partition, offset)], call)


class _Coordinated:
    """A shard of this node: its engine, once loaded, and its timer."""

    def __init__(self, node: Node, partition: Partition, shard: Shard) -> None:
        self._node = node
        self._timer: Timer | None = None
        self.shard = shard
        self.journal = _PartitionJournal(node, partition)
        self.engine = Replicated(shard, self.journal, node.respond, self._armed)
        self.loader: Loader | None = Loader(shard, partition.log)
        self.failed = False

    def _armed(self, deadline: int | None) -> None:
        if self._timer is not None:
            if self._timer.deadline_ms == deadline and self._timer.action is not None:
                return
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._node.timers.at(deadline, self.engine.tick)

    def clock_moved(self, by_ms: int) -> None:
        self.shard.clock_moved(by_ms)
        if self.loader is None:
            self._armed(self.shard.deadline())

    def stop(self) -> None:
        self._armed(None)
        self.engine.submit(self.shard.unloaded(), self._node.now_ms)
        self._armed(None)


class GroupCoordinator:
    def __init__(self, node: Node) -> None:
        self._node = node
        self._limits = read_limits(node.settings.broker)
        self._started_ms = node.now_ms
        self._shards: dict[int, _Coordinated] = {}
        # Fixed when first asked for: later partitions hold no groups (as in Apache Kafka, where
        # it is fixed at the start).
        self._partitions = 0

    # --- finding ----------------------------------------------------------------------------

    def find(self, group_id: str) -> Replicated[Shard] | ErrorCode:
        """The engine of the group's shard; or why it cannot be asked now."""
        if too_long(group_id):
            return ErrorCode.INVALID_GROUP_ID
        if not self._count_partitions():
            return ErrorCode.NOT_COORDINATOR
        found = self._open(partition_of(group_id, self._partitions))
        return found if isinstance(found, ErrorCode) else found.engine

    def all(self) -> list[Replicated[Shard]] | ErrorCode:
        """Every shard there is."""
        engines = []
        for index in range(self._count_partitions()):
            found = self._open(index)
            if isinstance(found, ErrorCode):
                return found
            engines.append(found.engine)
        return engines

    def _count_partitions(self) -> int:
        if not self._partitions:
            topic = self._node.image.topics.get(CONSUMER_OFFSETS)
            self._partitions = 0 if topic is None else len(topic.partitions)
        return self._partitions

    # --- loading ----------------------------------------------------------------------------

    def _open(self, index: int) -> _Coordinated | ErrorCode:
        found = self._shards.get(index)
        if found is None:
            partition = self._node.partition(CONSUMER_OFFSETS, index)
            if partition is None:
                return ErrorCode.NOT_COORDINATOR
            shard = Shard(self._limits, self._new_uuid)
            found = self._shards[index] = _Coordinated(self._node, partition, shard)
            self._load(found, self._started_ms)
        if found.failed:
            return ErrorCode.NOT_COORDINATOR
        if found.loader is not None:
            return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
        return found

    def _load(self, found: _Coordinated, heard_ms: int) -> None:
        """Reads a slice of the log. `heard_ms`: from when on members should have been heard of:
        the start of this process, when they could have been."""
        assert found.loader is not None
        node = self._node
        try:
            done = found.loader.load(SLICE)
        except (DiskError, CorruptBatch) as error:
            found.failed = True
            node.loggers[GROUPS].error(
                f"the groups and offsets in {found.journal.partition.log.where} cannot be served: "
                f"its log cannot be read ({error})"
            )
            return
        if not done:
            again = partial(self._load, found)
            node.timers.at(node.now_ms, again)
            return
        found.loader = None
        if found.shard.unknown:
            total = sum(found.shard.unknown.values())
            node.loggers[GROUPS].info(
                f"{found.journal.partition.log.where} holds {total} records that classic groups do "
                "not use; they are kept and not read"
            )
        found.engine.submit(found.shard.loaded(heard_ms, node.now_ms), node.now_ms)
        found.engine.tick(node.now_ms)
        self._drop_offsets_of_lost_topics(found)

    def _drop_offsets_of_lost_topics(self, found: _Coordinated) -> None:
        """Of topics that were deleted while the shard was not loaded, or just before a crash."""
        image = self._node.image
        lost = [
            (name, topic_id)
            for name, topic_id in found.shard.offsets.topics()
            if name not in image.topics or topic_id not in (uuids.ZERO, image.topics[name].id)
        ]
        self._write(found, found.shard.topics_deleted(lost))

    def _write(self, found: _Coordinated, records: list[KeyValue]) -> None:
        for start in range(0, len(records), _MAX_RECORDS):
            part = records[start : start + _MAX_RECORDS]
            found.engine.submit(Decision(part), self._node.now_ms)

    def clock_moved(self, by_ms: int) -> None:
        """After the node's timers."""
        self._started_ms += by_ms
        for found in self._shards.values():
            found.clock_moved(by_ms)

    def topic_deleted(self, name: str, topic_id: bytes) -> None:
        """Its committed offsets go with it."""
        if name == CONSUMER_OFFSETS:
            for found in self._shards.values():
                found.stop()
            self._shards.clear()
            self._partitions = 0
            return
        for found in self._shards.values():
            if found.loader is None and not found.failed:
                self._write(found, found.shard.topics_deleted([(name, topic_id)]))

    # --- answers of several shards ----------------------------------------------------------

    def written(self, engines: Iterable[Replicated[Shard]]) -> list[tuple[Partition, int]]:
        """How far their logs are written: what `node.respond_when_synced` takes."""
        found = {id(c.engine): c.journal for c in self._shards.values()}
        return [(found[id(e)].partition, found[id(e)].end_offset) for e in engines]

    def _new_uuid(self) -> str:
        """As Java prints a random uuid."""
        text = uuids.draw(self._node.rng.randbytes).hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
