"""Members of groups, of which not all are in memory, are the same as ones of which all are."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moldau
from moldau.streams.engine import held, members, spilled
from moldau.streams.engine import state as state_module
from moldau.streams.engine.keys import typed
from moldau.streams.engine.members import Member, Members
from moldau.streams.engine.reading import Records
from moldau.streams.engine.state import State
from moldau.streams.engine.task import Task
from moldau.streams.topology import topology
from tests.drawn import share
from tests.streams.stored import Stored
from tests.streams.test_held import Row, Run, counts_of

GROUPS = [typed(one) for one in ("a", 1, 1.0, Decimal("1.00"))]
places = st.tuples(st.sampled_from(GROUPS), st.integers(0, 3))
steps = st.lists(
    st.tuples(st.just("put"), places, st.integers(0, 9) | st.none())
    | st.tuples(st.sampled_from(["commit", "shrink", "again"])),
    max_size=40,
)


class Life(Stored):
    lists = False

    def begin(self) -> None:
        super().begin()
        self.members = Members(self.state, self.state.table("t"), int, lists=self.lists)


@settings(max_examples=share(80), deadline=None)
@given(steps, st.booleans())
def test_they_are_a_dict_whatever_is_let_go_of(steps: list[Any], lists: bool) -> None:
    there: dict[Any, Any] = {}
    committed: dict[Any, Any] = {}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Life, "lists", lists)
        patch.setattr(state_module, "AT_ONCE", 1)
        patch.setattr(members, "LOADED", 1)
        patch.setattr(spilled, "MOST_AT_START", 0)
        life = Life(Path(folder))
        for what, *how in steps:
            if what == "put":
                place, value = how
                life.members.fetch([place])
                before, now = life.members.get(place), None if value is None else Member(1, value)
                assert before == there.get(place)
                life.members.put(place, before, now)
                there.pop(place, None)
                there.update({} if now is None else {place: now})
            elif what == "commit":
                life.commit()
                committed = dict(there)
            elif what == "shrink":
                for one in (*life.state.caches, *life.state.caches):
                    one.shrink()
            else:
                life.begin()
                there = dict(committed)
            life.members.fetch([(group, 0) for group in GROUPS])
            for group in GROUPS:
                of = [there[group, one] for one in range(4) if (group, one) in there]
                assert (group in life.members) == bool(of)
                assert not lists or life.members.of(group) == of
        life.end()


# --- bounded ----------------------------------------------------------------------------------

RECORDS, PRODUCTS, BATCH = 12_000, 3900, 100
BOUND = 400_000
MOST_IN_MEMORY = 1500  # members

Group = Callable[[Row], int]
KINDS: dict[str, tuple[Group, Any]] = {
    "few and large": (lambda row: row.n // 1000 % 3, moldau.sum("n")),
    "many, added up anew": (lambda row: row.n % 1300, moldau.max("n")),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_memory_is_bounded_and_every_group_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Each row changes a few times, and may go to another group. The program is started anew a few
    times."""
    monkeypatch.setattr(held, "CHUNK", 100)
    monkeypatch.setattr(held, "CHUNKS", 4)
    monkeypatch.setattr(state_module, "AT_ONCE", 100)
    monkeypatch.setattr(spilled, "MOST_AT_START", BOUND // 8)
    group, aggregate = KINDS[kind]
    app = moldau.App("groups")
    orders = app.topic("orders", Row, event_time="ms", unit="ms", key="product")
    app.table(orders).group_by(group).agg(rows=moldau.count(), made=aggregate).to("out")
    made = topology(app.id, app.nodes)
    before = Task(made, made.stages[0], 0, counts_of(made), State())
    run, most = Run(app, tmp_path, BOUND, stage=1), 0
    for first in range(0, RECORDS, BATCH):
        numbers = range(first, first + BATCH)
        values = [msgspec.json.encode(Row(f"p{n % PRODUCTS}", n, n)) for n in numbers]
        keys: list[Any] = [f"p{n % PRODUCTS}".encode() for n in numbers]
        before.feed("orders", Records(numbers, [0] * BATCH, keys, values), 0)
        pass_on(before, run)
        most = max(most, rows_in_memory(run.state))
        if first % 4000 == 3000:
            run.commit()
            run.begin()
    before.ended("orders")
    pass_on(before, run)
    assert 0 < most < MOST_IN_MEMORY
    expected: dict[int, list[int]] = {}
    for n in range(RECORDS - PRODUCTS, RECORDS):
        expected.setdefault(group(Row("", n, 0)), []).append(n)
    of = sum if kind == "few and large" else max
    last = {next(iter(row.values())): row for row in run.left}
    assert {key: (row["rows"], row["made"]) for key, row in last.items()} == {
        key: (len(rows), of(rows)) for key, rows in expected.items()
    }


def pass_on(before: Task, run: Run) -> None:
    before.announce()
    outputs, before.outputs[:] = list(before.outputs), []
    for one in outputs:
        run.feed_bytes(one.topic, [one.key], [one.value])


def rows_in_memory(state: State) -> int:
    (found,) = (one.cache for name, one in state._tables.items() if name.endswith("-members"))
    rows: Any = found
    return len(rows) + len(rows._old)
