"""Reads changelogs, to restore tasks."""

from __future__ import annotations

import time
from collections.abc import Iterator

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from moldau.streams.app import App
from moldau.streams.errors import StreamsError
from moldau.streams.running.guarantees import transaction_timeout_ms

BATCH = 5000
POLL_S = 0.1
# Kafka looks every 10 s for transactions whose time is up.
TO_ABORT_S = 30.0
TO_LEAD_S = 30.0
# A topic that has just been made.
_NOT_YET = (
    KafkaError._NOENT,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
)


class Changelogs:
    def __init__(self, app: App) -> None:
        self._app = app
        self._admin = AdminClient(app.client_settings)
        self._wait_s = transaction_timeout_ms(app) / 1000 + TO_ABORT_S

    def read(self, place: TopicPartition) -> Iterator[tuple[bytes, bytes | None]]:
        """What is committed of that partition, to where it ends now. Waits for a transaction that
        is open there: its checkpoint may yet be true. Raises StreamsError when it stays open."""
        end = end_of(self._admin, place)
        until = time.monotonic() + self._wait_s
        reader = self._reader()
        try:
            reader.assign([TopicPartition(place.topic, place.partition, 0)])
            position = 0
            while position < end:
                messages = reader.consume(BATCH, POLL_S)
                for message in messages:
                    position = _offset(message)
                    if message.error() is None:
                        until = time.monotonic() + self._wait_s
                        yield message.key() or b"", message.value()
                if time.monotonic() > until:
                    raise StreamsError(
                        f"{place.topic} {place.partition}: a transaction stays open at offset "
                        f"{position}: see kafka-transactions find-hanging"
                    )
        finally:
            reader.close()

    def _reader(self) -> Consumer:
        return Consumer(
            {
                **self._app.client_settings,
                "group.id": f"{self._app.id}-restore",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,  # the end is known by an empty answer
            }
        )


def end_of(
    admin: AdminClient,
    place: TopicPartition,
    level: IsolationLevel = IsolationLevel.READ_UNCOMMITTED,
) -> int:
    """Where it ends, open transactions and all; READ_COMMITTED: where the first of them begins.
    Raises KafkaException."""
    where = TopicPartition(place.topic, place.partition)
    until = time.monotonic() + TO_LEAD_S
    while True:
        asked = admin.list_offsets({where: OffsetSpec.latest()}, isolation_level=level)
        try:
            return int(asked[where].result().offset)
        except KafkaException as error:
            if error.args[0].code() not in _NOT_YET or time.monotonic() > until:
                raise
        time.sleep(POLL_S)


def _offset(message: Message) -> int:
    """Where the reader is behind it: control records are read too, but not shown."""
    error = message.error()
    offset = message.offset()
    if error is None:
        return int(offset or 0) + 1
    if error.code() == KafkaError._PARTITION_EOF:
        return int(offset or 0)
    raise KafkaException(error)
