"""What is done about a record that fails: by default three short tries, then dead letter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from moldau.streams.durations import Duration, milliseconds
from moldau.streams.errors import DefinitionError

Then = Literal["dead_letter", "skip", "stop"]
_THENS = ("dead_letter", "skip", "stop")


@dataclass(frozen=True)
class Policy:
    """`tries` in all, with pauses that double from `backoff` to `longest` (ms). `topic`: the
    dead-letter topic (None: the program's)."""

    tries: int = 3
    backoff: int = 100
    longest: int = 10_000
    then: Then = "dead_letter"
    topic: str | None = None

    def pause_ms(self, tries: int) -> int:
        """Behind so many."""
        return min(self.backoff << min(tries - 1, 30), self.longest)


DEFAULT = Policy()


def retry(
    tries: int,
    *,
    backoff: Duration = "100ms",
    longest: Duration = "10s",
    then: Then = "dead_letter",
    topic: str | None = None,
) -> Policy:
    """So many tries in all, with pauses that double from `backoff` to `longest`; then the record
    goes to the dead-letter topic, is skipped, or the program stops."""
    if tries < 1:
        raise DefinitionError(f"retry: tries={tries} must be at least 1")
    return Policy(
        tries,
        milliseconds(backoff, "backoff"),
        milliseconds(longest, "longest"),
        _then(then),
        topic,
    )


def policy_of(on_error: Policy | Then | None, otherwise: Policy) -> Policy:
    """Raises DefinitionError."""
    if on_error is None:
        return otherwise
    return on_error if isinstance(on_error, Policy) else Policy(then=_then(on_error))


def _then(then: Then) -> Then:
    if then not in _THENS:
        raise DefinitionError(
            f"on_error: {then!r} is not one of {', '.join(_THENS)}, or moldau.retry(...)"
        )
    return then
