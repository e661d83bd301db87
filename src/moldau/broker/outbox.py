"""What the node wants done by the body. The body drains it after each batch of input."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moldau.broker.request import Connection, Parts
    from moldau.storage.log import Log


class Outbox:
    """The effects, by kind, in the order in which they were asked for."""

    __slots__ = ("closes", "sends", "syncs")

    def __init__(self) -> None:
        self.sends: list[tuple[Connection, Parts]] = []
        self.syncs: dict[Log, None] = {}  # a set that keeps its order
        self.closes: list[tuple[Connection, str]] = []  # with the reason, for the log
