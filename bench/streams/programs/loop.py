"""What a loop by hand costs, over confluent-kafka and msgspec: it knows this one task, keeps its
windows in memory, and loses or repeats what a crash finds. `python -m bench.streams.programs.loop
JOB`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from confluent_kafka import Consumer, Message, Producer

BATCH = 5000
WINDOW_S, LATENESS_S = 60, 10
SILENCE_S = 3.0


class Sale(msgspec.Struct):
    category: str
    amount: Decimal
    timestamp: datetime


class Loop:
    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.is_running = True
        self.decode = msgspec.json.Decoder(Sale).decode
        self.encode = msgspec.json.Encoder().encode
        address = {"bootstrap.servers": job["address"]}
        self.consumer = Consumer(
            {
                **address,
                "group.id": job["group"],
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        self.producer = Producer(
            {**address, "linger.ms": 5, "queue.buffering.max.messages": 1_000_000}
        )
        signal.signal(signal.SIGTERM, self.stop)

    def stop(self, *_: object) -> None:
        self.is_running = False

    def run(self) -> None:
        take = {"sum": Windows(self).take, "map": self.map, "agent": self.handle}[self.job["work"]]
        self.consumer.subscribe([self.job["input"]])
        commit_s = self.job["checkpoint_ms"] / 1000
        next_commit = time.monotonic() + commit_s
        has_new = False
        while self.is_running:
            messages = self.consumer.consume(BATCH, 0.1)
            has_new |= bool(messages)
            take(messages)
            if time.monotonic() > next_commit:
                self.producer.flush(10)
                if has_new:  # else there is no position to commit, which is an error
                    self.consumer.commit(asynchronous=False)
                    has_new = False
                next_commit = time.monotonic() + commit_s
        self.consumer.close()

    def send(self, value: Any, key: str | None = None) -> None:
        while True:
            try:
                self.producer.produce(self.job["output"], self.encode(value), key)
                return
            except BufferError:
                self.producer.poll(0.05)

    def map(self, messages: list[Message]) -> None:
        for message in messages:
            self.send(_in_cents(self.decode(message.value() or b"")))
        self.producer.poll(0)

    def handle(self, messages: list[Message]) -> None:
        asyncio.run(self._handle(messages))

    async def _handle(self, messages: list[Message]) -> None:
        for message in messages:
            await self._handler(self.decode(message.value() or b""))
        self.producer.poll(0)

    async def _handler(self, sale: Sale) -> None:
        self.send(_in_cents(sale))


def _in_cents(sale: Sale) -> dict[str, Any]:
    return {"category": sale.category, "cents": int(sale.amount * 100)}


class Windows:
    """Of each partition, because each has its own time."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._open: dict[tuple[int, int], dict[str, list[Any]]] = {}
        self._highest: dict[int, float] = {}
        self._last = time.monotonic()

    def take(self, messages: list[Message]) -> None:
        decode, windows, highest = self._loop.decode, self._open, self._highest
        for message in messages:
            sale, partition = decode(message.value() or b""), message.partition() or 0
            when = sale.timestamp.timestamp()
            if when > highest.get(partition, 0.0):
                highest[partition] = when
            start = int(when) // WINDOW_S * WINDOW_S
            if start + WINDOW_S + LATENESS_S <= highest[partition]:
                continue  # too late
            window = windows.setdefault((partition, start), {})
            total = window.get(sale.category)
            if total is None:
                window[sale.category] = [sale.amount, 1]
            else:
                total[0] += sale.amount
                total[1] += 1
        if messages:
            self._last = time.monotonic()
        silent = time.monotonic() - self._last > SILENCE_S
        for partition, start in sorted(windows):
            if silent or start + WINDOW_S + LATENESS_S <= highest[partition]:
                self._close(start, windows.pop((partition, start)))

    def _close(self, start: int, window: dict[str, list[Any]]) -> None:
        begin = datetime.fromtimestamp(start, UTC)
        for category, (revenue, orders) in window.items():
            row = {"category": category, "window_start": begin, "revenue": revenue}
            self._loop.send({**row, "orders": orders}, category)
        self._loop.producer.poll(0)


if __name__ == "__main__":
    Loop(json.loads(sys.argv[1])).run()
