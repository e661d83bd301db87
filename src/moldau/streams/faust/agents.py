"""Agents: functions that take records as they come, and what can be sent to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from moldau.streams.engine.keyed_store import KeyedStore
from moldau.streams.engine.lanes import RecordStream
from moldau.streams.engine.scope import SCOPE
from moldau.streams.errors import DefinitionError, StreamsError
from moldau.streams.faust.calls import Answer, Asked, each, unwrapped
from moldau.streams.faust.keeping import pack
from moldau.streams.faust.keys import key_of
from moldau.streams.faust.planning import asked_by
from moldau.streams.faust.refusals import refuse
from moldau.streams.faust.streams import AgentStream, result_of
from moldau.streams.faust.tables import Table
from moldau.streams.faust.topics import Sending, Topic
from moldau.streams.faust.uses import tables_of
from moldau.streams.program import Agent, Filter, KeyBy, KeyedAgent, Map, Node, Sink, Spread
from moldau.streams.program import Topic as Source
from moldau.streams.seen import plain_of

if TYPE_CHECKING:
    from moldau.streams.faust.app import App

RUNNING: ContextVar[AgentOf] = ContextVar("moldau.faust.agent")


class AgentOf:
    """What `@app.agent` makes of a function."""

    def __init__(
        self,
        app: App,
        function: Any,
        topic: Topic,
        name: str,
        concurrency: int = 1,
        sink: Sequence[Any] = (),
        tables: Sequence[Any] = (),
    ) -> None:
        plain = plain_of(function)
        if not (iscoroutinefunction(plain) or isasyncgenfunction(plain)):
            raise DefinitionError(f"agent {name}: it must be an `async def` that takes a stream")
        self.app = app
        self.fun = function
        self.channel = topic
        self.name = name
        self.concurrency = concurrency
        self.sinks = list(sink)
        self.help = (plain.__doc__ or "").strip().partition("\n")[0]
        self.__name__ = name
        self._tables = [getattr(one, "table", one) for one in tables]
        self._source: Source = topic.made
        self._is_repartitioned = self._is_packed = False

    def add_sink(self, sink: Any) -> None:
        self.sinks.append(sink)

    # --- to it ------------------------------------------------------------------------------

    def cast(self, value: Any = None, *, key: Any = None, partition: int | None = None) -> Sending:
        return self.channel.send(key=key, value=value, partition=partition)

    def send(
        self,
        *,
        key: Any = None,
        value: Any = None,
        partition: int | None = None,
        timestamp: float | None = None,
        headers: Mapping[str, bytes] | None = None,
        reply_to: Any = None,
        correlation_id: str | None = None,
        force: bool = False,
    ) -> Sending:
        """`reply_to`: an agent or a topic that gets the answers: `.value` and `.correlation_id`."""
        if reply_to is not None:
            to = getattr(reply_to, "channel", reply_to)
            value = Asked(value, getattr(to, "name", to), correlation_id or str(uuid4()))
        return self.channel.send(
            key=key, value=value, partition=partition, timestamp=timestamp, headers=headers
        )

    send_soon = send

    async def ask(
        self,
        value: Any = None,
        *,
        key: Any = None,
        partition: int | None = None,
        timestamp: float | None = None,
        headers: Any = None,
        reply_to: Any = None,
        correlation_id: Any = None,
        force: bool = False,
    ) -> Any:
        """What it yields for that value."""
        if (timestamp, headers, reply_to, correlation_id) != (None, None, None, None):
            raise refuse("ask(timestamp=, headers=, reply_to=)", "ask(value, key=key)")
        self._is_free()
        return await self.app.calls.ask(self.channel, key, value, partition)

    def _is_free(self) -> None:
        """Raises StreamsError where who asks and who answers take turns."""
        asker = RUNNING.get(None)
        if asker is not None and self.app.in_one_stage(asker, self):
            raise StreamsError(
                f"agent {asker.name} asks {self.name}, which waits for it to end its record: "
                f"they read one topic or share a table; call a function"
            )

    async def kvmap(
        self, items: AsyncIterable[Any] | Iterable[Any], reply_to: Any = None
    ) -> AsyncIterator[Any]:
        """What it yields for the values of (key, value) pairs, as the answers come."""
        asked = [asyncio.ensure_future(self.ask(v, key=k)) async for k, v in each(items)]
        for one in asyncio.as_completed(asked):
            yield await one

    async def map(
        self, values: AsyncIterable[Any] | Iterable[Any], key: Any = None, reply_to: Any = None
    ) -> AsyncIterator[Any]:
        async for answer in self.kvmap([(key, one) async for one in each(values)]):
            yield answer

    async def kvjoin(
        self, items: AsyncIterable[Any] | Iterable[Any], reply_to: Any = None
    ) -> list[Any]:
        """What it yields for all of them, in their order."""
        return list(await asyncio.gather(*[self.ask(v, key=k) async for k, v in each(items)]))

    async def join(
        self, values: AsyncIterable[Any] | Iterable[Any], key: Any = None, reply_to: Any = None
    ) -> list[Any]:
        return await self.kvjoin([(key, one) async for one in each(values)])

    # --- what it is to the engine -----------------------------------------------------------

    def tables(self) -> list[Table]:
        return list(dict.fromkeys([*self._tables, *tables_of(self.fun)]))

    def node(self) -> Node:
        """Its steps are added to the program. Where it has tables, its records come by the key of
        those, if that can be read, so that a key's value is in one place."""
        core = self.app.core
        self._source = self.channel.made
        node = core.stream(self._source).node
        asked, tables = asked_by(self.fun), self.tables()
        for verb, what in asked:
            node = self._asked(node, verb, what)
        self._is_repartitioned = bool(asked)
        is_grouped = any(verb == "group_by" for verb, _ in asked)
        if not (tables or is_grouped):
            return core.add(self._made(Agent, node))
        if not is_grouped:
            node = self._by_table(node)
        self._is_packed = True
        name = core.name_for(f"{self.name}-packed")
        node = core.add(Map(name, (node,), bytes, function=pack))
        return core.add(self._made(KeyedAgent, node, keeps_no_key=True))

    def _asked(self, node: Node, verb: str, what: Any) -> Node:
        core = self.app.core
        name = core.name_for(f"{self.name}-{verb}")
        if verb == "filter":
            return core.add(Filter(name, (node,), node.type, function=_of_value(what)))
        if verb == "group_by":
            return core.add(KeyBy(name, (node,), node.type, key=_of_value(what), label=name))
        if verb == "through":
            what = self.app.topic(what) if isinstance(what, str) else what
            core.add(Sink(name, (node,), topic=what.made))
            self._source = what.made
            return core.stream(what.made).node
        raise refuse(f"{verb}() before group_by() or through()", f"{verb}() behind it")

    def _by_table(self, node: Node) -> Node:
        core, key = self.app.core, key_of(self.fun)
        name = core.name_for(f"{self.name}-spread")
        if key is None:
            return core.add(Spread(name, (node,), node.type, key=_no_key, label=name))
        return core.add(KeyBy(name, (node,), node.type, key=_of_value(key), label=name))

    def _made(self, kind: type[Agent], parent: Node, **more: Any) -> Agent:
        return kind(
            self.name,
            (parent,),
            function=self.run,
            form="stream",
            concurrency=self.concurrency,
            **more,
        )

    async def run(self, records: RecordStream[Any]) -> None:
        """One life of the function."""
        RUNNING.set(self)
        stores = [one for one in SCOPE.get().stores.values() if isinstance(one, KeyedStore)]
        source = None if self._is_packed else self._source
        stream = AgentStream(records, stores, self.channel, self._is_repartitioned, source)
        try:
            made = self.fun(stream)
            if isinstance(made, AsyncIterable):
                async for value in made:
                    self._answer(stream, value)
                    await self._to_sinks(value)
            else:
                await made
        finally:
            stream.release()

    def _answer(self, stream: AgentStream, value: Any) -> None:
        asked = stream.asked
        if asked is not None:
            answer = Answer(value, stream.key, asked.correlation_id)
            self.app.answers_to(asked.reply_to).send(value=answer)

    async def _to_sinks(self, value: Any) -> None:
        for sink in self.sinks:
            if hasattr(sink, "cast") or hasattr(sink, "made"):
                sink.send(value=value)
            else:
                await result_of(sink(value))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise refuse(f"agent.{name}" if name != "test_context" else name)

    def __repr__(self) -> str:
        return f"<Agent {self.name}>"


def _of_value(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: function(unwrapped(value))


def _no_key(_value: Any) -> Any:
    raise AssertionError("records are spread by the key that they have")
