"""Agents: functions that take records as they come, and what can be sent to them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping, Sequence
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import TYPE_CHECKING, Any

from moldau.streams.engine.keyed_store import KeyedStore
from moldau.streams.engine.lanes import RecordStream
from moldau.streams.engine.scope import SCOPE, Held
from moldau.streams.errors import DefinitionError
from moldau.streams.faust.keys import key_of
from moldau.streams.faust.planning import asked_by
from moldau.streams.faust.refusals import refuse
from moldau.streams.faust.streams import AgentStream, _result
from moldau.streams.faust.tables import Table
from moldau.streams.faust.topics import Topic
from moldau.streams.faust.uses import tables_of
from moldau.streams.program import Agent, Filter, KeyBy, KeyedAgent, Node, Sink, Spread

if TYPE_CHECKING:
    from moldau.streams.faust.app import App


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
        if not (iscoroutinefunction(function) or isasyncgenfunction(function)):
            raise DefinitionError(f"agent {name}: it must be an `async def` that takes a stream")
        self.app = app
        self.fun = function
        self.channel = topic
        self.name = name
        self.concurrency = concurrency
        self.sinks = list(sink)
        self.__name__ = name
        self._tables = [getattr(one, "table", one) for one in tables]
        self._is_repartitioned = False

    def add_sink(self, sink: Any) -> None:
        self.sinks.append(sink)

    # --- to it ------------------------------------------------------------------------------

    def cast(self, value: Any = None, *, key: Any = None, partition: int | None = None) -> Held:
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
    ) -> Held:
        if reply_to is not None or correlation_id is not None:
            raise refuse("agent.send(reply_to=)", "sink=[topic] of the agent")
        return self.channel.send(
            key=key, value=value, partition=partition, timestamp=timestamp, headers=headers
        )

    send_soon = send

    # --- what it is to the engine -----------------------------------------------------------

    def tables(self) -> list[Table]:
        return list(dict.fromkeys([*self._tables, *tables_of(self.fun)]))

    def node(self) -> Node:
        """Its steps are added to the program. Where it has tables, its records come by the key of
        those, if that can be read, so that a key's value is in one place."""
        core = self.app.core
        node = core.stream(self.channel.made).node
        asked, tables = asked_by(self.fun), self.tables()
        for verb, what in asked:
            node = self._asked(node, verb, what)
        self._is_repartitioned = bool(asked)
        is_keyed = tables or any(verb == "group_by" for verb, _ in asked)
        if not is_keyed:
            return core.add(self._made(Agent, node))
        if not any(verb == "group_by" for verb, _ in asked):
            node = self._by_table(node)
        return core.add(self._made(KeyedAgent, node, keeps_no_key=True))

    def _asked(self, node: Node, verb: str, what: Any) -> Node:
        core = self.app.core
        name = core.name_for(f"{self.name}-{verb}")
        if verb == "filter":
            return core.add(Filter(name, (node,), node.type, function=what))
        if verb == "group_by":
            return core.add(KeyBy(name, (node,), node.type, key=what, label=name))
        if verb == "through":
            core.add(Sink(name, (node,), topic=what.made))
            return core.stream(what.made).node
        raise refuse(f"{verb}() before group_by() or through()", f"{verb}() behind it")

    def _by_table(self, node: Node) -> Node:
        core, key = self.app.core, key_of(self.fun)
        name = core.name_for(f"{self.name}-spread")
        if key is None:
            return core.add(Spread(name, (node,), node.type, key=_no_key, label=name))
        return core.add(KeyBy(name, (node,), node.type, key=key, label=name))

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
        stores = [one for one in SCOPE.get().stores.values() if isinstance(one, KeyedStore)]
        stream = AgentStream(records, stores, self.channel, self._is_repartitioned)
        try:
            made = self.fun(stream)
            if isinstance(made, AsyncIterable):
                async for value in made:
                    await self._to_sinks(value)
            else:
                await made
        finally:
            stream.release()

    async def _to_sinks(self, value: Any) -> None:
        for sink in self.sinks:
            if hasattr(sink, "cast") or hasattr(sink, "made"):
                sink.send(value=value)
            else:
                await _result(sink(value))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise refuse(f"agent.{name}" if name not in _TOLD else name)

    def __repr__(self) -> str:
        return f"<Agent {self.name}>"


_TOLD = ("ask", "map", "kvmap", "join", "kvjoin", "test_context")


def _no_key(_value: Any) -> Any:
    raise AssertionError("records are spread by the key that they have")
