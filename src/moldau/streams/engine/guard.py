"""Runs a user's function over a batch, so that a record at which it fails costs that record alone.

The fast path is one call for the whole batch. Pauses between tries are short, because they hold up
all partitions of the worker, and there is a limit to them for each batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from moldau.streams.batch import Batch
from moldau.streams.engine.dead_letters import DeadLetters
from moldau.streams.engine.reading import Reading
from moldau.streams.engine.scope import Taken
from moldau.streams.errors import Trouble

Wait = Callable[[int], None]
MOST_WAITS_MS = 5_000  # for each batch


class Guard:
    """`wait` is given ms."""

    def __init__(
        self, dead_letters: DeadLetters, reading: Callable[[], Reading | None], wait: Wait
    ) -> None:
        self._dead_letters = dead_letters
        self._policy = dead_letters.policy
        self._reading = reading
        self._wait = wait

    def map(self, function: Callable[[Any], Any], batch: Batch) -> tuple[Batch, list[Any]]:
        """What the function returns for the records of the batch that is returned with it: those
        that were not given up. Raises StreamsError to stop."""
        results: list[Any] = []
        try:
            results.extend(map(function, batch.values))  # keeps what there is when one fails
        except Exception as error:
            return self._one_by_one(function, batch, results, error)
        return batch, results

    def _one_by_one(
        self,
        function: Callable[[Any], Any],
        batch: Batch,
        results: list[Any],
        error: Exception | None,
    ) -> tuple[Batch, list[Any]]:
        taken = Taken(batch, self._reading())
        good = [True] * len(batch)
        at = len(results)
        left_ms = MOST_WAITS_MS
        while at < len(batch):
            if isinstance(error, Trouble):
                raise error
            if error is not None:
                for tries in range(1, self._policy.tries):
                    pause = min(self._policy.pause_ms(tries), left_ms)
                    left_ms -= pause
                    if pause:
                        self._wait(pause)
                    error = _try(function, batch.values[at], results)
                    if error is None:
                        break
                if error is not None:
                    self._dead_letters.give_up(taken, at, error, self._policy.tries)
                    good[at] = False
                at += 1
            before = len(results)
            error = _try_all(function, batch.values[at:], results)
            at += len(results) - before
        return batch.where(good), results


def _try(function: Callable[[Any], Any], value: Any, results: list[Any]) -> Exception | None:
    try:
        results.append(function(value))
    except Exception as error:
        return error
    return None


def _try_all(
    function: Callable[[Any], Any], values: Sequence[Any], results: list[Any]
) -> Exception | None:
    try:
        results.extend(map(function, values))
    except Exception as error:
        return error
    return None
