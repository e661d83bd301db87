"""Runs a user's function over a batch, so that a record at which it fails costs that record alone.

The fast path is one call for the whole batch. Pauses between tries are short, because they hold up
all partitions of the worker, and there is a limit to them for each batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.engine.dead_letters import DeadLetters
from moldau.streams.engine.loop import FailedAt
from moldau.streams.engine.reading import Reading
from moldau.streams.engine.scope import Taken
from moldau.streams.errors import Trouble

Wait = Callable[[int], None]
Judge = Callable[[BaseException], None]
MOST_WAITS_MS = 5_000  # for each batch


class Guard:
    """`wait` is given ms. `judge`: raises what ends the program, and is no record's fault."""

    def __init__(
        self,
        dead_letters: DeadLetters,
        reading: Callable[[], Reading | None],
        wait: Wait,
        judge: Judge | None = None,
    ) -> None:
        self._dead_letters = dead_letters
        self._policy = dead_letters.policy
        self._reading = reading
        self._wait = wait
        self._judge = judge

    def map(self, function: Callable[[Any], Any], batch: Batch) -> tuple[Batch, list[Any]]:
        """What the function returns for the records of the batch that is returned with it: those
        that were not given up. Raises StreamsError to stop."""
        results: list[Any] = []  # keeps what there is when one fails
        error = _try_all(function, batch.values, results)
        if error is None:
            return batch, results
        good = self._one_by_one(function, batch.values, batch, results, error)
        return batch.where(good), results

    def each(
        self, function: Callable[[int], Any], batch: Batch, failed: FailedAt | None = None
    ) -> list[bool]:
        """Calls it with the place of each record, or of each from the one on that has `failed`.
        Which were not given up. Raises StreamsError to stop."""
        places = range(len(batch))
        results: list[Any] = []
        try:
            if failed is None:
                results.extend(map(function, places))
                return [True] * len(batch)
            error = failed.reason
            results = [None] * failed.number
        except Exception as raised:
            error = raised
        return self._one_by_one(function, places, batch, results, error)

    def _one_by_one(
        self,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        batch: Batch,
        results: list[Any],
        error: Exception | None,
    ) -> list[bool]:
        """`items`: of each record, what the function takes."""
        taken = Taken(batch, self._reading())
        good = [True] * len(batch)
        at = len(results)
        left_ms = MOST_WAITS_MS
        while at < len(batch):
            if error is not None:
                if self._judge is not None:
                    self._judge(error)
                for tries in range(1, self._policy.tries):
                    if isinstance(error, Trouble):
                        break
                    pause = min(self._policy.pause_ms(tries), left_ms)
                    left_ms -= pause
                    if pause:
                        self._wait(pause)
                    error = _try(function, items[at], results)
                    if error is None:
                        break
                if isinstance(error, Trouble):
                    raise error
                if error is not None:
                    self._dead_letters.give_up(taken, at, error, self._policy.tries)
                    good[at] = False
                at += 1
            before = len(results)
            error = _try_all(function, items[at:], results)
            at += len(results) - before
        return good


def _try(function: Callable[[Any], Any], item: Any, results: list[Any]) -> Exception | None:
    try:
        results.append(function(item))
    except Exception as error:
        return error
    return None


def _try_all(
    function: Callable[[Any], Any], items: Sequence[Any], results: list[Any]
) -> Exception | None:
    try:
        results.extend(map(function, items))
    except Exception as error:
        return error
    return None
