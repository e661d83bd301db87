"""What can be read of a table: the newest that is committed, also while it waits for its time."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

import moldau
from moldau.streams.clock import BEFORE_ALL
from moldau.streams.engine.reading import Records
from moldau.streams.engine.state import State
from moldau.streams.engine.task import Task
from moldau.streams.topology import topology
from moldau.streams.watching.readable import readables
from moldau.streams.watching.rows import Rows
from moldau.streams.watching.watch import Watch
from tests.drawn import share


class Price(msgspec.Struct):
    of: str
    at: int


class Shop:
    """A table of one partition, and what is read of it after each checkpoint."""

    def __init__(self, type_: Any = Price, lateness: str = "0s", join: bool = False) -> None:
        app = moldau.App("shop")
        prices = app.topic("prices", type_, event_time="at", unit="ms", lateness=lateness)
        table = app.table(prices, name="prices", history="1h")
        if join:  # its time holds the table back
            others = app.topic("orders", Price, event_time="at", unit="ms")
            app.stream(others).join(table, how="left").to("results")
        made = topology(app.id, app.nodes)
        tables = {one for readable in readables(made).values() for one in readable.tables}
        self.watch = Watch(made, keeps=True, readable=tables)
        self.readable = readables(made)["prices"]
        (self.stage,) = made.stages
        self.place = (self.stage.name, 0)
        self.topology, self.state = made, State()
        self.watch.begun(self.place, [])
        self.rows = Rows(self.watch.committed)
        self.is_joined = join
        self.offsets = dict.fromkeys(("prices", "orders"), 0)
        self._begin(None)

    def _begin(self, marker: Any) -> None:
        counts = dict.fromkeys((*self.offsets, "results"), 1)
        self.task = Task(self.topology, self.stage, 0, counts, self.state, marker)

    def put(self, key: str, value: Any, at: int, topic: str = "prices") -> None:
        """`value` None: it is deleted."""
        offset = self.offsets[topic]
        self.offsets[topic] += 1
        data = None if value is None else msgspec.json.encode({"of": value, "at": at})
        self.task.feed(topic, Records([offset], [at], [key.encode()], [data]), at)

    def checkpoint(self) -> None:
        changes = self.task.checkpoint()
        if changes:
            self.task.committed(changes, 0)
            self.watch.checkpointed([changes], 0.0)

    def restart(self) -> None:
        store = self.state.store
        self.watch.dropped(self.place)
        self.state = State(store)
        self._begin(self.state.begin())
        self.watch.begun(self.place, self.state.rows(), self.state.watermark)

    def get(self, key: str) -> Any:
        row = self.rows.get(self.readable, [0], [key.encode()])[0]
        return row and (row.value["of"] if isinstance(row.value, dict) else row.value.of)

    def all(self) -> dict[str, Any]:
        found: list[Any] = []
        after = None
        while some := self.rows.behind(self.readable, [0], after, 2)[0]:
            found += some
            after = some[-1].name
        return {row.key: self.get(row.key) for row in found}


@pytest.mark.parametrize("type_", [Price, dict])
def test_the_newest_row_is_read_though_nothing_comes_behind_it(type_: Any) -> None:
    shop = Shop(type_)
    shop.put("tea", "cheap", 1000)
    assert shop.get("tea") is None  # it is not committed
    shop.checkpoint()
    assert (shop.get("tea"), shop.all()) == ("cheap", {"tea": "cheap"})
    shop.put("tea", "dear", 2000)
    shop.checkpoint()
    assert shop.get("tea") == "dear"
    shop.put("tea", None, 3000)
    shop.checkpoint()
    assert (shop.get("tea"), shop.all()) == (None, {})


def test_what_waits_longer_is_read_too_in_the_order_of_its_time() -> None:
    shop = Shop(lateness="1h")
    shop.put("tea", "second", 2000)
    shop.put("tea", "first", 1000)
    shop.put("salt", "white", 1500)
    shop.checkpoint()
    assert shop.all() == {"tea": "second", "salt": "white"}
    shop.restart()
    assert shop.all() == {"tea": "second", "salt": "white"}


def test_what_was_deleted_long_ago_is_not_read_in_what_is_kept_for_others() -> None:
    """Rows of one time and of another are kept together; those that wait no more do not count."""
    hour, shop = 3_600_000, Shop(lateness="200h")
    shop.put("tea", "there", 1)
    shop.put("salt", "white", 100 * hour)
    shop.checkpoint()
    shop.put("tea", None, 2)
    shop.checkpoint()
    for later in (260, 261, 262):  # what was deleted is forgotten
        shop.put("rice", "long", later * hour)
        shop.checkpoint()
    assert shop.all() == {"salt": "white", "rice": "long"}


def test_whatever_comes_the_newest_by_its_time_is_read() -> None:
    """As it is when all time has passed, and never an older one."""
    for seed in range(share(100)):
        chance = random.Random(seed)
        shop = Shop(lateness=chance.choice(["0s", "1s"]), join=chance.random() < 0.5)
        newest: dict[str, tuple[int, int, Any]] = {}
        for number in range(60):
            at = 5000 + number * 40 - chance.randrange(200)
            if shop.is_joined and chance.random() < 0.3:
                shop.put("x", "order", at, "orders")
                continue
            key, value = chance.choice("abc"), chance.choice([None, f"v{number}", f"v{number}"])
            shop.put(key, value, at)
            newest[key] = max(newest.get(key, (0, 0, None)), (at, number, value))
            if chance.random() < 0.3:
                shop.checkpoint()
                expected = {key: one[2] for key, one in newest.items() if one[2] is not None}
                assert shop.all() == expected, seed
            if chance.random() < 0.05:
                shop.checkpoint()
                shop.restart()


def test_a_watermark_is_of_what_is_committed() -> None:
    shop = Shop()
    committed = shop.watch.committed[shop.place]
    assert committed.watermark == BEFORE_ALL
    shop.put("tea", "cheap", 1000)
    assert committed.watermark == BEFORE_ALL
    shop.checkpoint()
    assert committed.watermark == 1000
