"""The group of three that sums up revenue, each member its share of the six partitions.

Their state is small, so it travels with the offset: every commit carries the open minutes of
the partition in its metadata. Whoever is given the partition goes on exactly where the other
stopped. What was reported after the last commit is reported again, with the same sums, and
the merger takes the first of each: a rebalance cannot change a window.
"""

import threading
import time

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from moldau.tools.demo.board import Board, Stage
from moldau.tools.demo.clients import (
    BATCH,
    POLL_SECONDS,
    Sender,
    commit,
    consumer_config,
    must_be_record,
)
from moldau.tools.demo.orders import decode_order, encode_json
from moldau.tools.demo.topics import Topics
from moldau.tools.demo.windows import PartitionWindows, Sums

COMMIT_SECONDS = 0.5
# Kafka's default offset.metadata.max.bytes.
METADATA_BYTES = 4_096


class RevenueConsumer:
    """One member of the group. `ends` (partition -> offset) appears when no order will follow."""

    def __init__(
        self, name: str, bootstrap_servers: str, topics: Topics, board: Board, ends: dict[int, int]
    ) -> None:
        self.name = name
        self.stop = threading.Event()
        self._topics = topics
        self._board = board
        self._ends = ends
        self._windows: dict[int, PartitionWindows] = {}
        self._next: dict[int, int] = {}
        self._uncommitted: set[int] = set()
        self._sender = Sender(bootstrap_servers)
        self._consumer = Consumer(
            consumer_config(bootstrap_servers, topics.revenue_group)
            | {"client.id": name, "partition.assignment.strategy": "cooperative-sticky"}
        )

    def work(self) -> None:
        self._consumer.subscribe(
            [self._topics.orders],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )
        committed_at = time.monotonic()
        try:
            while not self.stop.is_set():
                for message in self._consumer.consume(BATCH, POLL_SECONDS):
                    self._sum_up(must_be_record(message))
                self._close_minutes()
                if time.monotonic() - committed_at >= COMMIT_SECONDS:
                    self._commit(self._uncommitted)
                    committed_at = time.monotonic()
        finally:
            # Leaves the group; what is owned is committed in `_revoked`.
            self._consumer.close()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self.stop.is_set():
            # On the way out: librdkafka answers no questions while it closes.
            return
        for committed in consumer.committed(partitions, timeout=30):
            if committed.error is not None:
                raise KafkaException(committed.error)
            self._windows[committed.partition] = PartitionWindows.from_text(committed.metadata)
            self._next[committed.partition] = max(0, committed.offset)
            self._board.partitions[committed.partition].consumer = self.name
        self._tell("takes over", partitions)

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            self._commit({p.partition for p in partitions} & self._uncommitted)
        except (KafkaException, ValueError) as error:
            # Raised from here inside close(), it would come out as something else.
            self._board.failure = f"{self.name} could not commit: {error}"
        self._forget(partitions)
        self._tell("gives back", partitions)

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # Somebody else owns them by now: a commit would take his progress back.
        self._forget(partitions)
        self._tell("lost", partitions)

    def _forget(self, partitions: list[TopicPartition]) -> None:
        for partition in (p.partition for p in partitions):
            self._windows.pop(partition, None)
            self._next.pop(partition, None)
            self._uncommitted.discard(partition)

    def _tell(self, verb: str, partitions: list[TopicPartition]) -> None:
        if partitions:
            numbers = ", ".join(str(p.partition) for p in sorted(partitions))
            self._board.news.append(f"{self.name} {verb} {numbers}")

    def _sum_up(self, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        # A batch may hold records that were fetched before the partition was given back.
        if offset < self._next.get(partition, offset + 1):
            return
        self._windows[partition].add(decode_order(message.value()))
        self._next[partition] = offset + 1
        self._uncommitted.add(partition)

    def _close_minutes(self) -> None:
        for partition, windows in self._windows.items():
            for minute, sums in windows.close():
                self._report(partition, minute, sums)
            if not windows.ended and self._ends.get(partition) == self._next[partition]:
                self._end(partition, windows)
            self._board.partitions[partition].summed = self._next[partition]

    def _end(self, partition: int, windows: PartitionWindows) -> None:
        for minute, sums in windows.end():
            self._report(partition, minute, sums)
        self._send(partition, {"end": True, "late": windows.late})
        self._uncommitted.add(partition)

    def _report(self, partition: int, minute: int, sums: Sums) -> None:
        self._send(partition, {"minute": minute, "sums": sums})

    def _send(self, partition: int, value: object) -> None:
        self._sender.send(self._topics.partial_revenue, encode_json(value), partition=partition)

    def _commit(self, partitions: set[int]) -> None:
        """Commit positions with their windows, after the reports that they stand for."""
        if not partitions:
            return
        self._sender.flush()
        if commit(self._consumer, [self._offset(partition) for partition in partitions]):
            self._uncommitted -= partitions

    def _offset(self, partition: int) -> TopicPartition:
        state = self._windows[partition].to_text()
        if len(state.encode()) > METADATA_BYTES:
            raise ValueError(
                f"the open minutes of partition {partition} need {len(state)} bytes, and the "
                f"metadata of a commit holds {METADATA_BYTES}: use fewer categories"
            )
        return TopicPartition(self._topics.orders, partition, self._next[partition], state)


class ConsumerGroup:
    """Members started, replaced and stopped; none of it waits."""

    def __init__(self, bootstrap_servers: str, topics: Topics, board: Board) -> None:
        # Filled when the orders have ended: partition -> the offset after its last order.
        self.ends: dict[int, int] = {}
        self.stages: list[Stage] = []
        self._bootstrap_servers = bootstrap_servers
        self._topics = topics
        self._board = board
        self._members: list[RevenueConsumer] = []

    def start(self, members: int) -> None:
        for _ in range(members):
            name = f"consumer-{len(self.stages) + 1}"
            member = RevenueConsumer(
                name, self._bootstrap_servers, self._topics, self._board, self.ends
            )
            self._members.append(member)
            self.stages.append(Stage(name, self._board, member.work))
            self.stages[-1].start()

    def replace_one(self) -> None:
        """The oldest member leaves while another joins and the rest go on."""
        self._members.pop(0).stop.set()
        self.start(1)

    def settled(self) -> bool:
        """Whether every member has its share, so that no rebalance is going on."""
        owners = {partition.consumer for partition in self._board.partitions}
        return owners == {member.name for member in self._members}

    def stop(self) -> None:
        for member in self._members:
            member.stop.set()
