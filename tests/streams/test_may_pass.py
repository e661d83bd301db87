"""What waiting may mend is told as that: who supervises a worker starts it again for as long as it
takes, and gives up what stays as it is."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

import moldau
from moldau.streams.errors import StreamsError, Trouble
from moldau.streams.running import internal_topics
from moldau.streams.running.at_least_once import AtLeastOnce
from moldau.streams.running.exactly_once import ExactlyOnce
from moldau.streams.running.patience import Patience


def program(guarantee: Any) -> moldau.App:
    app = moldau.App("shop", "127.0.0.1:1", guarantee=guarantee)
    app.stream(app.topic("orders", dict)).to("copies")
    return app


class Controller:
    def __init__(self, code: int | None) -> None:
        self._code = code

    def create_topics(self, wanted: Any) -> dict[str, Future[None]]:
        answer: Future[None] = Future()
        if self._code is not None:
            answer.set_exception(KafkaException(KafkaError(self._code)))
        return {"shop-dlq": answer}

    def list_topics(self, timeout: float) -> None:
        pass


@pytest.mark.parametrize(
    ("code", "may_pass"),
    [
        (None, True),
        (KafkaError._TIMED_OUT, True),
        (KafkaError.NOT_CONTROLLER, True),
        (KafkaError.INVALID_REPLICATION_FACTOR, True),
        (KafkaError.POLICY_VIOLATION, False),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, False),
    ],
)
def test_a_topic_that_cannot_be_made_now(
    monkeypatch: pytest.MonkeyPatch, code: int | None, may_pass: bool
) -> None:
    monkeypatch.setattr(internal_topics, "TIMEOUT_S", 0.0)
    monkeypatch.setattr(internal_topics, "AGAIN_S", 0.0)
    wanted: list[Any] = ["shop-dlq"]
    with pytest.raises(StreamsError, match="topic shop-dlq cannot be made: ") as raised:
        internal_topics.make(Controller(code), wanted)
    assert isinstance(raised.value, Trouble) is may_pass


def test_records_that_nobody_has_taken() -> None:
    sending = AtLeastOnce(program("at_least_once"), Patience())
    with pytest.raises(Trouble, match="3 records were not sent: no answer"):
        sending._raise_unsent(3)
    sending._failures.append("counts: Broker: Topic authorization failed")
    with pytest.raises(StreamsError, match="a record was not sent: counts") as raised:
        sending._raise_unsent(0)
    assert not isinstance(raised.value, Trouble)


def test_a_coordinator_that_does_not_answer_is_none_that_refuses_transactions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sending = ExactlyOnce(program("exactly_once"), 0, print, Patience())
    errors = [KafkaError(KafkaError._TIMED_OUT, retriable=True), KafkaError(KafkaError._STATE)]

    def init() -> None:
        raise KafkaException(errors.pop(0))

    monkeypatch.setattr(sending, "_init", init)
    with pytest.raises(KafkaException):  # which is told as trouble
        sending.start()
    with pytest.raises(StreamsError, match="needs Kafka transactions"):
        sending.start()
