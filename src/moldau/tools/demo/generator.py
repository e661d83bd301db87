"""Sends orders at a steady rate, and remembers what was acknowledged."""

import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice

from confluent_kafka import KafkaError, Message, Producer

from moldau.tools.demo.board import Board
from moldau.tools.demo.clients import POLL_SECONDS, producer_config
from moldau.tools.demo.orders import MINUTE_MS, Order, encode_order

BATCH_SECONDS = 0.01
UNLIMITED_BATCH = 500


class Ledger:
    """What was sent, kept apart from the pipeline: the check measures the topics by it."""

    def __init__(self) -> None:
        self.acknowledged = bytearray()
        # (minute, category) -> cents, of the acknowledged orders only.
        self.cents: dict[tuple[int, str], int] = {}

    def sent(self) -> None:
        self.acknowledged.append(0)

    def acknowledge(self, order: Order) -> None:
        self.acknowledged[order.number] = 1
        window = (order.time_ms - order.time_ms % MINUTE_MS, order.category)
        self.cents[window] = self.cents.get(window, 0) + order.cents


class Generator:
    """Sends `orders` to `topic` until they end or `stop` is set. `rate` 0 means no limit."""

    def __init__(
        self, bootstrap_servers: str, topic: str, orders: Iterator[Order], rate: int, board: Board
    ) -> None:
        self.ledger = Ledger()
        self.stop = threading.Event()
        self._topic = topic
        self._orders = orders
        self._rate = rate
        self._board = board
        self._producer = Producer(producer_config(bootstrap_servers))

    def work(self) -> None:
        # A file takes a while to give its first order: time runs from then on.
        first = list(islice(self._orders, 1))
        self._orders = chain(first, self._orders)
        started = time.monotonic()
        while not self.stop.is_set():
            batch = list(islice(self._orders, self._due(time.monotonic() - started)))
            if not batch:
                break
            for order in batch:
                self._send(order)
            self._board.event_time_ms = batch[-1].time_ms
            self._producer.poll(0)
            self._wait_for_rate(started)
        self._producer.flush()

    def _due(self, elapsed: float) -> int:
        if self._rate == 0:
            return UNLIMITED_BATCH
        return max(1, int(self._rate * (elapsed + BATCH_SECONDS)) - self._board.sent)

    def _wait_for_rate(self, started: float) -> None:
        if self._rate:
            ahead = self._board.sent / self._rate - (time.monotonic() - started)
            if ahead > 0:
                self.stop.wait(ahead)

    def _send(self, order: Order) -> None:
        self.ledger.sent()
        report = partial(self._delivered, order)
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    encode_order(order),
                    order.customer,
                    on_delivery=report,
                    timestamp=order.time_ms,
                )
                break
            except BufferError:
                # The local queue is full: let deliveries make room.
                self._producer.poll(POLL_SECONDS)
        self._board.sent += 1

    def _delivered(self, order: Order, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.ledger.acknowledge(order)
            self._board.acknowledged += 1
            self._board.partitions[message.partition()].end = message.offset() + 1
        else:
            self._board.refused += 1
