"""Watches the group that sums revenue up, as anybody could: asks Kafka who has what, and how far
they have come, and reads the windows that they write."""

import threading
from datetime import datetime

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

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

    def work(self) -> None:
        while not self.stop.wait(EVERY_SECONDS):
            self._look_at_members()
            self._look_at_positions()

    def _look_at_members(self) -> None:
        group = self._topics.revenue_group
        asked = self._admin.describe_consumer_groups([group], request_timeout=TIMEOUT_SECONDS)
        told = asked[group].result()
        now = {
            place.partition: member.client_id
            for member in told.members
            for place in member.assignment.topic_partitions
            if place.topic == self._topics.orders
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
        asked = [ConsumerGroupTopicPartitions(self._topics.revenue_group)]
        (told,) = self._admin.list_consumer_group_offsets(
            asked, request_timeout=TIMEOUT_SECONDS
        ).values()
        for place in told.result().topic_partitions or []:
            if place.topic == self._topics.orders:
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
