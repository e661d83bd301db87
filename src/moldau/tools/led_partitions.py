"""Where records without a key go: as with Java's producer, all to one partition until a batch of
bytes has gone there, then to another, chosen by chance among those that have a leader.

librdkafka keeps one for a time instead, which is twice `linger.ms`: all that a console producer,
with its second, is given in two goes to one partition, however much that is. And it may choose one
without a leader, where records wait until they are given up.

Apache Kafka: clients/…/producer/internals/BuiltInPartitioner.java, 4.3.1.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

_AGAIN_S = 5.0
_PATIENCE_S = 0.5
_AROUND = 7  # bytes of a short record in a batch that are not its value


class LedPartitions:
    """Of the topics of one producer. A partition is kept for `batch` bytes."""

    def __init__(self, handle: Any, batch: int) -> None:
        self._handle = handle
        self._batch = batch
        self._led: dict[str, list[int]] = {}
        self._looked_at = 0.0
        self._chosen: dict[str, tuple[int, int]] = {}

    def learn(self, topic: str, partitions: Mapping[int, Any]) -> None:
        self._looked_at = time.monotonic()
        led = [number for number, partition in partitions.items() if partition.leader >= 0]
        is_known = self._led.get(topic) == led
        self._led[topic] = led
        if not is_known:
            self._chosen.pop(topic, None)

    def choose(self, topic: str, size: int) -> int | None:
        """For a record with a value of that size; None leaves it to librdkafka."""
        if time.monotonic() - self._looked_at > _AGAIN_S:
            self._look(topic)
        led = self._led.get(topic)
        if not led:
            return None
        partition, left = self._chosen.get(topic, (-1, 0))
        if left <= 0:
            partition, left = random.choice(led), self._batch
        self._chosen[topic] = partition, left - size - _AROUND
        return partition

    def _look(self, topic: str) -> None:
        from confluent_kafka import KafkaException

        try:
            self.learn(topic, self._handle.list_topics(topic, _PATIENCE_S).topics[topic].partitions)
        except KafkaException:
            self._looked_at = time.monotonic()
