"""Brokers that go away: a sentence when they have gone, one when they are back, and nothing of what
librdkafka has to say about it meanwhile, unless it is asked for."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException

import moldau
from moldau.streams.running import contact as module
from moldau.streams.running.contact import Contact

GONE = KafkaException(KafkaError(KafkaError._TIMED_OUT))
REFUSES = KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED))


class Brokers:
    """An admin client that is given these answers. `others`: there is more than one broker, and
    others than the first answer."""

    def __init__(self, answers: list[KafkaException | None], *, others: bool = False) -> None:
        self.answers = iter(answers)
        self.others = others

    def made(self, settings: dict[str, Any]) -> Brokers:
        self._failed = settings["error_cb"]
        return self

    def describe_cluster(self, request_timeout: float) -> Future[None]:
        answer: Future[None] = Future()
        error = next(self.answers)
        answer.set_result(None) if error is None else answer.set_exception(error)
        return answer

    def list_topics(self, timeout: float) -> None:
        if not self.others:
            raise GONE

    def poll(self, timeout: float) -> None:
        said = "localhost:1/bootstrap: Connect failed: refused (after 0ms in state CONNECT)"
        self._failed(KafkaError(KafkaError._TRANSPORT, said))
        self._failed(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))


def test_that_nobody_answers_is_said_once_and_that_somebody_does_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [None, GONE, None, GONE, GONE, GONE, None, None, REFUSES, GONE, GONE]
    monkeypatch.setattr(module, "AdminClient", Brokers(answers).made)
    said: list[str] = []
    contact = Contact(moldau.App("shop", "localhost:1"), said.append)
    told = []
    for _ in answers:
        contact.look()
        told.append(len(said))
    gone = "shop: no broker answers at localhost:1 (Connect failed: refused): it goes on trying"
    assert said == [gone, "shop: localhost:1 answers again", gone]
    assert told == [0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3]


def test_of_several_brokers_one_may_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is taken for the controller: nobody else was asked."""
    monkeypatch.setattr(module, "AdminClient", Brokers([GONE] * 3, others=True).made)
    said: list[str] = []
    contact = Contact(moldau.App("shop", "a:1,b:1,c:1"), said.append)
    for _ in range(3):
        contact.look()
    assert said == []


@pytest.fixture
def nowhere() -> Iterator[str]:
    """Where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def heard(capfd: pytest.CaptureFixture[str], where: str, config: dict[str, Any]) -> str:
    """What a client writes to stderr that finds nobody."""
    errors: list[KafkaError] = []
    app = moldau.App("shop", where, config=config)
    consumer = Consumer({**app.consumer_settings, "group.id": "x", "error_cb": errors.append})
    while not errors:
        consumer.poll(0.05)
    consumer.close()
    return capfd.readouterr().err


def test_clients_write_nothing_of_it_unless_they_are_told_to(
    capfd: pytest.CaptureFixture[str], nowhere: str
) -> None:
    assert heard(capfd, nowhere, {}) == ""
    assert "Connection refused" in heard(capfd, nowhere, {"log_level": 3})
    assert "BROKER" in heard(capfd, nowhere, {"debug": "broker"})


def test_a_logger_of_the_program_hears_of_it(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], nowhere: str
) -> None:
    assert heard(capfd, nowhere, {"logger": logging.getLogger("kafka")}) == ""
    assert "Connection refused" in caplog.text
