"""The order-to-shipment processor: at least once, and never an offset too early."""

import threading

from confluent_kafka import Consumer, Message, TopicPartition

from moldau.tools.demo.board import Board
from moldau.tools.demo.clients import (
    BATCH,
    POLL_SECONDS,
    Sender,
    commit,
    consumer_config,
    must_be_record,
)
from moldau.tools.demo.orders import PARTITIONS, decode_order, encode_shipment
from moldau.tools.demo.topics import Topics


class Processor:
    """Reads a batch of orders, sends their shipments, waits for every report, then commits."""

    def __init__(self, bootstrap_servers: str, topics: Topics, board: Board) -> None:
        self.stop = threading.Event()
        self._topics = topics
        self._board = board
        self._positions = [0] * PARTITIONS
        self._sender = Sender(bootstrap_servers)
        self._consumer = Consumer(consumer_config(bootstrap_servers, topics.shipping_group))

    def work(self) -> None:
        self._consumer.subscribe([self._topics.orders])
        try:
            while not self.stop.is_set():
                if messages := self._consumer.consume(BATCH, POLL_SECONDS):
                    self._ship(messages)
        finally:
            self._consumer.close()

    def _ship(self, messages: list[Message]) -> None:
        for message in messages:
            order = decode_order(must_be_record(message).value())
            self._sender.send(self._topics.shipments, encode_shipment(order), order.customer)
            self._positions[message.partition()] = message.offset() + 1
        # If this raises, nothing is committed: whoever starts next reads these orders again.
        self._sender.flush()
        self._board.shipped += len(messages)
        self._commit({message.partition() for message in messages})

    def _commit(self, partitions: set[int]) -> None:
        offsets = [TopicPartition(self._topics.orders, p, self._positions[p]) for p in partitions]
        if not commit(self._consumer, offsets):
            return
        for partition in partitions:
            self._board.partitions[partition].shipped = self._positions[partition]
