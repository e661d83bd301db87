"""How long sources have been quiet, as their brokers say.

A consumer tells when it has come to the end of a partition, and not whether that is the end still:
what came since is not fetched while the partition is paused or the queue full, and not told while
its broker is away. Neither is silence (promise 4). So the brokers are asked now and then where it
ends, and what counts as silence lies between two answers that nothing has come.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from moldau.streams.running.polled import Place
from moldau.streams.running.wall_clock import now_ms

EVERY_S = 1.0
ASK_S = 3.0
MOST_S = 5.0  # between two answers; of more, nobody knows whether who writes there could


class _Known(NamedTuple):
    """`since`: as of then, that nothing lies behind `end`."""

    end: int
    since: float


class Quiet(NamedTuple):
    """Nothing has come there until `until_ms`, and `deaf_ms` of that were no silence."""

    place: Place
    until_ms: int
    deaf_ms: int


class Silence:
    def __init__(self, admin: AdminClient, heard_s: Callable[[], float]) -> None:
        """`heard_s`: for how long this worker has listened."""
        self._admin = admin
        self._heard_s = heard_s
        self._known: dict[Place, _Known] = {}
        self._asked: dict[Place, Future[Any]] = {}
        self._asked_at = (0, 0.0)  # wall clock in ms, and how long it had listened
        self._due = 0.0

    def look(self, at_end: Mapping[Place, int]) -> Iterator[Quiet]:
        """`at_end`: what is read to its end, and where that was. Asks, and does not wait: those of
        which answers have come."""
        heard, known = self._heard_s(), self._known
        self._known = {
            place: known[place]
            if place in known and known[place].end == end
            else _Known(end, heard)
            for place, end in at_end.items()
        }
        if self._asked and all(one.done() for one in self._asked.values()):
            yield from self._answers()
        elif not self._asked and at_end and time.monotonic() >= self._due:
            self._ask()

    def _answers(self) -> Iterator[Quiet]:
        asked, self._asked = self._asked, {}
        wall, heard = self._asked_at
        for place, future in asked.items():
            known = self._known.get(place)
            if known is None or known.since > heard:
                continue
            try:
                end = int(future.result().offset)
            except KafkaException:
                continue
            if end == known.end:
                self._known[place] = _Known(end, heard)
                yield Quiet(place, wall, round(max(0.0, heard - known.since - MOST_S) * 1000))

    def _ask(self) -> None:
        """As far as the consumer would read: open transactions are no records yet."""
        self._due = time.monotonic() + EVERY_S
        self._asked_at = (now_ms(), self._heard_s())
        asked = {TopicPartition(*place): OffsetSpec.latest() for place in self._known}
        answers = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=ASK_S
        )
        self._asked = {(one.topic, one.partition): future for one, future in answers.items()}
