"""Tables over HTTP: what is committed, wherever it is, and nothing else."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from confluent_kafka import Producer

import moldau
from moldau.client.admin import Admin
from moldau.streams.watching.asking import Unanswered, ask
from tests.streams.shop_worker import worker
from tests.streams.test_joins_on_a_broker import make_topics
from tests.streams.watching.test_several import is_whole, port_of, told
from tests.tools.test_worker import children, wait_for, written

KINDS = """
import moldau, msgspec

class Item(msgspec.Struct):
    id: int
    name: str

class Order(msgspec.Struct):
    product: str
    amount: int
    country: str

settings = {{"session.timeout.ms": 2000, "heartbeat.interval.ms": 500}}
app = moldau.App("shop", {address!r}, checkpoint="200ms", config=settings)
app.table(app.topic("prices", dict), name="price-list")
app.table(app.topic("items", Item, key="id"))
orders = app.stream(app.topic("orders", Order))
by_product = orders.group_by("product")
by_product.agg(name="totals", orders=moldau.count(), sum=moldau.sum("amount")).to("totals")
by_product.tumbling("365d").agg(name="years", orders=moldau.count()).to("years")
by_product.session("5s").agg(name="sessions", orders=moldau.count()).to("sessions")
countries = app.global_table(app.topic("countries", dict))
orders.join(countries, lambda order, country: country, on="country").to("origins")
seen = app.state("seen", default=int)

@app.agent(app.topic("orders", Order), states=[seen])
async def count(stream):
    async for order in stream:
        seen[order.product] += 1
        seen["all"] += 1
"""
KEYS = ["plain", "a/b", "a b+c", "100%", "?x=1&y", "ä ö", "5", "[1]", "%2F", "..", "#", "x" * 2000]


def get(port: int, path: str) -> tuple[int, Any]:
    answer = ask("localhost", port, path, timeout_s=20)
    return answer.status, msgspec.json.decode(answer.body)


def put(address: str, topic: str, values: dict[Any, Any]) -> None:
    producer = Producer({"bootstrap.servers": address, "partitioner": "murmur2_random"})
    for key, value in values.items():
        name = key if isinstance(key, bytes) else str(key).encode()
        producer.produce(topic, None if value is None else msgspec.json.encode(value), name)
    producer.flush()


@contextmanager
def shop(folder: Path, program: str, topics: dict[str, int], *words: str) -> Iterator[Any]:
    """A broker with topics, the program on it, and the port at which it answers."""
    with moldau.Broker(config={"group.min.session.timeout.ms": "1000"}) as broker:
        make_topics(broker.bootstrap_servers, topics)
        (folder / "shop.py").write_text(program.format(address=broker.bootstrap_servers))
        with worker(folder, *words, "--http", "localhost:0") as process:
            yield broker.bootstrap_servers, process, port_of(process)


@pytest.mark.slow
def test_every_kind_of_table_under_every_kind_of_key(tmp_path: Path) -> None:
    topics = dict.fromkeys(["prices", "items", "orders", "countries"], 3)
    with shop(tmp_path, KINDS, topics, "-w", "3") as (address, _, port):
        put(address, "prices", {**{key: {"is": key} for key in KEYS}, b"\xff\xfe": {"is": "bytes"}})
        put(address, "prices", {"gone": {"is": "there"}, "": {"is": "nothing"}})
        put(address, "items", {7: {"id": 7, "name": "seven"}})
        put(address, "countries", {"cz": {"name": "Czechia"}})
        order = {"product": "p/1", "amount": 3, "country": "cz"}
        put(address, "orders", {"k1": order})
        put(address, "orders", {"k1": {**order, "amount": 4}})
        put(address, "prices", {"gone": None})

        there(port, "/tables/seen/p%2F1", 2)
        for key in KEYS:
            there(port, f"/tables/price-list/{quote(key, safe='')}", {"is": key})
        there(port, "/tables/price-list/%FF%FE", {"is": "bytes"})
        there(port, "/tables/price-list?key=", {"is": "nothing"})
        there(port, "/tables/prices/a/b", {"is": "a/b"})  # by its topic; a slash may stand as it is
        there(port, "/tables/items/7", {"id": 7, "name": "seven"})
        there(port, "/tables/totals/p%2F1", {"product": "p/1", "orders": 2, "sum": 7})
        there(port, "/tables/countries/cz", {"name": "Czechia"})
        wait_for(lambda: get(port, "/tables/years/p%2F1")[1][0]["orders"] == 2)

        assert get(port, "/tables/price-list/gone")[0] == 404
        status, said = get(port, "/tables/totals/nothing")
        assert (status, said) == (404, {"error": "table 'totals' has no key 'nothing'"})
        status, said = get(port, "/tables/nowhere/x")
        assert status == 404
        assert "there is no table 'nowhere'; there are price-list," in said["error"]
        status, said = get(port, "/tables/sessions/x")
        assert status == 404
        assert "sessions and sliding windows are not readable" in said["error"]
        assert get(port, "/tables/totals?limit=0")[0] == 400
        assert get(port, "/tables/totals?partition=x")[0] == 400
        for wrong in ("99", "-1", "0,3"):
            status, said = get(port, f"/tables/totals/x?partition={wrong}")
            assert (status, said) == (404, {"error": "table 'totals' has partitions 0 to 2"})

        listed = {one["name"]: one["kind"] for one in get(port, "/tables")[1]["tables"]}
        assert {"price-list", "prices", "items", "totals", "years", "countries", "seen"} <= {
            *listed
        }
        assert listed["years"] == "open windows"
        assert [row["key"] for row in pages(port, "/tables/price-list?limit=4")] == sorted(
            [*KEYS, "", "//4="], key=lambda key: b"\xff\xfe" if key == "//4=" else key.encode()
        )
        # The program keeps a value under that key in each partition that it has records in.
        assert get(port, "/tables/seen/all") == (200, 2)
        put(address, "orders", {"k2": {**order, "product": "p/2"}})
        there(port, "/tables/seen/p%2F2", 1)
        status, said = get(port, "/tables/seen/all")
        assert status == 409
        assert "partitions 0, 2 of 'seen' have a value each of 'all'" in said["error"]
        assert get(port, "/tables/seen/all?partition=2")[0] == 200
        assert get(port, "/tables/seen/all?partition=1")[0] == 404


def there(port: int, path: str, expected: Any = None) -> None:
    def is_there() -> bool:
        status, value = get(port, path)
        assert status in (200, 404, 503), value
        return status == 200 and expected in (None, value)

    wait_for(is_there)


def pages(port: int, path: str | None) -> list[Any]:
    rows: list[Any] = []
    while path is not None:
        status, page = get(port, path)
        assert status == 200, page
        rows += page["rows"]
        path = page["next"]
    return rows


TOTALS = """
import moldau
settings = {{"session.timeout.ms": 2000, "heartbeat.interval.ms": 500}}
app = moldau.App("shop", {address!r}, checkpoint={checkpoint!r}, config=settings)
orders = app.stream(app.topic("orders", dict))
orders.group_by("product").agg(name="totals", orders=moldau.count()).to("totals")
"""


@pytest.mark.slow
def test_promise_18_what_is_not_committed_is_not_read(tmp_path: Path) -> None:
    """Its result is in the topic already, and the worker is killed before its checkpoint."""
    program = TOTALS.replace("{checkpoint!r}", "'1h'")
    with shop(tmp_path, program, {"orders": 1, "totals": 1}) as (address, process, port):
        wait_for(lambda: is_running(port))
        put(address, "orders", {"k": {"product": "a"}})
        with Admin(address) as admin:
            # It goes through a repartition topic, whose frames leave before the checkpoint too.
            wait_for(lambda: written(admin, "totals", 1) == 1)
            assert get(port, "/tables/totals/a")[0] == 404
            process.kill()
            with worker(tmp_path, "--http", f"localhost:{port}") as again:
                wait_for(lambda: written(admin, "totals", 1) == 2)
                assert get(port, "/tables/totals/a")[0] == 404
                again.send_signal(signal.SIGTERM)
                assert again.wait(60) == 0
            with worker(tmp_path, "--http", f"localhost:{port}"):
                wait_for(lambda: is_running(port))
                there(port, "/tables/totals/a", {"product": "a", "orders": 1})


def is_running(port: int) -> bool:
    document = told(port)
    return any(one["status"] == "running" and one["tasks"] for one in document["processes"])


@pytest.mark.slow
def test_promise_18_what_was_read_is_never_taken_back(tmp_path: Path) -> None:
    """Counts are asked for all the time while processes are killed: they never fall, a key that
    was there is never missing, and what is on its way is said to be."""
    program = TOTALS.replace("{checkpoint!r}", "'200ms'")
    topics = {"orders": 3, "totals": 3}
    with shop(tmp_path, program, topics, "-w", "3") as (address, process, port):
        wait_for(lambda: is_whole(told(port), tasks=6))
        stopped = threading.Event()
        seen: dict[str, int] = {}
        wrong: list[str] = []
        statuses: set[int] = set()

        def look() -> None:
            while not stopped.is_set():
                for product in "abcdef":
                    try:
                        status, value = get(port, f"/tables/totals/{product}")
                    except Unanswered as error:
                        wrong.append(str(error))
                        continue
                    statuses.add(status)
                    if status == 200 and value["orders"] < seen.get(product, 0):
                        wrong.append(f"{product}: {value} behind {seen[product]}")
                    elif status == 200:
                        seen[product] = value["orders"]
                    elif status != 503 and (status != 404 or product in seen):
                        wrong.append(f"{product}: {status} {value}")

        looking = threading.Thread(target=look)
        looking.start()
        try:
            for turn in range(3):
                sent = {f"{turn}-{n}": {"product": "abcdef"[n % 6]} for n in range(600)}
                put(address, "orders", sent)
                if turn < 2:
                    wait_for(lambda: bool(seen))
                    os.kill(children(process.pid)[turn], signal.SIGKILL)
                wait_for(partial(all_have, seen, 100 * (turn + 1)))
        finally:
            stopped.set()
            looking.join(60)
        assert wrong == []
        assert set(seen.values()) == {300}
        assert statuses <= {200, 404, 503}


def all_have(seen: dict[str, int], count: int) -> bool:
    return set(seen) == set("abcdef") and min(seen.values()) >= count
