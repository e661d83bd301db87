"""Empties repartition and redrive topics of what has been read: nothing else does (promise 9)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future, wait
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from moldau.streams.app import App
from moldau.streams.topology import Topology

EVERY_S = 30.0
LAST_S = 5.0


class Emptying:
    """What fails is done with what is read next: nothing depends on it but room."""

    def __init__(self, app: App, topology: Topology) -> None:
        self._admin = AdminClient(app.client_settings)
        self._topics = {one.name for one in topology.repartitions}
        self._topics |= {stage.redrive for stage in topology.stages}
        self._due = time.monotonic() + EVERY_S
        self._read: dict[tuple[str, int], int] = {}
        self._emptied: dict[tuple[str, int], int] = {}

    def committed(self, positions: Iterable[TopicPartition]) -> None:
        """What lies before these positions is not read again."""
        self._read.update(
            ((one.topic, one.partition), one.offset)
            for one in positions
            if one.topic in self._topics
        )
        if time.monotonic() >= self._due:
            self._delete()

    def finish(self) -> None:
        wait(self._delete(), LAST_S)

    def _delete(self) -> list[Future[Any]]:
        self._due = time.monotonic() + EVERY_S
        behind = [
            TopicPartition(*place, offset)
            for place, offset in self._read.items()
            if offset > self._emptied.get(place, 0)
        ]
        self._emptied.update(self._read)
        return list(self._admin.delete_records(behind).values()) if behind else []
