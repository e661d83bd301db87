"""Exactly once, up to where the changelogs hold nothing but what is committed, as a stamp for the
stores. At least once it is known where a marker lies (`markers.py`).

An end is asked for while no checkpoint is being sent, and is good for a stamp once the group has
taken the positions of the checkpoint behind it: it does not take them of a worker whose task
another has by now. It may lag; what lies behind it is taken again at the next start, which changes
nothing.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from moldau.streams.running.polled import Place

EVERY_S = 2.0
ASK_S = 3.0


class ChangelogEnds:
    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin
        self._asked: dict[Place, Future[Any]] = {}
        self._due = 0.0

    def known(self, places: Collection[Place], *, wait: bool = False) -> dict[Place, int]:
        """Called before anything of a checkpoint is sent: ends that hold for it. Asks now and then,
        and does not wait for the answer, unless it is the last time (`wait`)."""
        if wait:
            self._ask(places)
        elif not self._asked:
            if places and time.monotonic() >= self._due:
                self._ask(places)
            return {}
        elif not all(one.done() for one in self._asked.values()):
            return {}
        asked, self._asked = self._asked, {}
        found, until = {}, time.monotonic() + ASK_S
        for place, future in asked.items():
            try:
                found[place] = int(future.result(max(0.0, until - time.monotonic())).offset)
            except (KafkaException, TimeoutError):
                continue  # the stamp lags
        return found

    def _ask(self, places: Collection[Place]) -> None:
        self._due = time.monotonic() + EVERY_S
        asked = {TopicPartition(*place): OffsetSpec.latest() for place in places}
        answers = self._admin.list_offsets(asked, request_timeout=ASK_S) if asked else {}
        self._asked = {(one.topic, one.partition): future for one, future in answers.items()}
