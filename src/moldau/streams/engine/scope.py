"""What a handler does while it has a record: it is held until the record ends, and dropped when the
handler fails (promise 16)."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from moldau.streams import fields
from moldau.streams.batch import Batch
from moldau.streams.engine.outputs import Header, Output
from moldau.streams.engine.reading import Reading
from moldau.streams.engine.results import utc
from moldau.streams.engine.typed_keys import plain
from moldau.streams.errors import StreamsError

if TYPE_CHECKING:
    from moldau.streams.engine.keyed_state import Store
    from moldau.streams.program import Topic


class Taken(NamedTuple):
    """A batch that an agent has been handed, and where its records were read."""

    batch: Batch
    reading: Reading | None


class Current(NamedTuple):
    """The record that a handler has. `topic` and `offset` are those of its source; None for what a
    step has made of many records. `headers` as they came."""

    topic: str | None
    partition: int
    offset: int | None
    key: Any
    timestamp: datetime
    headers: list[Header]

    @property
    def id(self) -> str:
        """The same at every try: for effects outside Kafka, which happen at least once."""
        return f"{self.topic}-{self.partition}-{self.offset}"


def current_of(taken: Taken, index: int) -> Current:
    """The record at that place of the batch."""
    batch, reading = taken
    offset = batch.offsets[index] if len(batch.offsets) else None
    key, time = plain(batch.keys[index]), utc(batch.times[index])
    if reading is None or offset is None:
        return Current(None, batch.partition, None, key, time, [])
    was = reading.original(offset)
    return Current(was.topic, was.partition, was.offset, key, time, was.headers)


class Scope:
    """`held`: what is sent when the record ends. `changes`: state that is set then, by store and
    key, as the store takes it. `stores`: those that the handler may use, by name."""

    __slots__ = ("changes", "held", "index", "stores", "taken", "time")

    def __init__(self) -> None:
        self.held: list[Output] = []
        self.changes: dict[tuple[Store, Any], Any] = {}
        self.stores: Mapping[str, Store] = {}
        self.taken: Taken | None = None
        self.index = 0
        self.time: int | None = None  # of what is sent where there is no record; None: now

    @property
    def timestamp(self) -> int | None:
        return self.time if self.taken is None else self.taken.batch.times[self.index]

    @property
    def current(self) -> Current:
        if self.taken is None:
            raise StreamsError("moldau.current(): there is no record here; call it in a handler")
        return current_of(self.taken, self.index)

    def drop(self) -> None:
        self.held = []
        self.changes.clear()

    def end(self) -> list[Output]:
        """The state is set; what is to be sent."""
        for (store, key), data in self.changes.items():
            store.set(key, data)
        self.changes.clear()
        held, self.held = self.held, []
        return held


SCOPE: ContextVar[Scope] = ContextVar("moldau.scope")


def current() -> Current:
    """The record that this handler has. Raises StreamsError outside of one."""
    scope = SCOPE.get(None)
    if scope is None:
        raise StreamsError("moldau.current(): there is no record here; call it in a handler")
    return scope.current


class Held:
    """What `send` returns: there is nothing to wait for, but `await` reads well."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


_HELD = Held()


def key_of(topic: str, field: str, value: Any, instead: str) -> Any:
    """Who reads the topic refuses records whose key is not that field. Raises StreamsError."""
    try:
        type_: Any = type(value)
        return _getter(type_, field)(value)
    except Exception as error:
        raise StreamsError(
            f"topic {topic!r} is keyed by {field!r} (key=), which this value has not: {instead}"
        ) from error


@cache
def _getter(type_: Any, field: str) -> fields.Getter:
    return fields.getter(type_, field, "send")


def send(
    topic: Topic,
    value: Any,
    key: Any,
    timestamp: datetime | None,
    partition: int | None,
    headers: Mapping[str, bytes] | None,
) -> Held:
    """Raises StreamsError outside of a handler."""
    scope = SCOPE.get(None)
    if scope is None:
        raise StreamsError(
            f"topic {topic.name!r}: send works in the handlers, timers and tasks of a program "
            f"that runs"
        )
    time = scope.timestamp if timestamp is None else round(timestamp.timestamp() * 1000)
    if key is None and topic.key is not None and value is not None:
        key = key_of(topic.name, topic.key, value, "give send its key=")
    scope.held.append(
        Output(
            topic.name,
            partition,
            None if key is None else topic.key_format.encode(key),
            None if value is None else topic.format.encode(value),
            time,
            None if headers is None else list(headers.items()),
        )
    )
    return _HELD
