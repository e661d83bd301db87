"""Unmodified clients over quota: they are told so, wait, and lose nothing."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Consumer, Producer

from moldau.client.connection import Connection
from moldau.protocol.messages import alter_client_quotas as quotas
from moldau.server.embedded import Broker

RATE = 100_000  # bytes per second; ten seconds' worth may come at once
RECORDS = 104


@pytest.mark.slow
def test_librdkafka_over_quota() -> None:
    throttles: list[float] = []
    with Broker() as broker:
        limit(broker, "busy", producer_byte_rate=RATE, consumer_byte_rate=2 * RATE)
        producer = Producer(
            {
                "bootstrap.servers": broker.bootstrap_servers,
                "client.id": "busy",
                "acks": "all",
                "linger.ms": 0,
                "throttle_cb": lambda event: throttles.append(event.throttle_time),
            }
        )
        for number in range(RECORDS):
            producer.produce("t", number.to_bytes(4, "big") * 2_500)
            if number % 10 == 9:
                producer.flush(30)
        assert producer.flush(30) == 0
        assert max(throttles, default=0) > 0, "nobody was told to wait"
        assert consumed(broker) == list(range(RECORDS))


def consumed(broker: Broker) -> list[int]:
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "client.id": "busy",
            "group.id": "g",
            "auto.offset.reset": "earliest",
            "fetch.message.max.bytes": 100_000,
        }
    )
    consumer.subscribe(["t"])
    numbers: list[int] = []
    deadline = time.monotonic() + 60
    while len(numbers) < RECORDS and time.monotonic() < deadline:
        message = consumer.poll(1)
        if message is not None:
            value = message.value()
            assert value is not None
            numbers.append(int.from_bytes(value[:4], "big"))
    consumer.close()
    return numbers


def limit(broker: Broker, client_id: str, **limits: float) -> None:
    host, _, port = broker.bootstrap_servers.rpartition(":")
    connection = Connection(host, int(port), "admin", 30)
    entity = [quotas.EntityData(entity_type="client-id", entity_name=client_id)]
    ops = [quotas.OpData(key=key, value=value) for key, value in limits.items()]
    request = quotas.AlterClientQuotasRequest(entries=[quotas.EntryData(entity=entity, ops=ops)])
    (outcome,) = connection.ask(request, quotas.AlterClientQuotasResponse).entries
    assert not outcome.error_code, outcome
    connection.close()
