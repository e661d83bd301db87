"""Which partitions are assigned, and not read for now."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import Consumer, TopicPartition

from moldau.streams.running.polled import Place


class Paused:
    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._places: set[Place] = set()

    def be(self, places: set[Place]) -> None:
        """These, and no others."""
        if places - self._places:
            self._consumer.pause([TopicPartition(*one) for one in places - self._places])
        self._resume(self._places - places)
        self._places = places

    def dropped(self, places: Iterable[Place]) -> None:
        """They are about to be unassigned: librdkafka would remember that they are paused until
        they are assigned again, and never read them then."""
        gone = self._places.intersection(places)
        self._resume(gone)
        self._places = self._places - gone

    def _resume(self, places: set[Place]) -> None:
        if places:
            self._consumer.resume([TopicPartition(*one) for one in places])
