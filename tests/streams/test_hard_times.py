"""A sink that takes nothing for a while, and a disk that takes no more: nothing is lost, and what
cannot go on says why."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.streams.errors import StreamsError
from moldau.streams.running.worker import Worker
from tests.durability.process import Up
from tests.streams.committed import values
from tests.streams.shop_worker import worker

pytestmark = pytest.mark.slow

PARTITIONS = 2
LONG = "x" * 2000
STANDS_STILL_S = 8  # the sessions are of 3 s
MOST_KB = 250_000  # of which Python and librdkafka have 60,000 before the first record
SHOP = """
from pathlib import Path
from tests.streams.test_hard_times import program
app = program({servers!r}, Path({folder!r}))
"""


def program(servers: str, folder: Path) -> moldau.App:
    """Ten long records of each; and how many there were of each key."""
    app = moldau.App(
        "hard",
        servers,
        checkpoint="500ms",
        state_dir=folder,
        config={
            "session.timeout.ms": 3000,
            "heartbeat.interval.ms": 500,
            "queue.buffering.max.kbytes": 4096,
            "queued.max.messages.kbytes": 4096,
            "log_level": 0,
        },
    )
    read = app.stream(app.topic("in", dict, key="of"))
    read.flat_map(lambda one: [{**one, "copy": n, "long": LONG} for n in range(10)]).to("copies")
    read.group_by("of").agg(orders=moldau.count()).to("counts")
    return app


class Shop:
    def __init__(self, servers: str, folder: Path) -> None:
        self.counts: Counter[str] = Counter()
        self._folder = folder
        self._servers = servers
        self.app = program(servers, folder / "state")
        (folder / "shop.py").write_text(SHOP.format(servers=servers, folder=str(folder / "state")))
        admin = AdminClient({"bootstrap.servers": servers})
        names = dict.fromkeys(("in", "copies", "counts"), PARTITIONS)
        made = admin.create_topics([NewTopic(name, count, 1) for name, count in names.items()])
        for one in made.values():
            one.result(10)

    def send(self, count: int) -> None:
        producer = Producer({"bootstrap.servers": self._servers, "partitioner": "murmur2_random"})
        for number in range(count):
            key = f"key-{number % 97}"
            self.counts[key] += 1
            producer.produce("in", msgspec.json.encode({"of": key, "number": number}), key)
            producer.poll(0)
        assert producer.flush(60) == 0

    def has_counted(self) -> bool:
        last = {one["of"]: one["orders"] for one in values(self.app, "counts")}
        return last == self.counts

    def copies(self) -> set[tuple[int, int]]:
        return {(one["number"], one["copy"]) for one in values(self.app, "copies")}


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    with Up(tmp_path / "data", options=("-o", "group.min.session.timeout.ms=1000")) as broker:
        yield broker.serves()


def wait_until(done: Callable[[], bool], seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_promise_08_brokers_that_stand_still_cost_neither_results_nor_memory(
    up: Up, tmp_path: Path
) -> None:
    shop = Shop(up.address, tmp_path)
    shop.send(500)
    with worker(tmp_path) as process:
        wait_until(shop.has_counted)
        shop.send(4000)
        os.kill(up.pid, signal.SIGSTOP)
        time.sleep(STANDS_STILL_S)
        assert process.poll() is None
        os.kill(up.pid, signal.SIGCONT)
        wait_until(shop.has_counted)
        assert process.poll() is None
        status = Path(f"/proc/{process.pid}/status").read_text()
        most_kb = int(status.split("VmHWM:")[1].split()[0])
        process.terminate()
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert len(shop.copies()) == 10 * 4000
    assert most_kb < MOST_KB


def test_what_has_failed_is_told_before_the_group_is_left(
    up: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That may hang, and nobody would know why."""
    shop = Shop(up.address, tmp_path)
    shop.app.on_start(lambda: int("no number"))
    made = Worker(shop.app)
    order: list[str] = []
    made.on_failure = lambda error: order.append(str(error).partition(" has failed")[0])
    monkeypatch.setattr(made._restoring, "close", lambda: order.append("closes"))
    with pytest.raises(StreamsError):
        made.run()
    assert order == ["on_start <lambda>", "closes"]


def test_promise_08_a_disk_that_fills_is_named_and_costs_no_results(up: Up, tmp_path: Path) -> None:
    """As far as files of this process go: no more than so many bytes each."""
    shop = Shop(up.address, tmp_path)
    shop.send(3000)
    before: Any = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with worker(tmp_path) as process:
            said, _ = process.communicate(timeout=90)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert process.returncode == 1
    assert "state cannot be kept: " in said
    assert "Traceback" not in said
    with worker(tmp_path):
        shop.send(1000)
        wait_until(shop.has_counted)
