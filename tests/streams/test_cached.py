"""A table of which not all rows are in memory is the same as one of which all are."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moldau
from moldau.streams.engine.cached import Cached
from moldau.streams.engine.keys import typed
from moldau.streams.engine.state_memory import shrink
from moldau.streams.errors import DefinitionError
from tests.drawn import share
from tests.streams.awkward_keys import AWKWARD
from tests.streams.stored import Stored

keys = st.sampled_from([typed(one) for one in ("a", "b", ("c", 2), *AWKWARD[:14])])
steps = st.lists(
    st.tuples(st.just("put"), keys, st.integers(0, 9) | st.none())
    | st.tuples(st.just("get") | st.just("fetch") | st.just("all"), keys, st.none())
    | st.tuples(st.sampled_from(["commit", "shrink", "again"]), st.none(), st.none()),
    max_size=40,
)


class Life(Stored):
    """A table over restarts."""

    def begin(self) -> None:
        super().begin()
        self.rows = Cached(self.state.table("t"), lambda row: [row], lambda saved: saved[0])


@settings(max_examples=share(60), deadline=None)
@given(steps)
def test_it_is_a_dict_whatever_is_let_go_of(steps: list[tuple[str, Any, Any]]) -> None:
    there: dict[Any, int] = {}
    committed: dict[Any, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        life = Life(Path(folder))
        for what, key, value in steps:
            if what == "put":
                life.rows.put(key, value)
                there.pop(key, None)
                there.update({} if value is None else {key: value})
            elif what == "fetch":
                life.rows.fetch([key])
            elif what == "commit":
                life.commit()
                committed = dict(there)
            elif what == "shrink":
                life.rows.shrink()
            elif what == "again":
                life.begin()
                there = dict(committed)
            elif what == "all":
                assert sorted(life.rows.all_keys(), key=repr) == sorted(there, key=repr)
            else:
                assert life.rows[key] == there.get(key)
        assert {key: life.rows[key] for key in life.rows.all_keys()} == there
        life.begin()
        life.end()


def test_memory_is_below_its_bound_and_what_was_used_lately_stays(tmp_path: Path) -> None:
    life = Life(tmp_path)
    bound = 1_000_000
    for number in range(20_000):
        life.rows.put(number, f"row {number}")
        assert life.rows[0] == "row 0"
        if number % 500 == 0:
            life.commit()
            shrink([life.state], bound)
            assert life.rows.used <= bound
    assert 0 in life.rows
    assert 1 not in life.rows
    assert life.rows[1] == "row 1"
    assert life.rows[20_000] is None
    assert sorted(life.rows.all_keys()) == list(range(20_000))
    life.end()


def test_what_is_not_committed_stays_in_memory(tmp_path: Path) -> None:
    life = Life(tmp_path)
    for number in range(1000):
        life.rows.put(number, number)
    shrink([life.state], 0)
    shrink([life.state], 0)
    assert [life.rows[number] for number in range(1000)] == list(range(1000))
    life.commit()
    shrink([life.state], 0)
    assert life.rows.used == 0
    life.end()


@pytest.mark.parametrize("size", ["12 parsecs", "-1MB", True, None, ""])
def test_a_size_has_a_unit(size: Any) -> None:
    with pytest.raises(DefinitionError, match=r"state_memory=.* is no size"):
        moldau.App("shop", state_memory=size)


def test_sizes() -> None:
    assert moldau.App("shop").state_memory == 256 << 20
    assert moldau.App("shop", state_memory="1.5GB").state_memory == 3 << 29
    assert moldau.App("shop", state_memory=1000).state_memory == 1000


def test_a_batch_costs_what_it_asks_for_and_not_what_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where some rows are on disk alone."""
    life = Life(tmp_path)
    for number in range(100):
        life.rows.put(number, number)
    life.commit()
    for _ in range(2):
        shrink([life.state], 0)
    assert life.rows[1] == 1
    monkeypatch.setattr(Cached, "__iter__", lambda _: pytest.fail("all of it is looked through"))
    life.rows.fetch([1, 2])
    assert life.rows[2] == 2
    life.end()
