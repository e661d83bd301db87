"""Agents under guarantee="exactly_once" on Apache Kafka, killed while handlers are under way."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from moldau.streams.running.changelogs import end_of
from tests.apache_kafka import ApacheKafka
from tests.streams.committed import places, values
from tests.streams.sales import revenue, sale
from tests.streams.shop_worker import worker

pytestmark = [pytest.mark.apache, pytest.mark.slow]

COUNT = 4_000
KILLS = 3
SHOP = """
import asyncio, os
import moldau
from tests.streams.sales import Sale

app = moldau.App(
    "eo-shop",
    {servers!r},
    guarantee="exactly_once",
    checkpoint="300ms",
    until=os.environ.get("UNTIL"),
    on_error=moldau.retry(2, backoff="1ms"),
    config={{"session.timeout.ms": 2000, "heartbeat.interval.ms": 500, "log_level": 3}},
)
orders = app.topic("eo-orders", Sale, key="category")
shipments, invoices = app.topic("eo-shipments"), app.topic("eo-invoices")

@app.agent(orders, concurrency=4)
async def ship(order):
    await shipments.send(int(order.amount), key=order.category)
    if order.amount % 20 == 0:
        await asyncio.sleep(0.02)
    if order.amount % 97 == 0:
        raise ValueError("no such street")
    await invoices.send(int(order.amount), key=order.category)
"""


def test_promise_16_kill_9_repeats_nothing_that_an_agent_sent(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    servers = apache_kafka.bootstrap_servers
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic("eo-orders", 2, 1)])["eo-orders"].result(30)
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    for n in range(COUNT):
        value = msgspec.json.encode(sale(n / 10, f"key-{n % 10}", str(n)))
        producer.produce("eo-orders", value, f"key-{n % 10}", partition=n % 2)
        producer.poll(0)
    assert producer.flush(60) == 0
    (tmp_path / "shop.py").write_text(SHOP.format(servers=servers))
    for kill in range(KILLS):
        with worker(tmp_path) as process:
            wait_for(servers, "eo-shipments", COUNT * (kill + 1) // (KILLS + 2))
            process.kill()
            process.wait()
    with worker(tmp_path, until="end") as process:
        said, _ = process.communicate(timeout=90)
        assert process.returncode == 0, said
    bad = {n for n in range(COUNT) if n % 97 == 0}
    app = revenue(servers)
    for topic in ("eo-shipments", "eo-invoices"):
        assert Counter(values(app, topic)) == Counter(set(range(COUNT)) - bad)
    letters = Counter(int(float(one["amount"])) for one in values(app, "eo-shop-dlq"))
    assert letters == Counter(bad)


def wait_for(servers: str, topic: str, count: int) -> None:
    """Until so many records of the topic are there, committed or not."""
    admin = AdminClient({"bootstrap.servers": servers})
    until = time.monotonic() + 60
    found = 0
    while found < count:
        assert time.monotonic() < until, f"{topic} has {found} of {count} records"
        time.sleep(0.05)
        found = sum(end_of(admin, place) for place in places(admin, topic))
