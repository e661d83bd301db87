"""What is made anew at each start and is more than fits into memory: the same results, over
restarts, and no more of it in memory than there should be."""

from __future__ import annotations

import random
import tempfile
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moldau
from moldau.streams.engine import earlier, held, history, line, sliding, spilled
from moldau.streams.engine.coding import decode, encode
from moldau.streams.engine.keys import typed
from moldau.streams.engine.line import Line
from moldau.streams.engine.spilled import Spilled
from moldau.streams.engine.state import State
from moldau.streams.errors import StreamsError
from moldau.streams.running import scratch
from moldau.streams.running.local_store import LocalStore
from moldau.streams.running.scratch import ScratchFile
from tests.drawn import share
from tests.streams.awkward_keys import AWKWARD
from tests.streams.test_held import Row, Run
from tests.streams.world import World

keys = st.sampled_from([typed(one) for one in ("a", "b", -7, b"x", ("c", 2), *AWKWARD[:14])])
steps = st.lists(
    st.tuples(st.sampled_from(["add", "add", "take"]), keys) | st.tuples(st.just("shrink")),
    max_size=40,
)


@settings(max_examples=share(80), deadline=None)
@given(steps)
def test_it_is_a_dict_of_lists_whatever_is_let_go_of(steps: list[Any]) -> None:
    there: dict[Any, list[int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder), "topic")
        rows = Spilled(State(store), "rows", encode, lambda _, data: decode(data))
        for number, (what, *which) in enumerate(steps):
            if what == "shrink":
                rows.shrink()
                continue
            (key,) = which
            rows.fetch([key])
            assert rows.get(key) == there.get(key)
            if what == "add":
                there.setdefault(key, []).append(number)
                rows.setdefault(key, []).append(number)
                rows.total += 1
            elif key in there:
                rows.total -= len(rows.pop(key))
                del there[key]
        rows.fetch(list(there))
        assert rows | rows._old == there
        assert rows.total == sum(map(len, there.values()))
        assert rows.young <= rows.used
        store.close()
        assert not (Path(folder) / scratch.FILE).exists()


@settings(max_examples=share(80), deadline=None)
@given(st.lists(st.integers(0, 5) | st.just("shrink"), max_size=40), st.integers(1, 3))
def test_what_is_due_comes_in_order_whatever_is_let_go_of(steps: list[Any], size: int) -> None:
    """A number is how many are added; as many are due."""
    there: deque[int] = deque()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(line, "CHUNK", size)
        patch.setattr(line, "CHUNKS", 2)
        store = LocalStore(Path(folder), "topic")
        made = Line(State(store), "line", lambda due: due, encode, decode)
        added = now = 0
        for step in steps:
            if step == "shrink":
                made.shrink()
                continue
            made.back.extend(range(added, added + step))
            there.extend(range(added, added + step))
            added += step
            end = now + step // 2
            while now < end:
                now, before = made.stop(now, end), now
                assert now > before
                made.bring(now)
                while made.front and made.front[0] < now:
                    assert made.front.popleft() == there.popleft()
                assert not there or there[0] >= now
            assert len(made) == len(there)
        made.bring(added)
        assert made.front == there
        store.close()


def test_a_scratch_that_was_changed_by_the_disk_stops_the_worker(tmp_path: Path) -> None:
    one = ScratchFile(tmp_path)
    one.put([(b"a", b"1"), (b"b", b"2")])
    assert one.take([b"a", b"c"]) == {b"a": b"1"}
    assert one.take([b"a"]) == {}
    assert one._db is not None
    one._db.execute("update scratch set value = x'0011223344'")
    with pytest.raises(StreamsError, match=r"scratch.db: .* wrong checksum; start again"):
        one.take([b"b"])
    one.close()


def test_a_scratch_of_a_process_that_was_killed_is_removed(tmp_path: Path) -> None:
    (tmp_path / scratch.FILE).write_bytes(b"half of a file")
    one = ScratchFile(tmp_path)
    one.put([(b"a", b"1")])
    assert one.take([b"a"]) == {b"a": b"1"}
    one.close()


# --- bounded ----------------------------------------------------------------------------------

RECORDS, PRODUCTS = 12_000, 3900
EACH = 10  # ms
BATCH = 100
BOUND = 250_000
NEAR = 5000  # records, that many before and behind are looked at
MOST_IN_MEMORY = 1600  # of them


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is taken at once."""
    for module in (held, line):
        monkeypatch.setattr(module, "CHUNK", 100)
        monkeypatch.setattr(module, "CHUNKS", 4)
    monkeypatch.setattr(earlier, "AT_ONCE", 4)
    monkeypatch.setattr(sliding, "AT_ONCE", 100)
    monkeypatch.setattr(sliding, "LOADED", 100)
    monkeypatch.setattr(history, "LOADED", 100)
    monkeypatch.setattr(history, "PURGED", 100)
    monkeypatch.setattr(spilled, "MOST_AT_START", BOUND // 8)


def fed(app: moldau.App, folder: Path) -> Run:
    """An order each 10 ms, and a price of its product at each third. The program is started anew a
    few times. To the end."""
    run = Run(app, folder, BOUND)
    for first in range(0, RECORDS, BATCH):
        rows = [
            Row(f"p{number * 7 % PRODUCTS}", number, number * EACH)
            for number in range(first, first + BATCH)
        ]
        run.feed("orders", rows)
        if "prices" in run.task.stage.topics:
            run.feed("prices", [row for row in rows if row.n % 3 == 0])
        if first % 4000 == 1000:
            run.commit()
            run.begin()
    run.end()
    assert 0 < run.most_spilled < MOST_IN_MEMORY
    return run


# --- joins of two streams ---------------------------------------------------------------------

Joins = Callable[[Any, Any], Any]
Expected = Callable[[int], list[int | None]]


def _within(number: int) -> list[int | None]:
    """Which prices an order meets: of its product, 3900 before it or behind, or at its time."""
    first, last = max(0, number - NEAR), min(RECORDS - 1, number + NEAR)
    met = [one for one in range(number % PRODUCTS, last + 1, PRODUCTS) if one >= first]
    return [*met] if number % 3 == 0 else [None]


def _last(number: int) -> list[int | None]:
    return [number if number % 3 == 0 else None]


JOINS: dict[str, tuple[Joins, Expected]] = {
    "within": (lambda o, p: o.join(p, within="50s", how="left"), _within),
    "asof": (lambda o, p: o.join_asof(p, tolerance="50s", how="left"), _last),
    "forward": (
        lambda o, p: o.join_asof(p, tolerance="50s", how="left", strategy="forward"),
        _last,
    ),
}


@pytest.mark.parametrize("join", JOINS)
@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_two_streams_whose_sides_are_more_than_fits_into_memory(tmp_path: Path, join: str) -> None:
    """An order each 10 ms, and a price of its product at each third."""
    app = moldau.App("priced")
    orders, prices = (
        app.topic(name, Row, event_time="ms", unit="ms", key="product")
        for name in ("orders", "prices")
    )
    made, expected = JOINS[join]
    made(app.stream(orders), app.stream(prices)).to("out")
    run = fed(app, tmp_path)
    found = sorted((one["n"], one["n_right"] or -1) for one in run.left)
    assert found == sorted(
        (number, other or -1) for number in range(RECORDS) for other in expected(number)
    )


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_a_table_whose_versions_are_more_than_fits_into_memory(tmp_path: Path) -> None:
    app = moldau.App("priced")
    orders, prices = (
        app.topic(name, Row, event_time="ms", unit="ms", key="product")
        for name in ("orders", "prices")
    )
    table = app.table(prices, history="100s")
    app.stream(orders).join(table, how="left").to("out")
    run = fed(app, tmp_path)
    found = [(one["n"], one["n_right"]) for one in run.left]
    assert sorted(found) == [(n, n if n % 3 == 0 else None) for n in range(RECORDS)]
    assert run.task.watermark > RECORDS * EACH
    run.commit()
    assert PRODUCTS // 3 <= run.rows_on_disk(b"table") <= RECORDS // 3


# --- sliding windows --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_sliding_windows_that_are_more_than_fits_into_memory(tmp_path: Path) -> None:
    app = moldau.App("sliding")
    orders = app.topic("orders", Row, event_time="ms", unit="ms", key="product")
    windows = app.stream(orders).group_by("product").sliding("50s")
    windows.agg(rows=moldau.collect("n")).to("out")
    run = fed(app, tmp_path)
    size, expected = NEAR * EACH, []
    for first in range(PRODUCTS):
        numbers = range(first, RECORDS, PRODUCTS)
        times = [number * EACH for number in numbers]
        for end in sorted({*times, *(time + size + 1 for time in times)}):
            within = [n for n in numbers if end - size <= n * EACH <= end]
            expected += [(end, f"p{first * 7 % PRODUCTS}", within)] if within else []
    assert sorted((ms_of(one), one["product"], one["rows"]) for one in run.left) == sorted(expected)
    run.commit()
    assert run.rows_on_disk(b"agg") == 0


def ms_of(row: Any) -> int:
    """Of the end of its window, which is in it."""
    end = datetime.fromisoformat(row["window_end"]) - datetime(1970, 1, 1, tzinfo=UTC)
    return end // timedelta(milliseconds=1) - 1


@pytest.mark.parametrize("seed", range(5))
def test_records_that_were_made_of_one_are_all_there_after_a_crash(seed: int) -> None:
    app = moldau.App("sliding")
    orders = app.topic("orders", Row, event_time="ms", unit="ms", key="product")
    both = app.stream(orders).flat_map(lambda row: [row, row], type=Row)
    both.group_by("product").sliding("1s").agg(n=moldau.count()).to("out")
    world = World(app, 1, random.Random(seed), exactly_once=True)
    for number in range(5):
        world.send("orders", Row("p", number, number * 100), "p")
    world.run(crashes=4)
    found = [(ms_of(row), row["n"]) for _, row, _ in world.results("out")]
    assert found == [
        *((number * 100, 2 * number + 2) for number in range(5)),
        *((1001 + number * 100, 8 - 2 * number) for number in range(4)),
    ]
