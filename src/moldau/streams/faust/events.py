"""The record that an agent has, as Faust shows it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from moldau.streams.engine.scope import SCOPE, Current, Held

if TYPE_CHECKING:
    from moldau.streams.faust.app import App


class Message(NamedTuple):
    """`timestamp` in s since 1970. Topic and offset are None behind `group_by` and tables."""

    topic: str | None
    partition: int
    offset: int | None
    timestamp: float
    key: Any
    headers: dict[str, bytes | None]


class Event:
    def __init__(self, value: Any, was: Current, app: App) -> None:
        self.app = app
        self.key = was.key
        self.value = value
        self.headers = dict(was.headers)
        time = was.timestamp.timestamp()
        self.message = Message(was.topic, was.partition, was.offset, time, was.key, self.headers)

    async def forward(self, topic: Any, key: Any = None, value: Any = None) -> None:
        """To another topic, or its name, with its key and value, or others."""
        await (self.app.topic(topic) if isinstance(topic, str) else topic).send(
            key=self.key if key is None else key,
            value=self.value if value is None else value,
        )

    async def send(self, topic: Any, key: Any = None, value: Any = None) -> None:
        await self.forward(topic, key, value)

    def ack(self) -> Held:
        """A record ends when the agent asks for the next: there is nothing to do."""
        return Held()

    async def __aenter__(self) -> Event:
        return self

    async def __aexit__(self, *_: object) -> None:
        """As `ack`."""

    def __repr__(self) -> str:
        return f"<Event {self.key!r}: {self.value!r}>"


VALUE: ContextVar[list[Any]] = ContextVar("moldau.faust.value")
"""Of the record that is being handled: its value and the app, in a list."""


def current_event() -> Event | None:
    """That of the record that is being handled; None: there is none."""
    scope, box = SCOPE.get(None), VALUE.get(None)
    if scope is None or box is None or scope.taken is None:
        return None
    return Event(box[0], scope.current, box[1])
