"""Mutations of valid requests, for each API and over all of its versions.

MOLDAU_MUTATIONS says how many for each API (10,000 is the full number), MOLDAU_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import closing
from struct import pack

import pytest

from moldau import Broker
from moldau.broker.served import SERVED
from moldau.protocol.messages.api_versions import ApiVersionsRequest
from moldau.protocol.messages.metadata import MetadataRequest, MetadataResponse
from tests.attacks.mutation import mutate
from tests.attacks.raw import Raw, batch, frame
from tests.attacks.valid_requests import Drawer, request_class
from tests.attacks.witness import Witness
from tests.drawn import share

MUTATIONS = int(os.environ.get("MOLDAU_MUTATIONS", share(300)))
PATIENCE_S = 0.1
LAST_ID = 0x7AFE7AFE
LAST = frame(ApiVersionsRequest(), 0, LAST_ID)
# API key, version, correlation id, and the client id "raw" with its length.
HEADER = 13
TOPICS = {
    "red": {},
    "green": {},
    "compacted": {"cleanup.policy": "compact"},
    "gzipped": {"compression.type": "gzip"},
}


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    # No mutant may make a request wait, or a topic take the memory of a thousand.
    config = {"auto.create.topics.enable": False, "group.min.session.timeout.ms": 10}
    with Broker(config=config) as running:
        pid = running.pid
        yield running
        assert running.pid == pid


def topic_ids(raw: Raw) -> list[bytes]:
    """Makes the topics that are gone; the ids of all."""
    known = raw.ask(MetadataRequest(topics=None), MetadataResponse, 10).topics
    for name in TOPICS.keys() - {topic.name for topic in known}:
        raw.create_with(name, TOPICS[name], 2)
        raw.produce(name, batch(b"a", b"b"))
    known = raw.ask(MetadataRequest(topics=None), MetadataResponse, 10).topics
    return [topic.topic_id for topic in known]


class Sender:
    """Sends one mutant after the other, with a good request behind each; connects again when the
    broker has closed the connection, or when a mutant waits."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._raw: Raw | None = None
        self.answered = self.refused = self.waiting = 0

    def send(self, payload: bytes) -> None:
        if self._raw is None:
            self._raw = Raw(self._address)
        try:
            self._raw.socket.sendall(pack(">i", len(payload)) + payload + LAST)
            self._raw.socket.settimeout(PATIENCE_S)
            while self._raw.receive_id() != LAST_ID:
                self.answered += 1
            return
        except TimeoutError:
            self.waiting += 1
        except OSError:
            self.refused += 1
        self.close()

    def close(self) -> None:
        if self._raw is not None:
            self._raw.socket.close()
            self._raw = None


@pytest.mark.parametrize("api_key", SERVED, ids=lambda key: SERVED[key][0])
def test_mutations(api_key: int, broker: Broker, raw: Raw) -> None:
    seed = int(os.environ.get("MOLDAU_SEED", random.randrange(1 << 30)))
    print(f"MOLDAU_SEED={seed}")
    rng = random.Random(seed)
    _, low, high = SERVED[api_key]
    cls = request_class(api_key)
    sender = Sender(broker.bootstrap_servers)
    with Witness(broker, memory_mb=200), closing(sender):
        for i in range(MUTATIONS):
            if i % 50 == 0:
                drawer = Drawer(rng, topic_ids(raw))
            version = rng.randint(low, high)
            payload = frame(drawer.message(cls, version), version)[4:]
            sender.send(mutate(rng, payload, HEADER) if rng.random() < 0.95 else payload)
    print(f"{sender.answered} answered, {sender.refused} refused, {sender.waiting} waited")


def test_drawn_requests_are_valid(broker: Broker, raw: Raw) -> None:
    """Else the mutants would all fail at the first byte and prove little."""
    rng = random.Random(1)
    drawer = Drawer(rng, topic_ids(raw))
    for api_key, (_, low, high) in SERVED.items():
        cls = request_class(api_key)
        for version in range(low, high + 1):
            with Raw(broker.bootstrap_servers) as connection:
                message = drawer.message(cls, version)
                if getattr(message, "acks", 1) == 0:
                    continue
                connection.send(message, version)
                connection.receive()
