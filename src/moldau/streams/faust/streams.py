"""The stream that an agent's function is given: values, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from inspect import isawaitable
from itertools import islice
from typing import Any

from moldau.streams.engine.keyed_store import KeyedStore
from moldau.streams.engine.lanes import RecordStream, StreamLane
from moldau.streams.faust.events import VALUE, Event
from moldau.streams.faust.refusals import refuse


class Operations:
    """What can be done with a stream; each is a stream again."""

    is_repartitioned = False  # as `group_by` and `through` ask for: see planning.py

    def __aiter__(self) -> AsyncIterator[Any]:
        raise NotImplementedError

    def _event(self, value: Any) -> Event:
        raise NotImplementedError

    def _then(self, iterable: AsyncIterable[Any]) -> Chained:
        return Chained(self, iterable)

    async def items(self) -> AsyncIterator[tuple[Any, Any]]:
        async for value in self:
            yield self._event(value).key, value

    async def events(self) -> AsyncIterator[Event]:
        async for value in self:
            yield self._event(value)

    async def enumerate(self, start: int = 0) -> AsyncIterator[tuple[int, Any]]:
        number = start
        async for value in self:
            yield number, value
            number += 1

    def filter(self, function: Callable[[Any], Any]) -> Chained:
        async def chosen() -> AsyncIterator[Any]:
            async for value in self:
                if await _result(function(value)):
                    yield value

        return self._then(chosen())

    def echo(self, *topics: Any) -> Chained:
        """Sends each value to these topics too."""

        async def echoed() -> AsyncIterator[Any]:
            async for value in self:
                for topic in topics:
                    await topic.send(key=self._event(value).key, value=value)
                yield value

        return self._then(echoed())

    def noack(self) -> Operations:
        """A record ends when the next is asked for, whether one asks for acks or not."""
        return self

    def add_processor(self, function: Callable[[Any], Any]) -> None:
        raise refuse("stream.add_processor", "call the function in the agent's loop")

    def group_by(self, key: Any, *, name: str | None = None, **_: Any) -> Operations:
        if not self.is_repartitioned:
            raise refuse(
                "group_by() behind something else that the agent waits for",
                "say `async for … in stream.group_by(…)` before any other await",
            )
        return self

    def through(self, topic: Any) -> Operations:
        return self.group_by(topic)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise refuse(f"stream.{name}")


class Chained(Operations):
    def __init__(self, source: Operations, iterable: AsyncIterable[Any]) -> None:
        self._source = source
        self._iterable = iterable
        self.is_repartitioned = source.is_repartitioned

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._iterable.__aiter__()

    def _event(self, value: Any) -> Event:
        return self._source._event(value)


class AgentStream(Operations):
    """The records of a lane. Where several handlers use the same stores, they take turns, record by
    record, so that none counts on what another is about to change."""

    def __init__(
        self,
        records: RecordStream[Any],
        stores: Iterable[KeyedStore],
        channel: Any,
        is_repartitioned: bool,
    ) -> None:
        records.was_asked = True
        self.channel = channel
        self.is_repartitioned = is_repartitioned
        self._lane: StreamLane = records._lane
        self._locks = _locks(stores)
        self._held: list[asyncio.Lock] = []
        self._box: list[Any] = [None]
        VALUE.set(self._box)

    def __aiter__(self) -> AgentStream:
        return self

    async def __anext__(self) -> Any:
        self._lane.taken()
        self.release()
        value = self._box[0] = await self._lane.next()
        await self._turn()
        return value

    async def _turn(self) -> None:
        for lock in self._locks:
            await lock.acquire()
            self._held.append(lock)

    def release(self) -> None:
        while self._held:
            self._held.pop().release()

    def _event(self, value: Any) -> Event:
        return Event(value, self._lane._scope.current)

    async def take(self, max_: int, within: Any = None) -> AsyncIterator[list[Any]]:
        """As many as there are, up to so many: it waits for no more, because a record must not end
        before its list is done. `within` is therefore never reached. After a failure they come
        one by one, so that only the one that fails is given up."""
        lane = self._lane
        while True:
            values = [await self.__anext__()]
            if lane._tries == 0:
                values = [item[0] for item in islice(lane.pending, max_)]
            yield values
            for _ in values[1:]:  # they end with the one that is the head
                lane.pending.popleft()

    async def take_events(self, max_: int, within: Any = None) -> AsyncIterator[list[Event]]:
        raise refuse("stream.take_events", "take(), or events()")
        yield []

    async def current_key(self) -> Any:
        return self._lane._scope.current.key


def _locks(stores: Iterable[KeyedStore]) -> list[asyncio.Lock]:
    """Always in one order, so that two never wait for each other."""
    shared = sorted((one for one in stores if one.users > 1), key=lambda one: one.name)
    for one in shared:
        one.lock = one.lock or asyncio.Lock()
    return [one.lock for one in shared]


async def _result(made: Any) -> Any:
    """Of a function that may be async."""
    return await _awaited(made) if isawaitable(made) else made


async def _awaited(made: Awaitable[Any]) -> Any:
    return await made
