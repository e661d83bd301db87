"""`moldau worker`: processes of one program, one of them killed in the middle."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import moldau
from moldau.client.admin import Admin
from moldau.client.errors import KafkaError
from moldau.client.offsets import LATEST, list_offsets
from moldau.streams.errors import StreamsError
from moldau.streams.running.worker import Worker
from moldau.tools import worker
from tests.streams.sales import KEEPING, revenue, sale
from tests.streams.shop_worker import worker as run
from tests.streams.test_windowed_sum import read

COUNT = 60_000
PARTITIONS = 4
SHOP = """
from tests.streams.sales import revenue
app = revenue({address!r}, until="end", checkpoint="200ms", config={{"session.timeout.ms": 2000}})
"""


@pytest.mark.slow
def test_promise_06_a_killed_worker_changes_no_result(tmp_path: Path) -> None:
    """Of two, one is killed when the first input is committed, and one when the first result is
    there."""
    with moldau.Broker(config={"group.min.session.timeout.ms": 1000, **KEEPING}) as broker:
        fill(broker.bootstrap_servers)
        (tmp_path / "shop.py").write_text(SHOP.format(address=broker.bootstrap_servers))
        with run(tmp_path, "-w", "2") as process, Admin(broker.bootstrap_servers) as admin:
            wait_for(lambda: written(admin, "revenue-agg-1-repartition", PARTITIONS) > 0)
            os.kill(children(process.pid)[0], signal.SIGKILL)
            wait_for(lambda: written(admin, "revenue-per-minute", 1) > 0)
            os.kill(children(process.pid)[-1], signal.SIGKILL)
            said, _ = process.communicate(timeout=100)
        assert process.returncode == 0, said
        assert said.count("ended with -9; started again") == 2
        results = read(broker.bootstrap_servers, "revenue-per-minute")
    # At least once repeats results, each equal to the first.
    by_window = {(one["category"], one["window_start"]): one for one in results}
    assert all(one == by_window[one["category"], one["window_start"]] for one in results)
    assert sum(one["orders"] for one in by_window.values()) == COUNT
    total = sum(Decimal(one["revenue"]) for one in by_window.values())
    assert total == Decimal("1.10") * COUNT


def written(admin: Admin, topic: str, partitions: int) -> int:
    """How many records; 0 without it."""
    try:
        return sum(list_offsets(admin, [(topic, p) for p in range(partitions)], LATEST).values())
    except KafkaError:
        return 0


def wait_for(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not done():
        assert time.monotonic() < until
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def fill(bootstrap_servers: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic("sales", PARTITIONS, 1)])["sales"].result(10)
    # Without idempotence a batch that is tried again may come behind the next: late.
    producer = Producer({"bootstrap.servers": bootstrap_servers, "enable.idempotence": True})
    for i in range(COUNT):
        value = msgspec.json.encode(sale(i / 200, f"category-{i % 7}"))
        producer.produce("sales", value, partition=i % PARTITIONS)
        producer.poll(0)
    producer.flush()


def test_what_is_not_there_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    (tmp_path / "some_shop.py").write_text("import moldau\nshop = moldau.App('x')\n")
    assert worker.main(["-A", "nowhere:app"]) == 1
    assert "there is no module 'nowhere'" in capsys.readouterr().err
    assert worker.main(["-A", "some_shop:app"]) == 1
    assert "some_shop has no App called 'app'; it has shop" in capsys.readouterr().err


def test_exactly_once_says_what_a_broker_without_transactions_lacks(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with moldau.Broker() as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        admin.create_topics([NewTopic("sales", 1, 1)])["sales"].result(10)
        with pytest.raises(StreamsError, match=r"needs Kafka transactions.*take 'at_least_once'"):
            Worker(revenue(broker.bootstrap_servers, guarantee="exactly_once")).run()
        said = capfd.readouterr().err
    assert "TXNERR" not in said
    assert "FATAL" not in said


SHOPS = {
    "one_shop.py": "import moldau\nshop = moldau.App('x')\nnumber = 1\n",
    "stalls/__init__.py": "",
    "stalls/fruit.py": "import moldau\napp = moldau.App('x')\n",
    "stalls/broken.py": "def price():\n    return 1 / 0\n\nprice()\n",
    "stalls/needs.py": "import no_such_library\n",
    "stalls/prices.py": "price = int('1,10')\n",
}


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("stalls.friut:app", "no module 'stalls.friut' in .*did you mean stalls.fruit"),
        ("stals.fruit:app", "no module 'stals' in .*did you mean stalls"),
        ("stalls/fruit.py:app", "is a file, and a module is wanted: stalls.fruit"),
        (":app", "no name of a module"),
        (".stalls:app", "no name of a module"),
        ("stalls.prices:app", "(?s)fails when it is imported.*prices.py.*ValueError: invalid lit"),
        ("one_shop:shpo", "no App called 'shpo'; did you mean shop"),
        ("one_shop:number", "number of one_shop is no App, but a int"),
        (
            "stalls.broken:app",
            r"(?s)fails when it is imported:\nTraceback \(most recent call last\):\n"
            r'  File "[^"]*broken.py", line 4, .*ZeroDivisionError',
        ),
        ("stalls.needs:app", "(?s)needs.py.*No module named 'no_such_library'"),
    ],
)
def test_what_a_cannot_name_is_said_with_what_is_near(
    where: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in SHOPS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    before = set(sys.modules)
    try:
        with pytest.raises(StreamsError, match=said):
            worker.load(where)
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]
