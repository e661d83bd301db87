"""What waits for the watermark may be more than fits into memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moldau
from moldau.streams.batch import Batch
from moldau.streams.engine import held
from moldau.streams.engine.coding import encode
from moldau.streams.engine.held import Held
from moldau.streams.engine.reading import Records
from moldau.streams.engine.spilled import Spilled
from moldau.streams.engine.state import MARKER, Cache, State
from moldau.streams.engine.state_memory import is_too_much, shrink
from moldau.streams.engine.task import Task
from moldau.streams.running.local_store import LocalStore
from moldau.streams.topology import Topology, topology
from tests.drawn import share
from tests.streams.stored import store_of

SECONDS, PRODUCTS = 2000, 5
BOUND = 600_000
MOST_ROWS = 2000  # of which so many fit into that, and of so many a part is read at once


class Row(msgspec.Struct):
    product: str
    n: int
    ms: int


class Run:
    """A task with its state on disk, as a worker has it. `left`: the rows that have left it."""

    def __init__(self, app: moldau.App, folder: Path, bound: int = BOUND, stage: int = 0) -> None:
        self._made = topology(app.id, app.nodes)
        self._stage = self._made.stages[stage]
        self._folder = folder
        self._bound = bound
        self._store: LocalStore | None = None
        self._read = 0
        self.left: list[Any] = []
        self.most_rows = 0
        self.most_spilled = 0
        self.begin()

    def begin(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store = store_of(self._folder)
        self.state = State(self._store)
        marker = self.state.begin()
        counts = counts_of(self._made)
        self.task = Task(self._made, self._stage, 0, counts, self.state, marker)
        self.task.leave_by(self._leave)

    def _leave(self) -> None:
        self.left += [msgspec.json.decode(one.value or b"") for one in self.task.outputs]
        self.task.outputs.clear()

    def feed(self, topic: str, rows: list[Row]) -> None:
        """And what comes of that."""
        keys = [one.product.encode() for one in rows]
        self.feed_bytes(topic, keys, list(map(msgspec.json.encode, rows)))

    def feed_bytes(self, topic: str, keys: list[Any], values: list[Any]) -> None:
        at = self.task.positions.get(topic, 0)
        offsets = range(at, at + len(values))
        self.task.feed(topic, Records(offsets, [0] * len(values), keys, values), 0)
        self._go_on()

    def end(self) -> None:
        for topic in self._made.source_topics:
            self.task.ended(topic)
            self._go_on()
        assert self.task.is_done

    def _go_on(self) -> None:
        goes_on = True
        while goes_on:
            self._leave()
            self.most_rows = max(self.most_rows, self._rows())
            self.most_spilled = max(self.most_spilled, in_memory(self.state.spilled))
            if is_too_much([self.state], self._bound):
                self.commit()
                shrink([self.state], self._bound)
            goes_on = self.task.go_on()
        self._leave()

    def _rows(self) -> int:
        return sum(len(one._waiting) for one in self.state.caches if isinstance(one, Held))

    def commit(self) -> None:
        changes = self.task.checkpoint()
        if changes:
            self._read += 1
            self.task.committed(changes, self._read)

    def rows_on_disk(self, table: bytes = b"join") -> int:
        assert self._store is not None
        return sum(1 for _ in self._store.items(table))


def counts_of(made: Topology) -> dict[str, int]:
    """How many partitions each topic has."""
    cuts = (cut.name for cut in made.repartitions)
    return dict.fromkeys((*made.source_topics, *cuts, "out"), 1)


def in_memory(spilled: list[Cache]) -> int:
    """Records, or what they are of."""
    found = 0
    for one in spilled:
        rows = getattr(one, "by_key", one)
        if isinstance(rows, Spilled):
            found += sum(len(row) for some in (rows, rows._old) for row in some.values())
    return found


Joins = Callable[[moldau.App, Any, Any], Any]
JOINS: dict[str, tuple[Joins, tuple[int, ...]]] = {
    "table": (lambda app, o, p: app.stream(o).join(app.table(p), on="product"), (0,)),
    "within": (lambda app, o, p: app.stream(o).join(app.stream(p), within="600ms"), (0, 1)),
    "asof": (lambda app, o, p: app.stream(o).join_asof(app.stream(p), tolerance="2s"), (0,)),
}


@pytest.mark.parametrize(
    "join", [pytest.param(one, marks=() if one == "asof" else pytest.mark.slow) for one in JOINS]
)
@pytest.mark.parametrize("first", ["orders", "prices"])
def test_what_waits_is_bounded_and_every_result_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, join: str, first: str
) -> None:
    """One side is read to its end before the other begins. The program is started anew in the
    middle, and while it releases what has waited."""
    monkeypatch.setattr(held, "CHUNK", 100)
    monkeypatch.setattr(held, "CHUNKS", 4)
    app = moldau.App("priced")
    orders, prices = (
        app.topic(name, Row, event_time="ms", unit="ms", key="product", lateness=late)
        for name, late in (("orders", "20s"), ("prices", "1ms"))
    )
    made, after = JOINS[join]
    made(app, orders, prices).to("out")
    run = Run(app, tmp_path)
    offsets = {"orders": 500, "prices": 0}
    for topic in sorted(offsets, key=lambda one: one != first):
        for second in range(0, SECONDS, 20):
            run.feed(
                topic,
                [
                    Row(f"p{product}", at, at * 1000 + offsets[topic])
                    for at in range(second, second + 20)
                    for product in range(PRODUCTS)
                ],
            )
            if second == SECONDS // 2:
                run.commit()
                run.begin()
        if topic == first:
            assert not run.left
    run.end()
    found = sorted((one["product"], one["n"], one["n_right"] - one["n"]) for one in run.left)
    expected = [
        (f"p{product}", second, away)
        for product in range(PRODUCTS)
        for second in range(SECONDS)
        for away in after
        if second + away < SECONDS
    ]
    assert found == expected
    assert run.most_rows < MOST_ROWS < SECONDS * PRODUCTS // 4


def test_a_jump_of_time_releases_a_part_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a checkpoint may be taken in between."""
    monkeypatch.setattr(held, "CHUNK", 100)
    monkeypatch.setattr(held, "CHUNKS", 4)
    app = moldau.App("priced")
    orders = app.topic("orders", Row, event_time="ms", unit="ms", key="product")
    prices = app.topic("prices", Row, event_time="ms", unit="ms", key="product")
    app.stream(orders).join(app.table(prices), how="left").to("out")
    run = Run(app, tmp_path)
    rows = [Row("p", n, n) for n in range(5000)]
    for at in range(0, len(rows), 500):
        run.feed("orders", rows[at : at + 500])
        run.commit()
        shrink([run.state], 0)
    run.task.feed("prices", Records([0], [0], [b"p"], [msgspec.json.encode(rows[-1])]), 0)
    parts = 0
    while run.task.go_on():
        run._leave()
        parts += 1
        assert run._rows() <= 400
        run.commit()
        run.begin()
    run._leave()
    assert parts > 5
    assert [one["n"] for one in run.left] == list(range(4999))
    assert run.task.watermark == 4999
    run.end()
    assert len(run.left) == 5000
    run.commit()
    assert run.rows_on_disk() == 0


# --- by itself ------------------------------------------------------------------------------------


def steps(chance: random.Random) -> Iterator[tuple[Any, ...]]:
    for _ in range(30):
        what = chance.choice(("add", "add", "release", "release", "commit", "shrink", "again"))
        if what == "add":
            yield what, [chance.randrange(20) for _ in range(chance.randint(1, 5))]
        elif what == "release":
            yield what, chance.randrange(6)
        else:
            if what == "shrink" or chance.random() < 0.5:
                yield ("commit",)
            yield (what,)


@settings(max_examples=share(150), deadline=None)
@given(st.integers(0, 1 << 32))
def test_it_is_a_sorted_list_whatever_is_let_go_of(seed: int) -> None:
    """Of numbers that wait for a time."""
    chance = random.Random(seed)
    reach, size = chance.choice((0, 5)), chance.choice((1, 3, 1000))
    waiting: list[tuple[int, int]] = []
    released: list[tuple[int, int]] = []
    watermark = number = offset = 0
    state = State()

    def kept() -> Any:
        within = [one for one in released if one[0] + reach >= watermark]
        return watermark, list(waiting), within, number

    committed = kept()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held, "CHUNK", size)
        one = Held(state.table("t"), int, 0, reach)
        for what, *how in steps(chance):
            if what == "add":
                times = [watermark + time for time in how[0]]
                values = range(number, number + len(times))
                one.add(Batch([None] * len(times), values, times, [0] * len(times), values, 0))
                waiting += zip(times, values, strict=True)
                number += len(times)
            elif what == "release":
                watermark += how[0]
                found = [(row[0], row[5]) for row in one.release(watermark)]
                now = sorted(row for row in waiting if row[0] < watermark)
                assert found == now
                released += now
                waiting = [row for row in waiting if row[0] >= watermark]
            elif what == "commit":
                offset += 1
                mark = encode({"watermark": watermark})
                state.committed([*state.save(), (MARKER, mark)], offset)
                committed = kept()
            elif what == "shrink":
                one.shrink()
            else:
                state = State(state.store)
                state.begin()
                watermark, waiting, released, number = committed
                waiting, released = list(waiting), list(released)
                one = Held(state.table("t"), int, watermark, reach)
                before = [(row[0], row[5]) for row in one.released_before.release(watermark)]
                assert before == sorted(released)
        assert [row[5] for row in one.release(1000)] == [row[1] for row in sorted(waiting)]
        offset += 1
        state.committed([*state.save(), (MARKER, encode({"watermark": 1000}))], offset)
        assert list(state.store.items(b"t")) == []
