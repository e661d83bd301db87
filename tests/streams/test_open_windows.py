"""Windows of which not all rows are in memory are the same as ones of which all are, close in the
same order, and take no more memory than they should."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moldau
from moldau.streams.engine import build, state, windowed
from moldau.streams.engine.coding import encode
from moldau.streams.engine.keys import typed
from moldau.streams.engine.open_windows import OpenWindows
from moldau.streams.engine.reading import Records
from moldau.streams.engine.state import State
from moldau.streams.engine.state_memory import is_too_much, shrink
from moldau.streams.engine.task import Task
from moldau.streams.engine.window_names import in_order, of_place, place_in, start_in
from moldau.streams.errors import StreamsError
from moldau.streams.running.local_store import LocalStore
from moldau.streams.topology import topology
from tests.drawn import share
from tests.streams.awkward_keys import AWKWARD
from tests.streams.stored import Stored, store_of

STARTS = [-(1 << 40), -1, 0, 255, 1 << 40]  # names of windows end in each byte
KEYS = [typed(one) for one in ("", "a", "é", -7, 300, 1 << 70, b"x", 2.5, ("a", 1), *AWKWARD)]
places = st.tuples(st.sampled_from(STARTS), st.sampled_from(KEYS))
steps = st.lists(
    st.tuples(st.just("put"), st.lists(places, max_size=6))
    | st.tuples(st.just("close"), st.sampled_from(STARTS))
    | st.tuples(st.sampled_from(["commit", "shrink", "again", "again, with little memory"])),
    max_size=30,
)


class Life(Stored):
    """Open windows over restarts: of each row, how often it was put."""

    def begin(self) -> None:
        super().begin()
        self.windows = OpenWindows(self.state.table("t"), list)

    def put(self, places: list[Any]) -> None:
        self.windows.fetch(places)
        for start, key in places:
            states = self.windows.groups.setdefault(start, {}).setdefault(key, [0, -1])
            states[0] += 1
            self.windows.changed.append((start, key, states))

    def close(self, start: int) -> list[tuple[Any, int]]:
        return [(key, states[0]) for key, states in self.windows.close(start)]


@settings(max_examples=share(80), deadline=None)
@given(steps)
def test_they_are_dicts_whatever_is_let_go_of(steps: list[Any]) -> None:
    there: Counter[Any] = Counter()
    committed: Counter[Any] = Counter()

    def expected(start: int) -> list[tuple[Any, int]]:
        return [
            (key, there.pop((start, key))) for key in in_order(k for s, k in there if s == start)
        ]

    with tempfile.TemporaryDirectory() as folder:
        life = Life(Path(folder))
        for what, *how in steps:
            if what == "put":
                life.put(how[0])
                there.update(how[0])
            elif what == "close":
                assert life.close(how[0]) == expected(how[0])
            elif what == "commit":
                life.commit()
                committed = Counter(there)
            elif what == "shrink":
                life.windows.shrink()
            else:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(state, "AT_ONCE", 10_000 if what == "again" else 0)
                    life.begin()
                there = Counter(committed)
            assert set(life.windows) >= {start for start, _ in there}
        for start in sorted(life.windows):
            assert life.close(start) == expected(start)
        assert not there
        life.begin()
        life.end()


@given(st.lists(places, unique=True))
def test_names_are_in_order_and_read_back(places: list[Any]) -> None:
    names = sorted(map(of_place, places))
    assert [place_in(name) for name in names] == [
        (start, key)
        for start in sorted({start for start, _ in places})
        for key in in_order(key for one, key in places if one == start)
    ]
    assert [start_in(name) for name in names] == sorted(start for start, _ in places)


def test_keys_of_one_kind_are_in_the_order_that_they_have() -> None:
    for keys in (["é", "b", "ab", "a", ""], [300, -7, 0, 256], [b"b", b"", b"ab"]):
        assert in_order(keys) == sorted(keys) == [place_in(n)[1] for n in _names(keys)]
    days = [date(2026, 1, day) for day in (3, 1, 2)]
    assert in_order([(1, "b"), (1, "a")]) == in_order([(1, "a"), (1, "b")])
    assert [in_order(map(str, days))] == [sorted(map(str, days))]
    assert in_order([1 << 70, 5, -(1 << 70)])[0] == 5  # those of 64 bits first, in memory or not


def _names(keys: list[Any]) -> list[bytes]:
    return sorted(of_place((0, key)) for key in keys)


def test_a_row_of_another_release_is_refused() -> None:
    with pytest.raises(StreamsError, match="that this release does not know: reset the program"):
        place_in(encode((0, "a")))


# --- bounded -----------------------------------------------------------------------------------


class Visit(msgspec.Struct):
    user: int
    at: int
    seconds: int


DAYS, USERS, BATCH = 8, 3000, 500
DAY = 86_400_000
BOUND = 800_000


class Run:
    """A task with its state on disk. `left`: (time, row) of what has left it."""

    def __init__(self, app: moldau.App, folder: Path) -> None:
        self._made = topology(app.id, app.nodes)
        self._folder = folder
        self._store: LocalStore | None = None
        self._read = 0
        self.left: list[tuple[int, Any]] = []
        self.most_outputs = 0
        self.begin()

    def begin(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store = store_of(self._folder)
        self.state = State(self._store)
        counts = {"visits": 1, "out": 1}
        marker = self.state.begin()
        self.task = Task(self._made, self._made.stages[0], 0, counts, self.state, marker)
        self.task.leave_by(self.leave)

    def leave(self) -> None:
        outputs = self.task.outputs
        self.most_outputs = max(self.most_outputs, len(outputs))
        self.left += [
            (one.timestamp or 0, msgspec.json.decode(one.value or b"")) for one in outputs
        ]
        outputs.clear()

    def feed(self, visits: list[Visit]) -> None:
        offsets = range(self._read, self._read + len(visits))
        self._read += len(visits)
        keys: list[Any] = [str(one.user).encode() for one in visits]
        values = list(map(msgspec.json.encode, visits))
        self.task.feed("visits", Records(offsets, [0] * len(visits), keys, values), 0)

    def commit(self) -> None:
        changes = self.task.checkpoint()
        if changes:
            self.task.committed(changes, self._read)

    def end(self) -> list[tuple[bytes, bytes]]:
        """What is in the store when all windows are closed."""
        self.task.ended("visits")
        self.leave()
        self.commit()
        assert self._store is not None
        left = list(self._store.items(b"agg-1\0"))
        self._store.close()
        return left


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.slow
def test_memory_is_bounded_and_every_result_is_there_once_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """For each user, windows of so many days stay open: many times what there may be in memory.
    The program is started anew in the middle."""
    monkeypatch.setattr(build, "MOST_OUTPUTS", 300)
    monkeypatch.setattr(windowed, "AT_ONCE", 100)
    app = moldau.App("visits")
    visits = app.topic("visits", Visit, key="user", event_time="at", unit="ms", lateness="20d")
    windows = app.stream(visits).group_by("user").hopping(f"{size}d", "1d")
    windows.agg(n=moldau.count(), seconds=moldau.sum("seconds")).to("out")
    run, most_rows = Run(app, tmp_path), 0
    for turn in range(2):
        for day in range(DAYS):
            for first in range(0, USERS, BATCH):
                users = range(first, first + BATCH)
                run.feed([Visit(user, day * DAY, turn + 1) for user in users])
                if is_too_much([run.state], BOUND):
                    run.commit()
                    shrink([run.state], BOUND)
                (cache,) = run.state.caches
                assert cache.used <= BOUND
                most_rows = max(most_rows, _rows_in(cache))
        run.commit()
        if turn == 0:
            run.begin()
    assert not run.left
    assert 0 < 5 * most_rows < DAYS * USERS
    assert run.end() == []
    assert run.most_outputs < 300 + 100
    expected = [
        (start, user, 2 * len({*range(max(0, start), min(DAYS, start + size))}))
        for start in range(1 - size, DAYS)
        for user in range(USERS)
    ]
    assert [
        ((time + 1) // DAY - size, int(row["user"]), row["n"]) for time, row in run.left
    ] == expected
    assert all(2 * row["seconds"] == 3 * row["n"] for _, row in run.left)


def _rows_in(cache: Any) -> int:
    return sum(len(one) for groups in (cache.groups, cache._old) for one in groups.values())
