"""A program as data: what people declare, before anything runs.

Nodes are made by the verbs (`stream.py`) and form a graph; `topology.py` cuts it into stages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from moldau.streams.aggregates import Aggregate
from moldau.streams.engine import scope
from moldau.streams.event_time import EventTime
from moldau.streams.fields import Getter
from moldau.streams.formats.basic import Format
from moldau.streams.policies import DEFAULT, Policy
from moldau.streams.windows import Window

Partitioner = Literal["murmur2", "crc32"]
Until = Literal["end"] | None


@dataclass(frozen=True)
class Topic:
    """A topic and what its records are. Times in ms. `event_time` None: the record's timestamp."""

    name: str
    type: Any
    format: Format
    key_format: Format
    key: str | None = None
    event_time: EventTime | None = None
    lateness: int = 0
    partitions: int | None = None
    close_after_silence: int | None = None
    idle_after: int | None = None
    until: Until = None
    policy: Policy = DEFAULT  # for what cannot be read
    partitioner: Partitioner = "murmur2"

    def send(
        self,
        value: Any = None,
        *,
        key: Any = None,
        timestamp: datetime | None = None,
        partition: int | None = None,
        headers: Mapping[str, bytes] | None = None,
    ) -> scope.Held:
        """In a handler: a record that goes out when the handler's record ends, and not when it
        fails. It may be awaited, and need not be. `key` is the field that the topic is keyed by,
        where it says one (default), `timestamp` that of the handler's record (default), `value`
        None a tombstone. Raises StreamsError elsewhere, and what the format
        raises for a value that it cannot write."""
        return scope.send(self, value, key, timestamp, partition, headers)


@dataclass(eq=False)
class Node:
    """A step. `type` is the type of the values that leave it, as far as it is known; `keyed_by`
    the field that their keys are; `policy` what is done about a record that it fails at."""

    name: str
    parents: tuple[Node, ...]
    type: Any = Any
    keyed_by: str | None = None
    children: list[Node] = field(default_factory=list)
    policy: Policy = field(kw_only=True, default=DEFAULT)
    # Those that its functions look into; None: not known yet (`linking.py`).
    tables: tuple[Node, ...] | None = field(kw_only=True, default=None)
    written: str = field(kw_only=True, default="")  # file:line

    def __post_init__(self) -> None:
        for parent in self.parents:
            parent.children.append(self)


@dataclass(eq=False)
class Source(Node):
    topic: Topic = field(kw_only=True)


@dataclass(eq=False)
class Map(Node):
    function: Callable[[Any], Any] = field(kw_only=True)


@dataclass(eq=False)
class Filter(Node):
    function: Callable[[Any], Any] = field(kw_only=True)


@dataclass(eq=False)
class FlatMap(Node):
    function: Callable[[Any], Iterable[Any]] = field(kw_only=True)


@dataclass(eq=False)
class Peek(Node):
    function: Callable[[Any], Any] = field(kw_only=True)


@dataclass(eq=False)
class KeyBy(Node):
    """Gives records another key; what needs records of one key together repartitions first."""

    key: Getter = field(kw_only=True)
    label: str = field(kw_only=True)


@dataclass(eq=False)
class Merge(Node):
    pass


@dataclass(eq=False)
class Branch(Node):
    """Each record goes to the first arm whose predicate is true, or to the one behind them."""

    predicates: Sequence[Callable[[Any], Any]] = field(kw_only=True)


@dataclass(eq=False)
class Arm(Node):
    """What one branch takes."""

    number: int = field(kw_only=True)


@dataclass(eq=False)
class Keyed(Node):
    """Needs all records of a key in one task, and keeps state. `keeps_no_key`: records without a
    key come through too."""

    keeps_no_key: bool = field(kw_only=True, default=False)


@dataclass(eq=False)
class Deduplicated(Keyed):
    """The first record of each key in `within` ms of event time. `order` decides between records
    of one time."""

    within: int = field(kw_only=True)
    order: Getter | None = field(kw_only=True, default=None)


@dataclass(eq=False)
class Aggregated(Keyed):
    """`window` None: of all time; `is_ordered`: as a table, so that it can be asked for what it
    was at a time."""

    is_ordered: bool = field(kw_only=True, default=False)
    window: Window | None = field(kw_only=True)
    aggregates: Mapping[str, Aggregate] = field(kw_only=True)
    label: str = field(kw_only=True)


@dataclass(eq=False)
class Agent(Node):
    """Handlers of the user's. `form`: one call a record of a plain ("sync") or an async function;
    "stream": an async function that iterates; "list", "arrow", "polars": one call a batch."""

    function: Callable[[Any], Any] = field(kw_only=True)
    form: str = field(kw_only=True)
    concurrency: int = field(kw_only=True, default=1)
    batch_size: int = field(kw_only=True, default=1000)
    states: Sequence[str] = field(kw_only=True, default=())


@dataclass(eq=False)
class KeyedAgent(Keyed, Agent):
    """An agent that has all records of a key together. Its children are what its
    handlers keep."""


@dataclass(eq=False)
class Spread(KeyBy):
    """To where their key belongs, whatever partition they came in."""


@dataclass(eq=False)
class Kept(Node):
    """Values that agents keep by key. `keeps`: for how many ms of event time behind the beginning
    of a window; None: for good. `on_close` is called with key, beginning and value of each window
    that is kept no longer; `made` with what holds the values, in each task; `shown` makes of one
    what JSON can hold."""

    made: Callable[[Any], None] = field(kw_only=True)
    shown: Callable[[bytes], Any] = field(kw_only=True, default=bytes)
    keeps: int | None = field(kw_only=True, default=None)
    on_close: Callable[[Any, int, bytes], None] | None = field(kw_only=True, default=None)


@dataclass(eq=False)
class Punctuated(Node):
    """Calls a function of the user's at the multiples of `interval` (ms) of stream time."""

    function: Callable[[datetime], Any] = field(kw_only=True)
    interval: int = field(kw_only=True)


@dataclass(eq=False)
class Sink(Node):
    """`key`: the field that its topic is keyed by, where the records are not, as far as it is
    known; None: they go out under the key that they have."""

    topic: Topic = field(kw_only=True)
    key: str | None = field(kw_only=True, default=None)
    # Of the step before it: what comes of it, or what came too late.
    takes: Literal["results", "late"] = field(kw_only=True, default="results")
    # Also of windows that are still open: every so many ms of event time; 0: at each change.
    every: int | None = field(kw_only=True, default=None)
    # Of a table: its rows wait so many ms of the wall clock for more changes; 0: none does.
    pause: int | None = field(kw_only=True, default=None)
