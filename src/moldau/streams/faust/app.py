"""App: where a program is declared, with Faust's names."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import wraps
from importlib import import_module
from typing import Any, TypeVar

from moldau.streams.app import App as Core
from moldau.streams.durations import milliseconds
from moldau.streams.errors import DefinitionError
from moldau.streams.faust import tables
from moldau.streams.faust.agents import AgentOf
from moldau.streams.faust.refusals import refuse
from moldau.streams.faust.settings import settings
from moldau.streams.faust.topics import Topic
from moldau.streams.faust.windows import ms

Function = TypeVar("Function", bound=Callable[..., Any])
_LOG = logging.getLogger("moldau.faust")


class App:
    """`faust.App(id, broker="kafka://localhost:9092", value_serializer="json")`.

    `config` are librdkafka's settings for all clients. `program` is the same to `moldau.streams`,
    and `core` what it is made on.
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
        self.commands: dict[str, Callable[..., Any]] = {}
        self.pages: list[str] = []
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
        _nothing(
            "app.topic", options, ("retention", "compacting", "deleting", "replicas", "config")
        )
        made = Topic(
            self, names[0], key_type, value_type, key_serializer, value_serializer, partitions
        )
        self.topics.setdefault(names[0], made)
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
        _nothing("app.Table", options, _OF_TABLES)
        return self._table(
            tables.Table(self, name, default, key_type, value_type, help, on_window_close)
        )

    def SetTable(self, name: str, **options: Any) -> tables.SetTable:  # noqa: N802
        """Sets by key."""
        _nothing("app.SetTable", options, (*_OF_TABLES, "start_manager"))
        made = tables.SetTable(self, name)
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
        _nothing("app.agent", options, ("use_reply_headers", "supervisor_strategy", "help"))

        def declare(function: Any) -> AgentOf:
            called = name or function.__name__
            if called in self.agents:
                raise DefinitionError(f"two agents are named {called!r}: give one another name=")
            topic = channel or self.topic(f"{self.id}-{function.__module__}.{called}", **typed)
            made = AgentOf(self, function, topic, called, concurrency, sink, tables)
            self.agents[called] = made
            return made

        return declare

    # --- beside the records -----------------------------------------------------------------

    def timer(
        self, interval: float | timedelta, on_leader: bool = False, **_: Any
    ) -> Callable[[Function], Function]:
        """Every worker calls it; `interval` in s."""
        _no_leader(on_leader, "timer")
        every = timedelta(milliseconds=ms(interval, "interval"))
        return self._declare(self.core.timer(every))

    def crontab(
        self, cron_format: str, *, timezone: Any = None, on_leader: bool = False, **_: Any
    ) -> Callable[[Function], Function]:
        _no_leader(on_leader, "crontab")
        return self._declare(self.core.cron(cron_format, str(timezone or self.conf.timezone)))

    def task(self, function: Any = None, *, on_leader: bool = False, **_: Any) -> Any:
        """Runs in each worker from its start. Unlike Faust's, the worker lives on when it ends."""
        _no_leader(on_leader, "task")
        declare = self._declare(self.core.task)
        return declare if function is None else declare(function)

    def _declare(self, declare: Callable[[Any], Any]) -> Callable[[Function], Function]:
        def declared(function: Function) -> Function:
            declare(self._given_app(function))
            return function

        return declared

    def _given_app(self, function: Any) -> Any:
        """Faust gives the app to a function that has a parameter."""
        if not inspect.signature(function).parameters:
            return function

        @wraps(function)
        def called() -> Any:
            return function(self)

        return called

    def command(self, *options: Any, **more: Any) -> Callable[[Function], Function]:
        """`moldau faust -A MODULE NAME` runs it. Its own options are not read."""
        if options or more:
            raise refuse(
                "app.command with options", "read os.environ, or write a script of its own"
            )

        def declare(function: Function) -> Function:
            self.commands[function.__name__.replace("_", "-")] = function
            return function

        return declare

    def page(self, path: str, **_: Any) -> Callable[[Function], Function]:
        """There is no web server yet; the worker says so when it starts."""

        def declare(function: Function) -> Function:
            self.pages.append(path)
            return function

        return declare

    async def send(self, channel: Any, key: Any = None, value: Any = None, **more: Any) -> None:
        topic = self.topic(channel) if isinstance(channel, str) else channel
        await topic.send(key=key, value=value, **more)

    # --- running ----------------------------------------------------------------------------

    @property
    def program(self) -> Core:
        """What the engine runs. Nothing more can be declared then."""
        if not self._is_built:
            self._is_built = True
            self.discover()
            users: dict[tables.Table, list[Any]] = {}
            for agent in self.agents.values():
                node = agent.node()
                for table in agent.tables():
                    users.setdefault(table, []).append(node)
            for table, nodes in users.items():
                self.core.add(table.node(tuple(nodes)))
        return self.core

    def discover(self) -> None:
        """Imports the modules of autodiscover=."""
        modules = self.conf.autodiscover
        if modules is True:
            raise refuse("autodiscover=True", "name the modules: autodiscover=['shop.agents']")
        for module in modules or ():
            import_module(module)

    def finalize(self) -> None:
        """A program is complete when it runs."""

    def main(self) -> None:
        """As `moldau faust -A` this program: `python shop.py worker -l info`."""
        from moldau.streams.faust.cli import script

        script(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise refuse(f"app.{name}" if name not in ("channel", "GlobalTable") else name)

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


def _nothing(what: str, options: dict[str, Any], known: Sequence[str]) -> None:
    """Says of options that they do nothing. Raises DefinitionError for unknown ones."""
    for name, value in options.items():
        if name not in known:
            raise refuse(f"{what}({name}=)")
        _LOG.warning("%s(%s=%r) does nothing here: see docs/faust.md", what, name, value)


def _no_leader(on_leader: bool, verb: str) -> None:
    if on_leader:
        raise refuse(
            f"{verb}(on_leader=True)", "a worker of its own, with another id, that does only that"
        )
