"""Reads the topics that every worker has all of: to their ends before the first record, and on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from moldau.streams.app import App
from moldau.streams.engine.global_store import GlobalStore
from moldau.streams.errors import StreamsError
from moldau.streams.program import Topic

BATCH = 5000
POLL_S = 0.1
TO_ANSWER_S = 60.0
_EOF = KafkaError._PARTITION_EOF


class GlobalTables:
    """`tables`: by topic, then by key, what is there now."""

    def __init__(
        self, app: App, topics: Mapping[str, Topic], partitions: Mapping[str, int]
    ) -> None:
        self._app = app
        self._stores = {name: GlobalStore(topic) for name, topic in topics.items()}
        self.tables = {name: store.values for name, store in self._stores.items()}
        self._places = [
            TopicPartition(name, number, 0) for name in topics for number in range(partitions[name])
        ]
        self._consumer = self._opened() if topics else None

    def _opened(self) -> Consumer:
        consumer = Consumer(
            {
                **self._app.consumer_settings,
                "group.id": f"{self._app.id}-global",  # has no members: nothing is committed
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
            }
        )
        consumer.assign(self._places)
        return consumer

    def fill(self) -> None:
        """To the ends. Raises StreamsError."""
        open_: set[Any] = {(one.topic, one.partition) for one in self._places}
        until = time.monotonic() + TO_ANSWER_S
        while open_:
            messages = self._take(POLL_S)
            if messages:
                until = time.monotonic() + TO_ANSWER_S
            for message in messages:
                if message.error() is not None:
                    open_.discard((message.topic(), message.partition()))
            if time.monotonic() > until:
                names = ", ".join(sorted({str(topic) for topic, _ in open_}))
                raise StreamsError(f"global table {names}: no answer in {TO_ANSWER_S:.0f} s")

    def follow(self) -> None:
        """What has come since."""
        self._take(0.0)

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()

    def _take(self, wait_s: float) -> list[Message]:
        if self._consumer is None:
            return []
        messages: list[Message] = self._consumer.consume(BATCH, wait_s)
        for message in messages:
            error = message.error()
            if error is None:
                self._stores[message.topic() or ""].put([message.key()], [message.value()])
            elif error.code() != _EOF:
                raise KafkaException(error)
        return messages
