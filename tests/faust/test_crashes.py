"""Tables whose workers are killed: `moldau faust -A shop worker -w 3`, six partitions, orders that
are not keyed by customer, and an agent that raises now and then."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from tests.apache_kafka import ApacheKafka

ROOT = Path(__file__).parents[2]
PROGRAM = """
import moldau.faust as faust

app = faust.App(
    "shop",
    broker="kafka://{servers}",
    value_serializer="json",
    topic_partitions=6,
    processing_guarantee="{guarantee}",
    broker_commit_interval=0.3,
    config={{"session.timeout.ms": 3000, "heartbeat.interval.ms": 500, "log_level": 3}},
)
orders = app.topic("crash-orders", value_type=dict)
counted, closed = app.topic("counted"), app.topic("closed")
by_customer = app.Table("by_customer", default=int)
lists = app.Table("lists", default=list)


async def on_close(key, value):
    await closed.send(key=key[0], value=[key[0], key[1][0], value])


by_window = app.Table("by_window", default=int, on_window_close=on_close).tumbling(10, expires=10)
failed = set()


@app.agent(orders)
async def count(stream):
    async for order in stream:
        customer, number = order["customer"], order["number"]
        by_customer[customer] += 1
        by_window[customer] += order["amount"]
        lists[customer].append(number)
        await counted.send(
            key=customer, value=[customer, number, by_customer[customer], len(lists[customer])]
        )
        order.clear()
        if number % 23 == 0 and number not in failed:
            failed.add(number)
            raise ValueError("now and then")
"""
CUSTOMERS, PARTITIONS, WINDOWS = 7, 6, 5
COUNT = int(os.environ.get("MOLDAU_FAUST_ORDERS", "1200"))
KILLS = int(os.environ.get("MOLDAU_FAUST_KILLS", "4"))
BEGIN_MS = 1_767_225_600_000


@contextmanager
def workers(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "moldau", "faust", "-A", "shop", "worker", "-w", "3"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    except BaseException:
        print((folder / "said").read_text())
        raise
    finally:
        process.kill()


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found]


class Seen:
    """What is in the topics, as it comes."""

    def __init__(self, servers: str) -> None:
        self.counted: list[Any] = []
        self.closed: list[Any] = []
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "test",
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
            }
        )
        self._consumer.subscribe(["counted", "closed"])

    def until(self, is_enough: Any) -> None:
        deadline = time.monotonic() + 90
        while not is_enough(self):
            assert time.monotonic() < deadline, (len(self.counted), len(self.closed))
            for one in self._consumer.consume(1000, 0.1):
                if one.error() is None:
                    to = self.counted if one.topic() == "counted" else self.closed
                    to.append(json.loads(one.value() or b""))

    def close(self) -> None:
        """While its broker is there: a consumer that cannot leave its group waits for it."""
        self._consumer.close()

    @property
    def numbers(self) -> set[int]:
        return {one[1] for one in self.counted}


def customer(number: int) -> str:
    return f"c{number % CUSTOMERS}"


def at_ms(number: int) -> int:
    return BEGIN_MS + number * WINDOWS * 10_000 // COUNT


def produce(servers: str, numbers: range) -> None:
    """Of a partition in the order of time."""
    producer = Producer({"bootstrap.servers": servers})
    for number in numbers:
        order = {"customer": customer(number), "number": number, "amount": number % 10}
        data, place = json.dumps(order), number % PARTITIONS
        producer.produce("crash-orders", data, f"o{number}", place, timestamp=at_ms(number))
    assert producer.flush(30) == 0


def run(servers: str, folder: Path, guarantee: str) -> Seen:
    made = [NewTopic(name, PARTITIONS, 1) for name in ("crash-orders", "counted", "closed")]
    admin = AdminClient({"bootstrap.servers": servers})
    for one in admin.create_topics(made).values():
        one.result(30)
    (folder / "shop.py").write_text(PROGRAM.format(servers=servers, guarantee=guarantee))
    chance = random.Random(7)
    with closing(Seen(servers)) as seen, workers(folder) as process:
        for kill in range(KILLS):
            produce(servers, range(COUNT * kill // KILLS, COUNT * (kill + 1) // KILLS))
            upto = COUNT * kill // KILLS + COUNT // KILLS // 2
            seen.until(lambda s, upto=upto: len(s.numbers) >= upto)
            os.kill(chance.choice(children(process.pid)), signal.SIGKILL)
        seen.until(lambda s: len(s.numbers) == COUNT)
        producer = Producer({"bootstrap.servers": servers})
        for place in range(PARTITIONS):  # time goes on: all windows close
            last = json.dumps({"customer": "last", "number": COUNT + place, "amount": 0})
            end_ms = at_ms(COUNT) + 60_000
            producer.produce("crash-orders", last, f"last{place}", place, timestamp=end_ms)
        assert producer.flush(30) == 0
        seen.until(lambda s: len({tuple(one) for one in s.closed}) >= len(windows()))
    return seen


def windows() -> set[tuple[str, float, int]]:
    """What each customer's windows hold: added up here."""
    sums: Counter[tuple[str, float]] = Counter()
    for number in range(COUNT):
        begin = at_ms(number) // 10_000 * 10.0
        sums[customer(number), begin] += number % 10
    return {(name, begin, amount) for (name, begin), amount in sums.items()}


def orders_of(name: str) -> int:
    return len([number for number in range(COUNT) if customer(number) == name])


@pytest.mark.slow
def test_promise_08_kill_9_counts_no_order_twice(tmp_path: Path) -> None:
    config = {"group.min.session.timeout.ms": 500}
    with moldau.Broker(config=config) as broker:
        seen = run(broker.bootstrap_servers, tmp_path, "at_least_once")
    most: Counter[str] = Counter()
    for name, _, count, length in seen.counted:
        assert count == length  # the two tables are of one moment
        most[name] = max(most[name], count)
    names = [f"c{number}" for number in range(CUSTOMERS)]
    assert {name: most[name] for name in names} == {name: orders_of(name) for name in names}
    assert {tuple(one) for one in seen.closed if one[0] != "last"} == windows()


@pytest.mark.slow
@pytest.mark.apache
def test_promise_08_kill_9_repeats_nothing_under_exactly_once(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    seen = run(apache_kafka.bootstrap_servers, tmp_path, "exactly_once")
    assert sorted(one[1] for one in seen.counted if one[0] != "last") == list(range(COUNT))
    for name in [f"c{number}" for number in range(CUSTOMERS)]:
        counts = sorted(count for of, _, count, _ in seen.counted if of == name)
        assert counts == list(range(1, orders_of(name) + 1))
    closed = [tuple(one) for one in seen.closed if one[0] != "last"]
    assert Counter(closed) == Counter(windows())
