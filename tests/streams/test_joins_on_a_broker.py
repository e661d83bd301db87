"""A join run by workers, one of which is killed in the middle."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.client.admin import Admin
from moldau.streams.engine import held
from moldau.streams.errors import StreamsError
from moldau.streams.running import inbox, taking
from moldau.streams.running.worker import Worker
from tests.streams.priced import Group, Order, Price, priced
from tests.streams.sales import KEEPING, MIDNIGHT
from tests.streams.shop_worker import worker
from tests.streams.test_windowed_sum import read
from tests.tools.test_worker import children, wait_for, written

COUNT = 16_000
PRODUCTS = 50
PARTITIONS = 2
SHOP = """
from tests.streams.priced import priced
app = priced(
    {address!r},
    until="end",
    checkpoint="200ms",
    state_memory="300KB",
    config={{"session.timeout.ms": 2000}},
)
"""


def make_topics(address: str, counts: dict[str, int]) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    made = admin.create_topics([NewTopic(name, count, 1) for name, count in counts.items()])
    for one in made.values():
        one.result(60)


def fill(address: str) -> None:
    """An order every 10 ms; the price of a product rises by a cent every second."""
    producer = Producer(
        {
            "bootstrap.servers": address,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
        }
    )
    for i in range(COUNT):
        when = MIDNIGHT + timedelta(milliseconds=10 * i)
        if i % 100 == 0:
            for product in range(PRODUCTS):
                price = msgspec.json.encode(Price(f"p{product}", i // 100, when))
                producer.produce("prices", price, f"p{product}")
        order = msgspec.json.encode(Order(i, f"p{i % PRODUCTS}", when))
        producer.produce("orders", order, partition=i % PARTITIONS)
        producer.poll(0)
    for product in range(PRODUCTS):
        group = msgspec.json.encode(Group(f"p{product}", f"g{product % 3}"))
        producer.produce("groups", group, f"p{product}")
    assert producer.flush(60) == 0


@pytest.mark.slow
def test_promise_15_a_killed_worker_changes_nothing_in_a_join(tmp_path: Path) -> None:
    with moldau.Broker(config={"group.min.session.timeout.ms": 1000, **KEEPING}) as broker:
        address = broker.bootstrap_servers
        make_topics(address, {"orders": PARTITIONS, "prices": PARTITIONS, "groups": 3, "priced": 1})
        fill(address)
        (tmp_path / "shop.py").write_text(SHOP.format(address=address))
        with worker(tmp_path, "-w", "2") as process, Admin(address) as admin:
            wait_for(lambda: written(admin, "priced", 1) > 0)
            os.kill(children(process.pid)[0], signal.SIGKILL)
            said, _ = process.communicate(timeout=100)
        assert process.returncode == 0, said
        assert "ended with -9; started again" in said
        results = read(address, "priced")
    found = {one["number"]: one for one in results}
    assert all(one == found[one["number"]] for one in results)  # repetitions are equal
    expected = {i: (f"p{i % PRODUCTS}", i // 100, f"g{i % PRODUCTS % 3}") for i in range(COUNT)}
    assert {
        number: (one["product"], one["cents"], one["group"]) for number, one in found.items()
    } == expected


@pytest.mark.slow
def test_what_waits_for_a_table_takes_no_more_memory_than_it_should(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All orders are there before the first price is read, and ten times what fits."""
    most, go_round = [0], Worker._round

    def looked_at(self: Worker) -> None:
        go_round(self)
        caches = [cache for one in self._states.values() for cache in one.state.caches]
        most.append(sum(one.used for one in caches))

    monkeypatch.setattr(Worker, "_round", looked_at)
    monkeypatch.setattr(taking, "BATCH", 200)
    monkeypatch.setattr(inbox, "MOST_BYTES", 20_000)
    monkeypatch.setattr(held, "CHUNK", 100)
    with moldau.Broker(config=KEEPING) as broker:
        address = broker.bootstrap_servers
        make_topics(address, {"orders": PARTITIONS, "prices": PARTITIONS, "groups": 3, "priced": 1})
        fill(address)
        Worker(priced(address, until="end", state_memory="300KB", state_dir=tmp_path)).run()
        results = read(address, "priced")
    assert {one["number"]: one["cents"] for one in results} == {i: i // 100 for i in range(COUNT)}
    assert 300_000 < max(most) < 2_000_000


def test_promise_13_topics_that_are_joined_need_equal_partitions_or_are_named() -> None:
    app = moldau.App("unequal")
    orders = app.topic("orders", Order, event_time="time", key="product")
    prices = app.topic("prices", Price, event_time="time", key="product")
    app.stream(orders).join(app.table(prices)).to("priced")
    with moldau.Broker() as broker:
        make_topics(broker.bootstrap_servers, {"orders": 2, "prices": 3})
        app.bootstrap_servers = broker.bootstrap_servers
        with pytest.raises(
            StreamsError, match="orders and prices are read together, and have 2 and 3 partitions"
        ):
            Worker(app)
