"""Decide, append, replay: how state that must survive is kept in a log.

A machine's deciders look at its state and return a `Decision`: the records that would change it,
and the answers. The engine appends the records as one batch, replays them, and lets the answers go
when that offset is durable. Answers without records wait for the last written offset: nobody reads
what a loss of power could take. Start-up is the same `replay`, from the log's start.

Groups and the controller are machines (Apache Kafka: CoordinatorRuntime, QuorumController).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from moldau.protocol.errors import ErrorCode
from moldau.protocol.records import Record, build

if TYPE_CHECKING:
    from moldau.protocol.schema import Message

KeyValue = tuple[bytes | None, bytes | None]
# Who is answered (a Request), and with what.
Reply = tuple[Any, "Message"]


class Decision:
    """`refused` is called instead of sending `replies` when the records cannot be appended: it
    takes back what was prepared for them, and returns the answers to give then."""

    __slots__ = ("records", "refused", "replies")

    def __init__(
        self,
        records: list[KeyValue] | None = None,
        replies: list[Reply] | None = None,
        refused: Callable[[ErrorCode], list[Reply]] | None = None,
    ) -> None:
        self.records: list[KeyValue] = [] if records is None else records
        self.replies: list[Reply] = [] if replies is None else replies
        self.refused = refused

    def reply(self, request: Any, message: Message) -> None:
        self.replies.append((request, message))


class Machine(Protocol):
    """Only `replay` changes what survives a restart."""

    def replay(
        self, key: bytes | None, value: bytes | None, offset: int, timestamp_ms: int
    ) -> None: ...

    def tick(self, now_ms: int) -> Decision:
        """What is due by now."""
        ...

    def deadline(self) -> int | None:
        """When `tick` should be called at the latest, in ms since 1970; None: no reason to."""
        ...


class Journal(Protocol):
    """Where a machine's records go."""

    @property
    def end_offset(self) -> int: ...

    def append(self, batch: bytes, now_ms: int) -> int | ErrorCode:
        """The offset of the batch's first record, or why it was refused."""
        ...

    def when_durable(self, offset: int, call: Callable[[], None]) -> None:
        """Calls back, perhaps at once, when everything before that offset will survive."""
        ...


M = TypeVar("M", bound=Machine)


class Replicated(Generic[M]):
    """One machine and its journal. `armed` is told when the machine's deadline may have moved."""

    def __init__(
        self,
        machine: M,
        journal: Journal,
        respond: Callable[[Any, Message], None],
        armed: Callable[[int | None], None],
    ) -> None:
        self.machine = machine
        self.journal = journal
        self._respond = respond
        self._armed = armed

    def submit(self, decision: Decision, now_ms: int) -> ErrorCode:
        """Carries a decision out. Says why when its records were refused."""
        code = ErrorCode.NONE
        replies = decision.replies
        if decision.records:
            code = self._append(decision.records, now_ms)
            if code and decision.refused is not None:
                replies = decision.refused(code)
        if replies:
            self.journal.when_durable(self.journal.end_offset, lambda: self._send(replies))
        self._armed(self.machine.deadline())
        return code

    def tick(self, now_ms: int) -> None:
        self.submit(self.machine.tick(now_ms), now_ms)

    def _append(self, records: Sequence[KeyValue], now_ms: int) -> ErrorCode:
        batch = build([Record(0, now_ms, key, value) for key, value in records])
        first = self.journal.append(batch, now_ms)
        if isinstance(first, ErrorCode):
            return first
        for offset, (key, value) in enumerate(records, first):
            self.machine.replay(key, value, offset, now_ms)
        return ErrorCode.NONE

    def _send(self, replies: list[Reply]) -> None:
        for request, message in replies:
            self._respond(request, message)
