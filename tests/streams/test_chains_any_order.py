"""Promise 6 for whole programs: of verbs drawn by chance, one behind the other, comes what a plain
computation gives, or, where nothing says which of one time goes first, what another run gives."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from moldau.streams.errors import DefinitionError
from tests.drawn import share
from tests.streams.chains import differs, ties

seeds = st.integers(0, 1 << 32)


@pytest.mark.slow
@settings(deadline=None, max_examples=share(60))
@given(seeds)
def test_promise_06_a_program_of_any_verbs_is_what_they_are_one_by_one(seed: int) -> None:
    try:
        told = differs(seed, turn=0)
    except DefinitionError:  # what a stage makes would come back to it
        assume(False)
    assert not told, told


@pytest.mark.slow
@settings(deadline=None, max_examples=share(30))
@given(seeds)
def test_promise_07_where_only_places_decide_each_run_gives_the_same(seed: int) -> None:
    try:
        told = ties(seed)
    except DefinitionError:
        assume(False)
    assert not told, told
