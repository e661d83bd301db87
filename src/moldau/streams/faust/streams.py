"""The stream that an agent's function is given: values, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from copy import deepcopy
from inspect import isawaitable
from itertools import islice
from typing import Any

from moldau.streams.engine.keyed_store import KeyedStore
from moldau.streams.engine.lanes import RecordStream, StreamLane
from moldau.streams.engine.scope import Taken, current_of
from moldau.streams.faust.calls import Asked, unwrapped
from moldau.streams.faust.events import VALUE, Event
from moldau.streams.faust.keeping import unpack
from moldau.streams.faust.refusals import refuse
from moldau.streams.program import Topic


class Operations:
    """What can be done with a stream; each is a stream again."""

    def __class_getitem__(cls, _: Any) -> type[Operations]:
        """For annotations, as `StreamT[Order]`."""
        return cls

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
                if await result_of(function(value)):
                    yield value

        return self._then(chosen())

    def echo(self, *topics: Any) -> Chained:
        """Sends each value to these topics, or those of these names, too."""

        async def echoed() -> AsyncIterator[Any]:
            async for value in self:
                for topic in topics:
                    await self._event(value).forward(topic)
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
        source: Topic | None,
    ) -> None:
        records.was_asked = True
        self.channel = channel
        self.is_repartitioned = is_repartitioned
        self._lane: StreamLane = records._lane
        self._locks = _locks(stores)
        self._held: list[asyncio.Lock] = []
        self._source = source  # None: its values are packed
        self._is_packed = source is None
        self._box: list[Any] = [None, channel.app]
        self.asked: Asked | None = None  # the question that the record is
        VALUE.set(self._box)

    def __aiter__(self) -> AgentStream:
        return self

    async def __anext__(self) -> Any:
        self._lane.taken()
        self.release()
        given = await self._lane.next()
        value = self._pristine(given) if self._is_packed or self._lane._tries else given
        self.asked = value if type(value) is Asked else None
        value = self._box[0] = unwrapped(value)
        await self._turn()
        return value

    def _pristine(self, given: Any) -> Any:
        """Not as a handler that failed has left it."""
        if self._source is None:
            return unpack(given)
        scope = self._lane._scope
        assert scope.taken is not None
        batch, reading = scope.taken
        if reading is None or reading.topic != self._source.name:
            return given
        data = reading.original(batch.offsets[scope.index]).value
        return given if data is None else self._source.format.decode(data)

    async def _turn(self) -> None:
        for lock in self._locks:
            await lock.acquire()
            self._held.append(lock)

    def release(self) -> None:
        while self._held:
            self._held.pop().release()

    def _event(self, value: Any) -> Event:
        return Event(value, self._lane._scope.current, self._box[1])

    async def take(self, max_: int, within: Any = None) -> AsyncIterator[list[Any]]:
        """As many as there are, up to so many: it waits for no more, because a record must not end
        before its list is done. `within` is therefore never reached. After a failure they come
        one by one, so that only the one that fails is given up."""
        async for many in self._taken(max_):
            yield [value for value, _ in many]

    async def take_events(self, max_: int, within: Any = None) -> AsyncIterator[list[Event]]:
        """As `take`."""
        async for many in self._taken(max_):
            yield [
                Event(value, current_of(taken, index), self._box[1])
                for value, (taken, index) in many
            ]

    async def _taken(self, most: int) -> AsyncIterator[list[tuple[Any, tuple[Taken, int]]]]:
        lane = self._lane
        while True:
            value = await self.__anext__()
            behind = [] if lane._tries else list(islice(lane.pending, 1, most))
            # Copies: one that fails leaves them as they are for the next try.
            copied = unpack if self._is_packed else deepcopy
            yield [
                (value, lane.pending[0][1:]),
                *((unwrapped(copied(given)), (taken, index)) for given, taken, index in behind),
            ]
            for _ in behind:  # they end with the one that is the head
                lane.pending.popleft()

    @property
    def key(self) -> Any:
        return self._lane._scope.current.key

    @property
    def current_event(self) -> Event:
        return self._event(self._box[0])

    async def current_key(self) -> Any:
        return self.key


def _locks(stores: Iterable[KeyedStore]) -> list[asyncio.Lock]:
    """Always in one order, so that two never wait for each other."""
    shared = sorted((one for one in stores if one.users > 1), key=lambda one: one.name)
    for one in shared:
        one.lock = one.lock or asyncio.Lock()
    return [one.lock for one in shared]


async def result_of(made: Any) -> Any:
    """Of a function that may be async."""
    return await made if isawaitable(made) else made
