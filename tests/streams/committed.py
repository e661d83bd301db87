"""What is committed of a partition."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

import moldau
from moldau.streams.running.changelogs import Changelogs, end_of


def committed(app: moldau.App, place: TopicPartition) -> Iterator[tuple[bytes, bytes | None]]:
    """Keys and values, to where it ends now; waits for what is open there."""
    end = end_of(AdminClient(app.client_settings), place)
    changelogs = Changelogs(app)
    changelogs.follow((place.topic, place.partition), 0)
    position, until = 0, time.monotonic() + 60
    while position < end:
        assert time.monotonic() < until, f"{place}: open at {position}"
        for records, position in changelogs.read(0.1).values():  # noqa: B007
            yield from ((key, value) for _, key, value in records)
    changelogs.close()


def places(admin: AdminClient, topic: str) -> list[TopicPartition]:
    """Its partitions; none where there is no such topic."""
    known = admin.list_topics(timeout=30).topics.get(topic)
    return [] if known is None else [TopicPartition(topic, number) for number in known.partitions]


def values(app: moldau.App, topic: str) -> list[Any]:
    """What its records hold, in order of partitions; waits until nothing in it is open."""
    return [
        msgspec.json.decode(value or b"")
        for one in places(AdminClient(app.client_settings), topic)
        for _, value in committed(app, one)
    ]
