"""The differential fuzzer, for a bounded time: MOLDAU_FUZZ_S seconds (60, 3600 for an hour).

MOLDAU_SEED repeats one sequence. A difference that it finds becomes a story.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence

import pytest

from tests.conformance import fuzz
from tests.conformance.both import Both, Judge, Pair
from tests.conformance.ignored import Ledger

SECONDS = float(os.environ.get("MOLDAU_FUZZ_S", "60"))
SEED = os.environ.get("MOLDAU_SEED")
# In CI the same sequences each time: what is found there is of the change that is tested.
DICE = random.Random(4 if os.environ.get("CI") == "true" else None)


def tell(addresses: Pair, seed: int, steps: Sequence[int]) -> tuple[list[str], list[str]]:
    """The requests of a sequence, and what was found different."""
    both = Both(addresses, Judge(Ledger("test_fuzz")), f"fuzz-{time.monotonic_ns():x}")
    try:
        return fuzz.told(both, seed, steps), both.judge.found
    finally:
        both.close()


@pytest.mark.apache
@pytest.mark.timeout(SECONDS + 240)
def test_random_sequences(addresses: Pair) -> None:
    deadline = time.monotonic() + SECONDS
    count = 0
    while count == 0 or (SEED is None and time.monotonic() < deadline):
        seed = int(SEED or DICE.randrange(1 << 30))
        _, found = tell(addresses, seed, fuzz.sequence(seed))
        if found:
            # Said before it is told again and again, which may fail by itself.
            print(f"MOLDAU_SEED={seed}", *found, sep="\n")
            pytest.fail(shortest(addresses, seed, found), pytrace=False)
        count += 1
    print(f"{count} sequences of {fuzz.STEPS} requests, no difference")


def shortest(addresses: Pair, seed: int, first: list[str]) -> str:
    """`first`: what was found; the shortest that is left of it may hide, or not come again."""

    def differs(steps: Sequence[int]) -> bool:
        return bool(tell(addresses, seed, steps)[1])

    steps = fuzz.shortened(differs, fuzz.sequence(seed))
    lines, found = tell(addresses, seed, steps)
    again = found or ["(told again, nothing differs)"]
    return "\n".join([f"MOLDAU_SEED={seed}", *first, "at the shortest:", *lines, *again])


def test_what_is_not_needed_is_left_out() -> None:
    steps = fuzz.sequence(1)
    needed = {steps[3], steps[20], steps[21]}
    assert set(fuzz.shortened(lambda some: needed <= set(some), steps)) == needed


def test_a_sequence_is_the_same_again() -> None:
    assert fuzz.sequence(7) == fuzz.sequence(7)
