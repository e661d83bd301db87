"""What the controller's deciders return: records to write, and the answer once they are on disk.

A decider is a pure function of an image, the settings, chance and a request. It changes nothing:
the records do, when they are replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from moldau.cluster.records import Record
from moldau.protocol.errors import ErrorCode

# Apache Kafka's QuorumController.MAX_RECORDS_PER_USER_OP.
MAX_RECORDS: Final = 10_000
TOO_MANY_RECORDS: Final = "Unable to perform excessively large batch operation."


class Dice(Protocol):
    """What deciders need of random.Random."""

    def randbytes(self, n: int) -> bytes: ...

    def random(self) -> float: ...


class Refused(Exception):
    """A part of a request that is refused: the error code, and the text that Kafka sends."""

    def __init__(self, code: ErrorCode, message: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


# Called with the number of partitions that are to be created or deleted. Raises Refused when the
# client may not change so many (KIP-599).
Charge: TypeAlias = Callable[[int], None]


def uncharged(_partitions: int) -> None:
    """For what the broker does of itself."""


class Decided(NamedTuple):
    """`response` is the API's; `refuse` makes the one for a log that could not take the records."""

    records: Sequence[Record]
    response: Any
    refuse: Callable[[ErrorCode, str], Any]
