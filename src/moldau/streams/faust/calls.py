"""Questions to agents, and their answers: `await agent.ask(value)`, and what is made of that.

As in Faust a question is a record of the agent's topic in which the value is wrapped with a topic
to answer to and an id; so programs of the two can ask each other. A question goes out at once, not
when its record ends: its answer is waited for until then. So it may be asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from moldau.streams.engine.outputs import Output
from moldau.streams.engine.scope import SCOPE
from moldau.streams.faust.blessed import META, from_blessed
from moldau.streams.faust.records import Record

if TYPE_CHECKING:
    from moldau.streams.faust.app import App
    from moldau.streams.faust.topics import Topic


class _Wrapped(Record, abstract=True):
    """A Record in it is one again when it is read."""

    value: Any

    def __post_init__(self) -> None:
        self.value = from_blessed(self.value)


class Asked(_Wrapped, namespace="@ReqRepRequest"):
    """A value, and where the answer goes."""

    reply_to: str
    correlation_id: str


class Answer(_Wrapped, namespace="@ReqRepResponse"):
    key: Any
    correlation_id: str


def unwrapped(value: Any) -> Any:
    """What a step is to see of it."""
    return value.value if type(value) is Asked else value


def call_of(data: bytes) -> Asked | Answer | None:
    """The question or the answer that a record is; None: it is another."""
    if b"ReqRep" not in data:
        return None
    try:
        value = msgspec.json.decode(data)
        name = value[META]["ns"]
    except (ValueError, TypeError, KeyError):
        return None
    for kind, end in ((Asked, "ReqRepRequest"), (Answer, "ReqRepResponse")):
        if name.endswith(end):
            made: Asked | Answer = kind.from_data(value)
            return made
    return None


class Calls:
    """The questions of this process that wait for their answers."""

    def __init__(self, app: App) -> None:
        self.reply_to = f"{app.id}-replies"
        self._app = app
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        app.core.chores.listeners[self.reply_to] = self._heard

    def ask(self, topic: Topic, key: Any, value: Any, partition: int | None) -> Any:
        """To be awaited. Raises what the topic does for what it cannot write."""
        id = uuid4().hex
        made = topic.made
        output = Output(
            made.name,
            partition,
            None if key is None else made.key_format.encode(key),
            made.format.encode(Asked(value, self.reply_to, id)),
            None,
        )
        future = asyncio.get_running_loop().create_future()
        self._waiting[id] = future
        future.add_done_callback(lambda _: self._waiting.pop(id, None))
        chores = self._app.core.chores
        if not chores.is_virtual:  # first, so that no answer is ahead of it
            self._app.outside.listen(self.reply_to, self._heard, lambda: bool(self._waiting))
        if chores.is_virtual or SCOPE.get(None) is not None:
            chores.outbox.append(output)
            chores.hurry()
        else:
            self._app.outside.send(output)
        return future

    def _heard(self, data: bytes | None) -> None:
        answer = None if data is None else call_of(data)
        if not isinstance(answer, Answer):
            return
        future = self._waiting.get(answer.correlation_id)
        if future is not None and not future.done():
            future.set_result(answer.value)


async def each(values: AsyncIterable[Any] | Iterable[Any]) -> AsyncIterator[Any]:
    """Of either."""
    if isinstance(values, AsyncIterable):
        async for value in values:
            yield value
    else:
        for value in values:
            yield value
