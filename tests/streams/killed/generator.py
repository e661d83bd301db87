"""Sends records until it is told to stop or there are no more, each once, whatever befalls the
broker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from confluent_kafka import KafkaError, Message, Producer

BATCH_S = 0.05


class Made(NamedTuple):
    """`partition` -1: where the key says. `time_ms` 0: now."""

    topic: str
    key: str | None
    value: bytes
    partition: int = -1
    time_ms: int = 0


class Generator:
    """Used as a context; `sent` counts. `rate` is records per second, 0 for no limit."""

    def __init__(self, servers: str, records: Iterator[Made], rate: int) -> None:
        self.sent = 0
        self._failures: list[KafkaError] = []
        self._records = records
        self._pause_s = BATCH_S if rate else 0.0
        self._per_batch = max(1, int(rate * BATCH_S)) if rate else 1000
        self._stop = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "enable.idempotence": True,  # or a batch tried again comes behind the next: late
                "partitioner": "murmur2_random",
                "delivery.timeout.ms": 300_000,
                "log_level": 0,
            }
        )
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Generator:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def finish(self, *, all_of_them: bool = False) -> int:
        """All that was sent is acknowledged; how many. `all_of_them`: waits for the last."""
        if not all_of_them:
            self._stop.set()
        self._thread.join()
        assert self._producer.flush(60) == 0
        assert not self._failures, self._failures[0]
        return self.sent

    @property
    def is_done(self) -> bool:
        """There were no more records."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.wait(self._pause_s):
            batch = list(islice(self._records, self._per_batch))
            if not batch:
                return
            for one in batch:
                self._send(one)
            self._producer.poll(0)

    def _send(self, one: Made) -> None:
        while True:
            try:
                self._producer.produce(
                    one.topic,
                    one.value,
                    one.key,
                    one.partition,
                    on_delivery=self._told,
                    timestamp=one.time_ms,
                )
                break
            except BufferError:
                self._producer.poll(0.1)
        self.sent += 1

    def _told(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failures.append(error)
