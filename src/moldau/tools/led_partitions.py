"""Where records without a key go when some partitions have no leader: librdkafka may choose one of
those, and the records wait there until it gives them up; Java's producer never does."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

_AGAIN_S = 5.0
_PATIENCE_S = 0.5


class LedPartitions:
    """Of the topics of one producer. As Java's, a partition is kept for `batch` bytes."""

    def __init__(self, handle: Any, batch: int) -> None:
        self._handle = handle
        self._batch = batch
        self._led: dict[str, list[int]] = {}
        self._looked_at = 0.0
        self._chosen: dict[str, tuple[int, int]] = {}

    def learn(self, topic: str, partitions: Mapping[int, Any]) -> None:
        self._looked_at = time.monotonic()
        led = [number for number, partition in partitions.items() if partition.leader >= 0]
        if 0 < len(led) < len(partitions):
            self._led[topic] = led
        else:  # all are as good
            self._led.pop(topic, None)
        self._chosen.pop(topic, None)

    def choose(self, topic: str, size: int) -> int | None:
        """For a record of that size; None leaves it to librdkafka."""
        if topic not in self._led:
            return None
        if time.monotonic() - self._looked_at > _AGAIN_S:
            self._look(topic)
            return self.choose(topic, size)
        partition, left = self._chosen.get(topic, (-1, 0))
        if left <= 0:
            partition, left = random.choice(self._led[topic]), self._batch
        self._chosen[topic] = partition, left - size
        return partition

    def _look(self, topic: str) -> None:
        from confluent_kafka import KafkaException

        try:
            self.learn(topic, self._handle.list_topics(topic, _PATIENCE_S).topics[topic].partitions)
        except KafkaException:
            self._looked_at = time.monotonic()
