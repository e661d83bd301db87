"""What an agent keeps by key, `counts[key] += 1`, in three workers of which one is killed now and
then, so that its partitions go to others and come back."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import IsolationLevel, Producer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.running.changelogs import end_of
from tests.apache_kafka import ApacheKafka
from tests.streams.committed import places, values
from tests.streams.shop_worker import worker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KEYS, PARTITIONS = 7, 6
COUNT = int(os.environ.get("MOLDAU_COUNTING_ORDERS", "1200"))
KILLS = int(os.environ.get("MOLDAU_COUNTING_KILLS", "4"))
SHOP = """
import os
import moldau

app = moldau.App(
    {name!r},
    {servers!r},
    guarantee={guarantee!r},
    checkpoint="300ms",
    until=os.environ.get("UNTIL"),
    state_dir={folder!r},
    on_error=moldau.retry(3, backoff="1ms"),
    config={{"session.timeout.ms": 3000, "heartbeat.interval.ms": 500, "log_level": 3}},
)
orders = app.topic("{name}-orders", dict, key="of")
counted = app.topic("{name}-counted")
counts = app.state("counts", int, default=int)
failed = set()

@app.agent(orders, concurrency=2, states=[counts])
async def count(orders):
    async for order in orders:
        of, number = order["of"], order["number"]
        counts[of] += 1
        await counted.send([of, number, counts[of]], key=of)
        if number % 23 == 0 and number not in failed:
            failed.add(number)
            raise ValueError("now and then")
"""
Row = tuple[str, int, int]


def produce(servers: str, name: str, numbers: range) -> None:
    settings = {"enable.idempotence": True, "partitioner": "murmur2_random"}
    producer = Producer({"bootstrap.servers": servers, **settings})
    for number in numbers:
        order = {"of": key(number), "number": number}
        producer.produce(f"{name}-orders", msgspec.json.encode(order), key(number))
    assert producer.flush(60) == 0


def key(number: int) -> str:
    return f"k{number % KEYS}"


def expected() -> set[Row]:
    """The orders of each key, counted in their order."""
    seen: dict[str, int] = defaultdict(int)
    rows = set()
    for number in range(COUNT):
        seen[key(number)] += 1
        rows.add((key(number), number, seen[key(number)]))
    return rows


def counted(servers: str, name: str, guarantee: str, folder: Path) -> Counter[Row]:
    """What three workers have told when all is read, and how often."""
    admin = AdminClient({"bootstrap.servers": servers})
    made = [NewTopic(f"{name}-{one}", PARTITIONS, 1) for one in ("orders", "counted")]
    for one in admin.create_topics(made).values():
        one.result(30)
    told: dict[str, Any] = {"name": name, "servers": servers, "guarantee": guarantee}
    (folder / "shop.py").write_text(SHOP.format(**told, folder=f"{folder}"))
    chance = random.Random(7)
    with worker(folder, "-w", "3") as process:
        for kill in range(KILLS):
            produce(servers, name, range(COUNT * kill // KILLS, COUNT * (kill + 1) // KILLS))
            wait_for(admin, f"{name}-counted", COUNT * kill // KILLS + COUNT // KILLS // 2)
            os.kill(chance.choice(children(process.pid)), signal.SIGKILL)
    with worker(folder, "-w", "3", until="end") as process:
        said, _ = process.communicate(timeout=240)
        assert process.returncode == 0, said
    return Counter(map(tuple, values(moldau.App(name, servers), f"{name}-counted")))


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for(admin: AdminClient, topic: str, count: int) -> None:
    """Until so many records are committed."""
    until, found = time.monotonic() + 180, 0
    while found < count:
        assert time.monotonic() < until, f"{topic} has {found} of {count} records"
        time.sleep(0.05)
        level = IsolationLevel.READ_COMMITTED
        found = sum(end_of(admin, place, level) for place in places(admin, topic))


@pytest.mark.long
def test_promise_08_kill_9_counts_nothing_twice_in_an_agent(tmp_path: Path) -> None:
    with moldau.Broker(config={"group.min.session.timeout.ms": 500}) as broker:
        found = counted(broker.bootstrap_servers, "counting", "at_least_once", tmp_path)
    assert set(found) == expected()


@pytest.mark.apache
@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_promise_08_kill_9_counts_nothing_twice_in_an_agent_on_apache_kafka(
    apache_kafka: ApacheKafka, tmp_path: Path, guarantee: str
) -> None:
    name = f"counting-{guarantee.replace('_', '-')}"
    found = counted(apache_kafka.bootstrap_servers, name, guarantee, tmp_path)
    assert set(found) == expected()
    assert guarantee == "at_least_once" or found.total() == COUNT
