"""`moldau faust -A shop worker -w 3`: a program as people wrote it, on orders that are not keyed by
customer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer

import moldau

ROOT = Path(__file__).parents[2]
PROGRAM = """
import moldau.faust as faust

app = faust.App("myapp", broker="kafka://{servers}", value_serializer="json", topic_partitions=6)
orders = app.topic("orders", value_type=dict)
enriched = app.topic("enriched", value_type=dict)
orders_by_customer = app.Table("orders_by_customer", default=int)


@app.agent(orders)
async def enrich(orders):
    async for order in orders:
        customer = order["customer"]
        orders_by_customer[customer] += 1
        order["number"] = orders_by_customer[customer]
        await enriched.send(key=customer, value=order)


@app.command()
async def one_more():
    "Sends an order."
    await orders.send(value={{"customer": "by-command"}})


if __name__ == "__main__":
    app.main()
"""
COUNT, CUSTOMERS = 600, 7


def faust(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "moldau", "faust", "-A", "shop", *words]


@pytest.mark.slow
def test_promise_19_three_workers_count_orders_that_are_not_keyed_by_customer(
    tmp_path: Path,
) -> None:
    with moldau.Broker() as broker:
        servers = broker.bootstrap_servers
        (tmp_path / "shop.py").write_text(PROGRAM.format(servers=servers))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        worker = subprocess.Popen(
            faust(tmp_path, "worker", "-l", "info", "-w", "3"),
            cwd=tmp_path,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            run(tmp_path, environment, "one-more")
            run(tmp_path, environment, "send", "@enrich", json.dumps({"customer": "by-send"}))
            producer = Producer({"bootstrap.servers": servers})
            for number in range(COUNT):
                order = {"customer": f"c{number % CUSTOMERS}", "order": number}
                producer.produce("orders", json.dumps(order), f"order-{number}")
            producer.flush()
            counted = read(servers, COUNT + 2)
        finally:
            worker.send_signal(signal.SIGTERM)
            _, said = worker.communicate(timeout=30)
        assert worker.returncode == 0, said
    assert len(counted) == COUNT + 2
    for customer in [f"c{number}" for number in range(CUSTOMERS)]:
        numbers = [one["number"] for one in counted if one["customer"] == customer]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert {"customer": "by-command", "number": 1} in counted
    assert {"customer": "by-send", "number": 1} in counted


def run(folder: Path, environment: dict[str, str], *words: str) -> None:
    subprocess.run(faust(folder, *words), cwd=folder, env=environment, check=True, timeout=30)


def read(servers: str, count: int) -> list[Any]:
    """What is in `enriched`, when there is so much."""
    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": "test", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["enriched"])
    found: list[Any] = []
    until = time.monotonic() + 60
    while len(found) < count and time.monotonic() < until:
        messages = consumer.consume(1000, 0.2)
        found += [json.loads(one.value() or b"") for one in messages if one.error() is None]
    consumer.close()
    return found
