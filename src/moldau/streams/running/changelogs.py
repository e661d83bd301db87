"""Reads changelogs, to restore tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

from moldau.streams.app import App
from moldau.streams.running.markers import taken
from moldau.streams.running.polled import Place

BATCH = 5000
POLL_S = 0.1
ASK_S = 5.0
TO_LEAD_S = 30.0
# A topic that has just been made, or whose leaders move.
_NOT_YET = (
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError._NOENT,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
)


Answer = TypeVar("Answer")
Taken = tuple[list[tuple[int, bytes, bytes | None]], int]
"""Records (offset, key and value), and the offset behind them: control records count too."""


class Changelogs:
    """Follows partitions of changelogs; what is committed of them."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._reader: Consumer | None = None
        self._followed: dict[Place, int] = {}

    def follow(self, place: Place, offset: int) -> None:
        """From there on."""
        self._followed[place] = offset
        self._assign()

    def leave(self, place: Place) -> None:
        if self._followed.pop(place, None) is not None:
            self._assign()

    def read(self, wait_s: float) -> dict[Place, Taken]:
        """What there is now, of each in order. Raises KafkaException."""
        read: dict[Place, Taken] = {}
        messages = self._reader.consume(BATCH, wait_s) if self._reader is not None else []
        for message in messages:
            place = (message.topic() or "", message.partition() or 0)
            position = offset_behind(message)
            if place not in self._followed:
                continue
            self._followed[place] = position
            records, _ = read.get(place, ([], 0))
            if message.error() is None:
                records.append(taken(message))
            read[place] = (records, position)
        return read

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _assign(self) -> None:
        if not self._followed:
            self.close()
            return
        if self._reader is None:
            self._reader = self._opened()
        self._reader.assign(
            [TopicPartition(*place, offset) for place, offset in self._followed.items()]
        )

    def _opened(self) -> Consumer:
        return Consumer(
            {
                **self._app.consumer_settings,
                "group.id": f"{self._app.id}-restore",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,  # the end is known by an empty answer
                "queued.max.messages.kbytes": 16384,
            }
        )


def end_of(
    admin: AdminClient,
    place: TopicPartition,
    level: IsolationLevel = IsolationLevel.READ_UNCOMMITTED,
    *,
    patience_s: float = TO_LEAD_S,
) -> int:
    """Where it ends, open transactions and all; READ_COMMITTED: where the first of them begins.
    Raises KafkaException."""
    (end,) = offsets(admin, [place], OffsetSpec.latest(), level, patience_s=patience_s).values()
    return end


def offsets(
    admin: AdminClient,
    places: Iterable[TopicPartition],
    which: OffsetSpec,
    level: IsolationLevel = IsolationLevel.READ_UNCOMMITTED,
    *,
    patience_s: float = TO_LEAD_S,
) -> dict[Place, int]:
    """Raises KafkaException."""
    asked = {TopicPartition(one.topic, one.partition): which for one in places}

    def ask() -> dict[Place, int]:
        # Else it waits a minute for a broker that led it, and is gone.
        answers = admin.list_offsets(asked, isolation_level=level, request_timeout=ASK_S)
        try:
            found = {(one.topic, one.partition): int(answers[one].result().offset) for one in asked}
            if min(found.values()) < 0:  # while leaders moved: taken for empty, a task began anew
                raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
        except KafkaException:
            for topic in {one.topic for one in asked}:
                admin.list_topics(topic, ASK_S)  # else it asks by what it knew of leaders
            raise
        return found

    return _known(ask, patience_s)


def topic_id(admin: AdminClient, name: str, *, patience_s: float = TO_LEAD_S) -> str:
    """A topic that is deleted and made anew has another. Raises KafkaException."""

    def ask() -> str:
        found: Any = admin.describe_topics(TopicCollection([name]))[name].result().topic_id
        return str(found)

    return _known(ask, patience_s)


def deletions_kept_ms(admin: AdminClient, name: str, *, patience_s: float = TO_LEAD_S) -> int:
    """For how long a deletion is in a compacted topic. Raises KafkaException."""
    resource = ConfigResource(ResourceType.TOPIC, name)

    def ask() -> int:
        (asked,) = admin.describe_configs([resource], request_timeout=ASK_S).values()
        return int(asked.result()["delete.retention.ms"].value)

    return _known(ask, patience_s)


def is_for_now(error: KafkaException) -> bool:
    """Leaders move, or a broker begins: it may be asked again."""
    return error.args[0].code() in _NOT_YET


def _known(ask: Callable[[], Answer], patience_s: float = TO_LEAD_S) -> Answer:
    """Also of a topic that all brokers do not know of yet, and of a broker that ends meanwhile."""
    until = time.monotonic() + patience_s
    while True:
        try:
            return ask()
        except KafkaException as error:
            if not is_for_now(error) or time.monotonic() > until:
                raise
        time.sleep(POLL_S)


def offset_behind(message: Message) -> int:
    """Where the reader is behind it: control records are read too, but not shown. -1: it is of no
    partition."""
    error = message.error()
    offset = message.offset()
    if error is None:
        return int(offset or 0) + 1
    if error.code() == KafkaError._PARTITION_EOF:
        return int(offset or 0)
    if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return -1  # a reader is in no group
    raise KafkaException(error)
