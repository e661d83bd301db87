"""A program of which windows close when its one topic falls silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau


@contextmanager
def silent_shop(
    folder: Path, silence: str, **settings: Any
) -> Iterator[tuple[moldau.App, Callable[[int], None]]]:
    """It counts records by second of event time; and what sends one, of so many ms."""
    with moldau.Broker() as broker:
        servers = broker.bootstrap_servers
        admin = AdminClient({"bootstrap.servers": servers})
        admin.create_topics([NewTopic("in", 1, 1)])["in"].result(10)
        producer = Producer({"bootstrap.servers": servers})

        def send(at: int) -> None:
            producer.produce("in", msgspec.json.encode({"at": at}))
            assert producer.flush(10) == 0

        app = moldau.App(
            "shop",
            servers,
            close_after_silence=silence,
            checkpoint="100ms",
            state_dir=folder,
            **settings,
        )
        read = app.stream(app.topic("in", dict, event_time="at", unit="ms"))
        read.group_by(lambda one: "all").tumbling("1s").agg(n=moldau.count()).to("out")
        yield app, send
