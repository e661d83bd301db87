"""App: where a program is declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import iscoroutinefunction
from itertools import count
from os import PathLike
from typing import Any, Literal, Protocol, TypeVar, get_args

from moldau.streams import event_time as when
from moldau.streams import fields, types
from moldau.streams.arguments import addresses, legal, no_stream, refuse_another, topic_of
from moldau.streams.callables import name_of
from moldau.streams.chores import After, Chore, Chores, cron, every
from moldau.streams.durations import Duration, milliseconds, zone_of
from moldau.streams.engine.keyed_state import KeyedState
from moldau.streams.errors import DefinitionError
from moldau.streams.formats.basic import Format, Key, Schema
from moldau.streams.formats.named import format_of
from moldau.streams.handlers import BatchForm, alone, form_of, takes_a_record
from moldau.streams.join_nodes import Everywhere, Tabled, TableSource
from moldau.streams.keying import key_of
from moldau.streams.policies import DEFAULT, Policy, Then, policy_of
from moldau.streams.program import Agent, Node, Partitioner, Punctuated, Source, Topic, Until
from moldau.streams.sizes import Size, size
from moldau.streams.stream import Stream
from moldau.streams.tables import GlobalTable, Table
from moldau.streams.written import written

Handler = TypeVar("Handler", bound=Callable[..., Any])
Guarantee = Literal["at_least_once", "exactly_once"]
AS_APP: Any = object()
# Above what librdkafka says of each attempt to reach a broker, many times a second: what people
# should know of that is said in a sentence.
QUIET = {"log_level": 2}
_OF_LOG = {"debug", "log_level", "logger"}


class Pages(Protocol):
    """What a program answers over HTTP besides. `has`: is a path one of its pages?"""

    def has(self, path: str) -> bool: ...

    async def answer(self, asked: Any, routing: Any) -> Any: ...


class App:
    """A program of streams. `id` names its consumer group, its internal topics and its state.

    `close_after_silence`: when a partition is read to its end and has been quiet for so long, its
    event time goes on with the wall clock, and so the last windows close. `idle_after`: then it
    does not hold the other partitions back; None: it always does. `until`="end": the program reads
    to the end of its input, closes everything and ends.

    `config` are librdkafka's settings for every client of the program (TLS, SASL and so on).
    `state_dir`: where the state of its tasks lies on this machine, so that a restart does not read
    all of the changelogs; default: moldau-streams in the user's data folder.
    `state_memory`: how much of it each process may hold in memory; what was not used lately is read
    from there again. `standbys`: on how many other machines warm copies of the state are kept.
    """

    def __init__(
        self,
        id: str,
        bootstrap_servers: str = "localhost:9092",
        *,
        guarantee: Guarantee = "at_least_once",
        checkpoint: Duration = "1s",
        close_after_silence: Duration | None = None,
        idle_after: Duration | None = "30s",
        until: Until = None,
        on_error: Policy | Then | None = None,
        config: Mapping[str, Any] | None = None,
        state_dir: str | PathLike[str] | None = None,
        state_memory: Size = "256MB",
        standbys: int = 0,
    ) -> None:
        if guarantee not in ("at_least_once", "exactly_once"):
            raise DefinitionError(
                f"guarantee={guarantee!r} is neither 'at_least_once' nor 'exactly_once'"
            )
        _check_until(until, "")
        if config is not None and not isinstance(config, Mapping):
            raise DefinitionError(f"config={config!r} is no dict of librdkafka's settings")
        self.id = legal(id, "the program's id")
        self.bootstrap_servers = addresses(bootstrap_servers)
        self.guarantee = guarantee
        self.checkpoint_ms = milliseconds(checkpoint, "checkpoint")
        self._close_after_silence = close_after_silence
        self._idle_after = idle_after
        self.until = until
        self.policy = policy_of(on_error, DEFAULT)
        self.config = dict(config or {})
        self.state_dir = state_dir
        if not isinstance(standbys, int) or standbys < 0:
            raise DefinitionError(f"standbys={standbys!r}: on how many other machines, 0 or more")
        self.standbys = standbys
        self.state_memory = size(state_memory, "state_memory")
        self.nodes: list[Node] = []
        self.topics: dict[str, Topic] = {}
        self.chores = Chores()
        self.pages: Pages | None = None  # answered beside what a worker tells
        self._states: set[str] = set()
        self._owners: dict[str, Node] = {}
        self._counts: dict[str, count[int]] = {}

    def topic(
        self,
        name: str,
        type: Any = Any,
        *,
        event_time: fields.Field | None = None,
        unit: when.Unit | None = None,
        tz: str | None = None,
        lateness: Duration = "0s",
        key: str | None = None,
        format: str | Format | Schema | None = None,
        partitions: int | None = None,
        close_after_silence: Duration | None = AS_APP,
        idle_after: Duration | None = AS_APP,
        until: Until = AS_APP,
        on_error: Policy | Then | None = None,
        partitioner: Partitioner = "murmur2",
    ) -> Topic:
        """A topic and what its records are.

        `event_time`: the field that says when it happened (default: the record's timestamp).
        `unit`: of what it counts since 1970, where it is a number: "s", "ms", "us", "ns". `tz`: in
        which zone it is, as "Europe/Prague", where it is a time without one (default: UTC).
        `format`: "json" (of most types), "msgpack", "raw" (of bytes), "text" (of str), "avro",
        "protobuf" (of its messages), `moldau.Avro(...)`, `moldau.Protobuf(...)` with a schema
        registry, or an object with `encode` and `decode`.
        `lateness`: how much older than the newest before it a record may be. `key`: the field
        that its records are keyed by, so that grouping by it needs no repartition; a record with
        another key is a bad one. `partitioner`: how who writes it places keys, as Java does
        ("murmur2") or librdkafka's default ("crc32").
        `close_after_silence` and `idle_after`: as of the App, for this topic; None too.
        `until`="end": it is read to where it ends when the program first gets there, then its time
        is over, and no farther, after a restart either. The program goes on with its other topics,
        and ends when it has no others.
        """
        if partitioner not in get_args(Partitioner):
            raise DefinitionError(f"partitioner={partitioner!r} is not one of murmur2, crc32")
        if key is not None:
            key_of(type, key, f"topic {name!r}, key")
        until = self.until if until is AS_APP else until
        _check_until(until, f"topic {name!r}: ")
        if until is None and self.until == "end":
            raise DefinitionError(
                f"topic {name!r}: until=None is for ever, and a program with until='end' would "
                f"never end: give until='end' to the topics that end, and not to the App"
            )
        made = Topic(
            legal(name, "topic"),
            type,
            format_of(type, format, name),
            Key() if key is None else Key(types.field_type(type, key)),
            key,
            when.event_time(type, event_time, unit, tz, name),
            milliseconds(lateness, "lateness"),
            partitions,
            _optional(close_after_silence, self._close_after_silence, "close_after_silence"),
            _optional(idle_after, self._idle_after, "idle_after"),
            until,
            policy_of(on_error, self.policy),
            partitioner,
        )
        self.topics.setdefault(name, made)
        return made

    def stream(self, topic: Topic) -> Stream:
        """The records of a topic, from its beginning."""
        self._reads(topic, "stream")
        for known in self.nodes:
            if isinstance(known, Source) and known.topic is topic:
                return Stream(self, known)
        node = Source(self.name_for("source"), (), topic.type, topic.key, topic=topic)
        return Stream(self, self.add(node))

    def table(self, topic: Topic, *, history: Duration = "1h", name: str | None = None) -> Table:
        """A topic (compacted, mostly) as a table: of each key the newest value by event time; a
        record without a value deletes. `history`: how far back, in event time, a stream's records
        that come late can be joined to it."""
        self._reads(topic, "table")
        name = name or self.name_for("table")
        source = TableSource(f"{name}-source", (), topic.type, topic.key, topic=topic)
        kept = milliseconds(history, "history")
        node = Tabled(name, (self.add(source),), topic.type, topic.key, history=kept)
        return Table(self, self.add(node), kept)

    def global_table(self, topic: Topic) -> GlobalTable:
        """A topic as a table that every worker has all of: any field can be joined to it, without
        a repartition. It is read to its end before the first record, and followed from there."""
        if topic_of(topic, "global_table").until == "end" and self.until is None:
            raise DefinitionError(
                f"topic {topic.name!r}: a global table is followed for as long as the program "
                f"runs, so until='end' says nothing of it: take it away, or read a table"
            )
        for one in self.nodes:
            if isinstance(one, Everywhere) and one.topic.name == topic.name:
                refuse_another(one.topic, topic, "global_table")
                return GlobalTable(one.topic)
        name = self.name_for("global")
        self.nodes.append(Everywhere(name, (), topic.type, topic.key, topic=topic))
        return GlobalTable(topic)

    def state(
        self, name: str, type: Any = Any, *, default: Callable[[], Any] | None = None
    ) -> KeyedState[Any]:
        """Values by key that agents keep: `counts = app.state("counts", int, default=int)`, then
        `counts[key] += 1` in an agent with `states=[counts]`. In a changelog, so that it moves
        with its partition. A key's records must be in one partition. `type`: what the values are;
        needed where they are, or hold, structs, dataclasses, models or enumerations."""
        if name in self._states:
            raise DefinitionError(f"two states are named {name!r}")
        made: KeyedState[Any] = KeyedState(name, default, type)
        self._states.add(name)
        return made

    def agent(
        self,
        source: Topic | Stream,
        *,
        name: str | None = None,
        batch: BatchForm | None = None,
        batch_size: int = 1000,
        concurrency: int = 1,
        states: Sequence[KeyedState[Any]] = (),
        on_error: Policy | Then | None = None,
    ) -> Callable[[Handler], Handler]:
        """Decorates a handler of records: an async function that says `async for … in` its
        parameter, or a function, plain or async, that is called for each record, or with `batch`
        for up to `batch_size` of them.

        A record ends when the handler returns or asks for the next. What it sends is held until
        then, and dropped when it fails. With `concurrency` N handlers run, and records of one key
        keep their order. `states`: what it keeps by key (`app.state`).
        """
        if concurrency < 1 or batch_size < 1:
            raise DefinitionError("agent: concurrency= and batch_size= must be at least 1")
        parent = self._records_of(source, "agent")

        for one in states:
            owner = self._owners.setdefault(one.name, parent)
            if root(owner) is not root(parent):
                raise DefinitionError(
                    f"state {one.name!r}: agents that share it must read the same topic, because a "
                    f"partition's state lies where its records are read"
                )

        def declare(function: Handler) -> Handler:
            takes_a_record(function)
            made = Agent(
                name or name_of(function),
                (parent,),
                function=function,
                form=form_of(function, batch),
                concurrency=concurrency,
                batch_size=batch_size,
                states=[one.name for one in states],
            )
            self.add(made, on_error)
            return function

        return declare

    # --- by time ----------------------------------------------------------------------------

    def timer(self, interval: Duration) -> Callable[[Handler], Handler]:
        """Decorates a function, plain or async, without parameters: every worker calls it at the
        multiples of the interval. When it fails, that is said, and what it sent is dropped."""
        return _listed(self.chores.timers, every(milliseconds(interval, "interval")))

    def cron(self, expression: str, timezone: str = "UTC") -> Callable[[Handler], Handler]:
        """As `timer`, at the times of a cron expression ("0 9 * * 1-5") in a time zone."""
        return _listed(self.chores.timers, cron(expression, zone_of(timezone, "cron")))

    def task(self, function: Handler) -> Handler:
        """Decorates an async function that runs beside the records, for as long as the worker
        does. When it fails, the worker stops."""
        self.chores.tasks.append(alone(function, "task"))
        return function

    def on_start(self, function: Handler) -> Handler:
        """Decorates a function, plain or async, that is called before the first record."""
        self.chores.on_start.append(alone(function, "on_start"))
        return function

    def on_stop(self, function: Handler) -> Handler:
        """Decorates a function, plain or async, that is called behind the last record."""
        self.chores.on_stop.append(alone(function, "on_stop"))
        return function

    def punctuate(
        self, source: Topic | Stream, interval: Duration, *, name: str | None = None
    ) -> Callable[[Handler], Handler]:
        """Decorates a plain function of a time (UTC): it is called for each partition and each
        multiple of the interval, when the watermark of these records gets there."""
        parent = self._records_of(source, "punctuate")
        interval_ms = milliseconds(interval, "interval")

        def declare(function: Handler) -> Handler:
            called = name or name_of(function)
            if iscoroutinefunction(function) or interval_ms <= 0:
                raise DefinitionError(
                    f"punctuate {called}: it needs a plain function, and an interval above 0"
                )
            self.add(Punctuated(called, (parent,), function=function, interval=interval_ms))
            return function

        return declare

    def run(self, *, http: str | None = None) -> None:
        """One worker in this process, until SIGINT or SIGTERM, or until the end of the input with
        until="end". `moldau worker` runs several. `http`: PORT or HOST:PORT where it answers, with
        its metrics. Raises StreamsError."""
        from moldau.streams.running.process import run

        run(self, http=http)

    @property
    def has_handlers(self) -> bool:
        """Does code of the user's send?"""
        return bool(self.chores) or any(isinstance(n, (Agent, Punctuated)) for n in self.nodes)

    @property
    def dead_letter_topics(self) -> list[str]:
        """Those that its policies name."""
        policies = [node.policy for node in self.nodes if not isinstance(node, Everywhere)]
        policies += [node.topic.policy for node in self.nodes if isinstance(node, Source)]
        names = [one.topic or f"{self.id}-dlq" for one in policies if one.then == "dead_letter"]
        return list(dict.fromkeys(names))

    # --- for those that run it --------------------------------------------------------------

    @property
    def client_settings(self) -> dict[str, Any]:
        """What every librdkafka client of the program is told."""
        quiet = {} if self.wants_log else QUIET
        return {"bootstrap.servers": self.bootstrap_servers, **quiet, **self.config}

    @property
    def wants_log(self) -> bool:
        """librdkafka's, as it comes."""
        return bool(self.config.keys() & _OF_LOG)

    @property
    def consumer_settings(self) -> dict[str, Any]:
        """And every consumer. One whose queue is full would stand still for a second, which is
        three quarters of the time where the program is quicker than the broker."""
        return {"fetch.queue.backoff.ms": 10, **self.client_settings}

    # --- for the verbs ----------------------------------------------------------------------

    def _records_of(self, source: Topic | Stream, verb: str) -> Node:
        """Where they come from. Raises DefinitionError."""
        if isinstance(source, Stream):
            return source.node
        if isinstance(source, Table):
            raise no_stream(source, verb)
        return self.stream(topic_of(source, verb)).node

    def _reads(self, topic: Topic, verb: str) -> None:
        """Raises DefinitionError for what is no topic, and for one that is read as something else
        already: its records are decoded once."""
        topic_of(topic, verb)
        for node in self.nodes:
            if isinstance(node, Source) and node.topic.name == topic.name:
                refuse_another(node.topic, topic, verb)

    def add(self, node: Node, on_error: Policy | Then | None = None) -> Node:
        node.policy = policy_of(on_error, self.policy)
        node.written = written()
        if any(one.name == node.name for one in self.nodes):
            raise DefinitionError(f"two steps are named {node.name!r}: give one another name=")
        self.nodes.append(node)
        return node

    def name_for(self, verb: str) -> str:
        """Of a step that was given none: counted by verb."""
        return f"{verb}-{next(self._counts.setdefault(verb, count(1)))}"


def _listed(timers: list[tuple[Chore, After]], after: After) -> Callable[[Handler], Handler]:
    def declare(function: Handler) -> Handler:
        timers.append((alone(function, "timer"), after))
        return function

    return declare


def root(node: Node) -> Node:
    """Where its records are read."""
    while node.parents:
        node = node.parents[0]
    return node


def _check_until(until: Any, where: str) -> None:
    """Raises DefinitionError."""
    if until not in (None, "end"):
        raise DefinitionError(f"{where}until={until!r} is neither 'end' nor None, for ever")


def _optional(value: Duration | None, of_app: Duration | None, what: str) -> int | None:
    value = of_app if value is AS_APP else value
    return None if value is None else milliseconds(value, what)
