"""Which partitions are assigned, and not read for now."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import Consumer, TopicPartition

from moldau.streams.running.polled import Place


class Paused:
    def __init__(self) -> None:
        self._places: set[Place] = set()

    def be(self, consumer: Consumer, places: set[Place]) -> None:
        """These, and no others."""
        to_pause, to_resume = places - self._places, self._places - places
        if to_pause:
            consumer.pause([TopicPartition(*place) for place in to_pause])
        if to_resume:
            consumer.resume([TopicPartition(*place) for place in to_resume])
        self._places = places

    def dropped(self, places: Iterable[Place]) -> None:
        """They are not assigned any more; when they are again, they are read."""
        self._places = self._places.difference(places)
