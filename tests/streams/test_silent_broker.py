"""A broker that does not answer for a while, and then does."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.protocol.schema import Message
from moldau.streams.running import worker as module
from moldau.streams.running.strangers import Strangers
from tests.conformance.relay import Relay
from tests.streams.test_state_on_a_broker import running
from tests.tools.test_worker import wait_for

pytestmark = pytest.mark.slow

GIVEN_UP = 15  # questions, after which librdkafka asks no more for the sake of a join


def test_a_join_whose_question_for_topics_was_given_up_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By librdkafka's own look for changed topics."""
    monkeypatch.setattr(module, "REFRESH_MS", 1000)
    is_silent = threading.Event()

    # The last that it does before it joins.
    monkeypatch.setattr(Strangers, "refuse", lambda *_: is_silent.set())

    questions: list[Message] = []  # of the group's consumer

    def answer(metadata: Any) -> Message | None:
        if not is_silent.is_set():
            return metadata  # type: ignore[no-any-return]
        if [one.name for one in metadata.topics] == ["orders"]:
            questions.append(metadata)
        return None

    with Relay("", "Metadata", answer) as relay:
        listeners = {
            "listeners": "PLAINTEXT://127.0.0.1:0",
            "advertised.listeners": f"PLAINTEXT://{relay.address}",
        }
        with moldau.Broker(config=listeners) as broker:
            relay.target = broker.bootstrap_servers
            admin = AdminClient({"bootstrap.servers": relay.address})
            admin.create_topics([NewTopic("orders", 1, 1)])["orders"].result(10)
            config = {"socket.timeout.ms": 500, "log_level": 0}
            app = moldau.App("shop", relay.address, state_dir=tmp_path, config=config)
            app.stream(app.topic("orders", dict)).to("copies")
            with running(app) as worker:
                wait_for(lambda: len(questions) >= GIVEN_UP)
                is_silent.clear()
                wait_for(lambda: bool(worker._tasks))
