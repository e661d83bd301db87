"""Transactions are not served yet: who begins one is told so within a second, and nothing
transactional gets into a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from moldau import Broker
from moldau.protocol.errors import ErrorCode
from tests.apache_kafka import Java
from tests.attacks.raw import Raw, batch

REFUSED = "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"
ATTEMPTS = 3


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with Broker() as broker:
        with Raw(broker.bootstrap_servers) as raw:
            raw.create("t")
        yield broker.bootstrap_servers


def quickest(attempt: Callable[[], float]) -> float:
    """Of as many attempts as it takes to be within a second, or of all: a busy machine is not a
    slow answer, and a client that tries again until its time runs out takes thirty each time."""
    took = [attempt()]
    while min(took) >= 1 and len(took) < ATTEMPTS:
        took.append(attempt())
    return min(took)


def test_init_transactions_of_librdkafka_fails_within_a_second(servers: str) -> None:
    def attempt() -> float:
        producer = Producer({"bootstrap.servers": servers, "transactional.id": "librdkafka"})
        producer.list_topics(timeout=30)  # connected
        begun = time.monotonic()
        with pytest.raises(KafkaException, match=REFUSED) as raised:
            producer.init_transactions(30)
        error = raised.value.args[0]
        assert isinstance(error, KafkaError)
        assert not error.retriable()
        return time.monotonic() - begun

    assert quickest(attempt) < 1


@pytest.mark.apache
def test_init_transactions_of_java_fails_within_a_second(servers: str) -> None:
    def attempt() -> float:
        with Java("Transactional", [servers], stdout=-1, text=True) as java:
            ended, ms = java.communicate(timeout=120)[0].split()
        assert ended == "TransactionalIdAuthorizationException"
        return int(ms) / 1000

    assert quickest(attempt) < 1


def test_a_transactional_batch_is_refused(servers: str) -> None:
    with Raw(servers) as raw:
        data = batch(b"v", producer_id=1, producer_epoch=0, base_sequence=0, transactional=True)
        answer = raw.produce("t", data)
        # The request itself names no transactional id, and Apache Kafka looks at that first.
        assert answer.error_code == ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        assert "leave transactional.id out" in (answer.error_message or "")
        assert raw.values("t") == []
