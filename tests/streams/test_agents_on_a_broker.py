"""Agents in a worker: what is committed while handlers take their time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.running import worker
from moldau.streams.running.worker import Worker
from tests.streams.sales import KEEPING, Sale, sale
from tests.streams.test_windowed_sum import read


@pytest.fixture
def servers() -> Iterator[str]:
    with moldau.Broker(config={"group.min.session.timeout.ms": 500, **KEEPING}) as broker:
        yield broker.bootstrap_servers


def fill(servers: str, topic: str, values: list[bytes], partitions: int = 1) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(10)
    producer = Producer({"bootstrap.servers": servers})
    for at, value in enumerate(values):
        producer.produce(topic, value, f"key-{at % 5}", partition=at % partitions)
    producer.flush()


@pytest.mark.slow
def test_promise_16_a_slow_handler_keeps_its_worker_in_the_group(servers: str) -> None:
    """Its 60 records take 3 s, three times what may lie between two polls."""
    fill(servers, "orders", [msgspec.json.encode(sale(n, amount=str(n))) for n in range(60)])
    said: list[str] = []
    settings = {
        "session.timeout.ms": 1000,
        "heartbeat.interval.ms": 200,
        "max.poll.interval.ms": 1000,
        "log_level": 3,
    }
    app = moldau.App("slow", servers, until="end", checkpoint="200ms", config=settings)
    orders, shipments = app.topic("orders", Sale), app.topic("shipments")

    @app.agent(orders)
    def ship(order: Sale) -> None:
        time.sleep(0.05)
        shipments.send(int(order.amount))

    Worker(app, say=said.append).run()
    assert read(servers, "shipments") == list(range(60))  # no record twice
    assert said == []


@pytest.mark.slow
def test_an_agent_and_its_dead_letters(servers: str) -> None:
    values = [msgspec.json.encode(sale(n, amount=str(n))) for n in range(6)]
    fill(servers, "orders", [*values, b"{ no order"], partitions=2)
    app = moldau.App("shop", servers, until="end", on_error=moldau.retry(2, backoff="5ms"))
    orders, shipments = app.topic("orders", Sale), app.topic("shipments")

    @app.agent(orders, concurrency=2)
    async def ship(order: Sale) -> None:
        await shipments.send(int(order.amount))
        if order.amount == 4:
            raise ValueError("no such street")

    Worker(app).run()
    assert sorted(read(servers, "shipments")) == [0, 1, 2, 3, 5]
    letters: list[Any] = read(servers, "shop-dlq", decode=bytes)
    assert sorted(letters) == sorted([values[4], b"{ no order"])


@pytest.mark.slow
def test_it_ends_where_the_end_of_a_topic_comes_with_its_last_records(
    servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were not done yet when that was asked, and nobody asked again."""
    monkeypatch.setattr(worker, "POLL_S", 1.0)  # one poll takes all there is
    fill(servers, "orders", [msgspec.json.encode(sale(n)) for n in range(6)])
    app = moldau.App("shop", servers, until="end")
    seen: list[Sale] = []
    app.agent(app.topic("orders", Sale))(seen.append)
    Worker(app).run()
    assert len(seen) == 6
