"""Watches the group that sums revenue up, as anybody could: asks Kafka who has what, and how far
they have come, and reads the windows that they write."""

import threading
from datetime import datetime

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from moldau.streams.running.membership import describe
from moldau.tools.demo.board import Board
from moldau.tools.demo.clients import BATCH, consumer_config, must_be_record
from moldau.tools.demo.orders import PARTITIONS
from moldau.tools.demo.topics import TIMEOUT_SECONDS, Topics

EVERY_SECONDS = 0.25
MINUTES_KEPT = 40


class GroupWatch:
    """Keeps the board's partitions up to date."""

    def __init__(self, bootstrap_servers: str, topics: Topics, board: Board) -> None:
        self.stop = threading.Event()
        # The members among which the group has shared out all partitions; empty while it has not.
        # One that has just come has none before the next rebalance, and is not among them yet.
        self.settled: set[str] = set()
        self._topics = topics
        self._board = board
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
        # Of that group, and never in it: asks how far it is.
        self._consumer = Consumer(consumer_config(bootstrap_servers, topics.revenue_group))
        self._places = [TopicPartition(topics.orders, p) for p in range(PARTITIONS)]

    def work(self) -> None:
        while not self.stop.wait(EVERY_SECONDS):
            try:
                self._look_at_members()
                self._look_at_positions()
            except KafkaException:
                pass  # a coordinator that has just begun; a run that stands still is given up
        self._consumer.close()

    def _look_at_members(self) -> None:
        group = describe(self._admin, self._topics.revenue_group)
        now = {
            partition: member.client
            for member in group.members
            for topic, partition in member.places
            if topic == self._topics.orders
        }
        for name in sorted(set(now.values())):
            new = [p for p in now if now[p] == name != self._board.partitions[p].consumer]
            if new:
                numbers = ", ".join(map(str, sorted(new)))
                self._board.news.append(f"{name} takes over {numbers}")
        for partition, name in now.items():
            self._board.partitions[partition].consumer = name
        self.settled = set(now.values()) if len(now) == PARTITIONS else set()

    def _look_at_positions(self) -> None:
        for place in self._consumer.committed(self._places, TIMEOUT_SECONDS):
            self._board.partitions[place.partition].summed = max(0, place.offset)


class Result(msgspec.Struct):
    """What the program writes for a category and minute."""

    category: str
    window_start: datetime
    cents: int
    orders: int


class Windows:
    """Reads what the group writes, for the board. Belongs to the thread that draws."""

    def __init__(self, bootstrap_servers: str, topics: Topics, board: Board) -> None:
        self._board = board
        # Category -> its minutes. A year of purchases has a million windows.
        self._seen: dict[str, set[int]] = {}
        self._consumer = Consumer(consumer_config(bootstrap_servers, "unused"))
        self._consumer.assign(
            [TopicPartition(topics.revenue, p, OFFSET_BEGINNING) for p in range(PARTITIONS)]
        )

    def look(self) -> None:
        """Takes what has come; does not wait."""
        for message in self._consumer.consume(BATCH, 0):
            self._take(msgspec.json.decode(must_be_record(message).value(), type=Result))

    def _take(self, result: Result) -> None:
        board, minute = self._board, int(result.window_start.timestamp()) * 1_000
        seen = self._seen.setdefault(result.category, set())
        if minute in seen:
            return  # written again after a rebalance
        seen.add(minute)
        board.windows += 1
        sums = board.closed.setdefault(minute, {})
        sums[result.category] = [result.cents, result.orders]
        if len(board.closed) > MINUTES_KEPT:
            del board.closed[min(board.closed)]
        known = board.category_cents
        known[result.category] = known.get(result.category, 0) + result.cents

    def close(self) -> None:
        self._consumer.close()
