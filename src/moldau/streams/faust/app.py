"""App: where a program is declared, with Faust's names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib import import_module
from itertools import count
from typing import Any, TypeVar

from moldau.streams.app import App as Core
from moldau.streams.durations import milliseconds
from moldau.streams.errors import DefinitionError
from moldau.streams.faust import tables
from moldau.streams.faust.agents import AgentOf
from moldau.streams.faust.beside import Beside, Command
from moldau.streams.faust.building import build
from moldau.streams.faust.calls import Calls
from moldau.streams.faust.codecs import Packed
from moldau.streams.faust.outside import Outside
from moldau.streams.faust.pages import Pages, routed
from moldau.streams.faust.refusals import nothing, refuse
from moldau.streams.faust.settings import settings
from moldau.streams.faust.signals import signals
from moldau.streams.faust.topics import Channel, Topic
from moldau.streams.faust.windows import ms
from moldau.streams.seen import plain_of
from moldau.streams.topology import topology

Function = TypeVar("Function", bound=Callable[..., Any])
_LOG = logging.getLogger("moldau.faust")


class App(Beside):
    """`faust.App(id, broker="kafka://localhost:9092", value_serializer="json")`.

    `config` are librdkafka's settings. `program` is the same to `moldau.streams`.
    """

    def __init__(self, id: str, **options: Any) -> None:
        self.conf = settings(id, options)
        conf = self.conf
        self.core = Core(
            conf.name,
            conf.bootstrap_servers,
            guarantee=conf.processing_guarantee,  # type: ignore[arg-type]
            checkpoint=timedelta(milliseconds=ms(conf.broker_commit_interval, "commit interval")),
            config=conf.config,
        )
        self.idle_after_ms = milliseconds("30s", "idle_after")
        self.id = conf.name
        self.log = self.logger = _LOG
        self.agents: dict[str, AgentOf] = {}
        self.tables: dict[str, tables.Table] = {}
        self.topics: dict[str, Topic] = {}
        self.commands: dict[str, Command] = {}
        self.pages = Pages(self)
        self.outside = Outside(self)
        self.calls = Calls(self)
        self._answers: dict[str, Topic] = {}
        self._channels = count(1)
        self._stages: dict[str, str] = {}
        self.signals = signals()
        self._is_built = False

    # --- topics and tables ------------------------------------------------------------------

    def topic(
        self,
        *names: str,
        key_type: Any = None,
        value_type: Any = None,
        key_serializer: Any = None,
        value_serializer: Any = None,
        partitions: int | None = None,
        internal: bool = False,
        allow_empty: bool | None = None,
        **options: Any,
    ) -> Topic:
        """A topic; made with `partitions` where it is missing."""
        if len(names) != 1:
            raise refuse("app.topic of several names or a pattern", "a topic and an agent of each")
        nothing(
            "app.topic",
            options,
            ("retention", "compacting", "deleting", "replicas", "config", "acks"),
        )
        made = Topic(
            self, names[0], key_type, value_type, key_serializer, value_serializer, partitions
        )
        self.topics.setdefault(names[0], made)
        return made

    def channel(
        self,
        *,
        key_type: Any = None,
        value_type: Any = None,
        maxsize: int | None = None,
        **options: Any,
    ) -> Channel:
        """A topic of the program's own; what is sent there may be all that a table can keep. They
        are named by their number: declare them in the same order everywhere."""
        nothing("app.channel", options, ("loop", "schema"))
        name = f"{self.id}-channel-{next(self._channels)}"
        made = Channel(self, name, key_type, value_type, None, Packed())
        self.topics[name] = made
        return made

    def Table(  # noqa: N802
        self,
        name: str,
        *,
        default: Callable[[], Any] | None = None,
        key_type: Any = None,
        value_type: Any = None,
        help: str = "",
        on_window_close: Callable[[Any, Any], Any] | None = None,
        **options: Any,
    ) -> tables.Table:
        """Values by key. It has as many partitions as what its agents read."""
        nothing("app.Table", options, _OF_TABLES)
        return self._table(
            tables.Table(self, name, default, key_type, value_type, help, on_window_close)
        )

    def SetTable(  # noqa: N802
        self, name: str, *, key_type: Any = None, value_type: Any = None, **options: Any
    ) -> tables.SetTable:
        """Sets by key."""
        nothing("app.SetTable", options, (*_OF_TABLES, "start_manager"))
        made = tables.SetTable(self, name, key_type=key_type, value_type=value_type)
        self._table(made)
        return made

    def _table(self, table: tables.Table) -> tables.Table:
        if table.name in self.tables:
            raise DefinitionError(f"two tables are named {table.name!r}")
        self.tables[table.name] = table
        return table

    # --- agents -----------------------------------------------------------------------------

    def agent(
        self,
        channel: Any = None,
        *,
        name: str | None = None,
        concurrency: int = 1,
        sink: Sequence[Any] = (),
        tables: Sequence[Any] = (),
        isolated_partitions: bool = False,
        **options: Any,
    ) -> Callable[[Any], AgentOf]:
        """Decorates an `async def` that takes a stream. `sink`: where what it yields goes: topics,
        agents, functions. `tables`: those that it uses, where its code does not show them.
        `isolated_partitions` changes nothing: each partition has a function of its own anyway."""
        if isinstance(channel, str):
            channel = self.topic(channel)
        elif callable(channel) and not isinstance(channel, Topic):
            return self.agent()(channel)  # type: ignore[return-value]
        on_error = options.pop("on_error", None)
        if on_error is not None:
            raise refuse("agent(on_error=)", "try and except in the agent; docs/streams/errors.md")
        typed = {one: options.pop(one, None) for one in ("key_type", "value_type")}
        nothing("app.agent", options, ("use_reply_headers", "supervisor_strategy", "help"))

        def declare(function: Any) -> AgentOf:
            plain = plain_of(function)
            called = name or plain.__name__
            if called in self.agents:
                raise DefinitionError(f"two agents are named {called!r}: give one another name=")
            topic = channel or self.topic(f"{self.id}-{plain.__module__}.{called}", **typed)
            made = AgentOf(self, function, topic, called, concurrency, sink, tables)
            self.agents[called] = made
            return made

        return declare

    # --- beside the records (more of it in `beside.py`) ----------------------------------------

    def page(self, path: str, **options: Any) -> Callable[[Function], Function]:
        """Decorates a view, which the worker serves: an async function of (web, request) and what
        the path has for {NAME}, or a class of `faust.web.View`."""
        nothing("app.page", options, ("name", "base", "cors_options"))

        def declare(function: Function) -> Function:
            self.pages.add(path, function)
            return function

        return declare

    def table_route(
        self,
        table: Any,
        shard_param: str | None = None,
        *,
        query_param: str | None = None,
        match_info: str | None = None,
    ) -> Callable[[Function], Function]:
        """Decorates a view: the worker answers that has the table's partition of the key. The key
        is in the path (`match_info`), or behind the "?" (`query_param`)."""
        return routed(table, shard_param, query_param, match_info)

    def topic_route(
        self,
        topic: Any,
        shard_param: str | None = None,
        *,
        query_param: str | None = None,
        match_info: str | None = None,
    ) -> Callable[[Function], Function]:
        """As `table_route`: the worker answers that reads the topic's partition of the key."""
        return routed(topic, shard_param, query_param, match_info)

    async def send(self, channel: Any, key: Any = None, value: Any = None, **more: Any) -> None:
        topic = self.topic(channel) if isinstance(channel, str) else channel
        await topic.send(key=key, value=value, **more)

    def answers_to(self, name: str) -> Topic:
        """A topic that answers go to."""
        if name not in self._answers:
            self._answers[name] = Topic(self, name, value_serializer="json", partitions=1)
        return self._answers[name]

    def in_one_stage(self, one: AgentOf, other: AgentOf) -> bool:
        """Do the two take turns?"""
        if not self._stages:
            stages = topology(self.core.id, self.core.nodes).stages
            self._stages = {node.name: stage.name for stage in stages for node in stage.nodes}
        return self._stages.get(one.name) == self._stages.get(other.name)

    # --- running ----------------------------------------------------------------------------

    @property
    def program(self) -> Core:
        """What the engine runs. Nothing more can be declared then."""
        if not self._is_built:
            self._is_built = True
            build(self)
        return self.core

    def discover(self) -> None:
        """Imports the modules of autodiscover=."""
        modules = self.conf.autodiscover
        if modules is True:
            raise refuse("autodiscover=True", "name the modules: autodiscover=['shop.agents']")
        for module in modules or ():
            import_module(module)

    def finalize(self) -> None:
        """It is complete when it runs."""

    def main(self) -> None:
        """As `moldau faust -A` this program: `python shop.py worker -l info`."""
        from moldau.streams.faust.cli import script

        script(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.__dict__.get("signals", ()):
            return self.signals[name]
        raise refuse(name if name == "GlobalTable" else f"app.{name}")

    def __repr__(self) -> str:
        return f"<App {self.id}>"


_OF_TABLES = (
    "store",
    "schema",
    "partitions",
    "changelog_topic",
    "recovery_buffer_size",
    "standby_buffer_size",
    "extra_topic_configs",
    "use_partitioner",
    "options",
)
