"""Adds up what the group reports, and writes each final window to the revenue topic."""

import json
import threading

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from moldau.tools.demo.board import Board
from moldau.tools.demo.clients import (
    BATCH,
    POLL_SECONDS,
    Sender,
    consumer_config,
    must_be_record,
)
from moldau.tools.demo.orders import MINUTE_MS, PARTITIONS, encode_json
from moldau.tools.demo.topics import Topics
from moldau.tools.demo.windows import Merger, Sums


class Totals:
    """Reads all partial revenue from the start, and ends when every partition has ended."""

    def __init__(self, bootstrap_servers: str, topics: Topics, board: Board) -> None:
        self.stop = threading.Event()
        self.ended = threading.Event()
        # [cents, orders] that came too late, summed over the partitions.
        self.late = [0, 0]
        self._topics = topics
        self._board = board
        self._merger = Merger(PARTITIONS)
        self._sender = Sender(bootstrap_servers)
        # It is assigned by hand and never commits: all its state is what it has read.
        self._consumer = Consumer(consumer_config(bootstrap_servers, f"{topics.prefix}.totals"))

    def work(self) -> None:
        self._consumer.assign(
            [
                TopicPartition(self._topics.partial_revenue, p, OFFSET_BEGINNING)
                for p in range(PARTITIONS)
            ]
        )
        try:
            while not (self.stop.is_set() or self._merger.all_ended):
                self._merge(self._consumer.consume(BATCH, POLL_SECONDS))
        finally:
            self._consumer.close()
        self._sender.flush()
        self.ended.set()

    def _merge(self, messages: list[Message]) -> None:
        for message in messages:
            report = json.loads(must_be_record(message).value())
            if "end" in report:
                self._end(message.partition(), report["late"])
            else:
                self._merger.report(message.partition(), report["minute"], report["sums"])
        for minute, sums in self._merger.final():
            self._write(minute, sums)

    def _end(self, partition: int, late: list[int]) -> None:
        if self._merger.report_end(partition):
            self.late[0] += late[0]
            self.late[1] += late[1]

    def _write(self, minute: int, sums: Sums) -> None:
        for category, (cents, orders) in sums.items():
            window = {
                "category": category,
                "start": minute,
                "end": minute + MINUTE_MS,
                "cents": cents,
                "orders": orders,
            }
            last_ms = minute + MINUTE_MS - 1
            self._sender.send(
                self._topics.revenue, encode_json(window), category, timestamp=last_ms
            )
            known = self._board.category_cents
            known[category] = known.get(category, 0) + cents
        self._board.windows += len(sums)
        self._board.closed.append((minute, sums))
