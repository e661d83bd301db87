"""Which tables of a program can be read from outside, and what a row of their state says.

A step keeps its state as it needs it; here is how to read it. What has no reader here is listed
with why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from typing import Any, NamedTuple

from moldau.streams.engine import coding
from moldau.streams.engine.held import rows_format, rows_of, waiting_of
from moldau.streams.engine.kept_states import restored_states
from moldau.streams.engine.results import row, utc
from moldau.streams.engine.typed_keys import plain
from moldau.streams.engine.values import ValueFormat
from moldau.streams.engine.window_names import place_in
from moldau.streams.join_nodes import (
    Brought,
    GlobalLookup,
    Joined,
    Latest,
    Tabled,
    TableSource,
)
from moldau.streams.program import Agent, Aggregated, Deduplicated, Kept, Keyed, Node
from moldau.streams.topology import Stage, Topology
from moldau.streams.windows import Aligned

Versions = dict[Any, Any]
"""What is kept under one key: one value under None, or several under times in ms."""


class Waits(NamedTuple):
    """A change of a table that waits until the watermark is behind `since`. `version`: what it will
    be in the state then."""

    key: Any
    since: int
    version: Any


class Waiting(NamedTuple):
    """`table`: its name in the state of the stage. `changes`: of a row there."""

    table: str
    changes: Callable[[bytes], Iterable[Waits]]


class Readable(NamedTuple):
    """`table`: its name in the state of the stage. `split`: from the name of a row there to the key
    that people know, and which of several. `value`: of what is kept under a key; None: nothing that
    counts."""

    name: str
    kind: str
    stage: Stage
    table: str
    split: Callable[[bytes], tuple[Any, Any]]
    value: Callable[[Any, Versions], Any]
    # Keys are the program's own choice, so nothing says in which partition one is.
    is_anywhere: bool = False
    waiting: Waiting | None = None

    @property
    def tables(self) -> list[str]:
        return [self.table] if self.waiting is None else [self.table, self.waiting.table]


def readables(topology: Topology) -> dict[str, Readable]:
    """By name: that of the step, and of the topic where there is one such table of it."""
    made: dict[str, Readable] = {}
    topics: dict[str, list[Readable]] = {}
    for stage in topology.stages:
        for node in stage.nodes:
            for one in _of(node, stage):
                made.setdefault(one.name, one)
                for parent in node.parents:
                    if isinstance(parent, TableSource):
                        topics.setdefault(parent.topic.name, []).append(one)
    for topic, some in topics.items():
        # What joins and handlers see of a table now is of it, and not another.
        tables = [one for one in some if one.waiting is not None]
        if len(tables) == 1:
            made.setdefault(topic, tables[0])
    return made


def unreadables(topology: Topology) -> dict[str, str]:
    """Steps that keep state, and why it cannot be asked for."""
    made = {}
    for stage in topology.stages:
        for node in stage.nodes:
            if isinstance(node, Keyed | Joined) and not list(_of(node, stage)):
                why = _why(node)
                if why:
                    made[node.name] = why
    return made


def _why(node: Node) -> str:
    if isinstance(node, Aggregated):
        return "sessions and sliding windows are not readable: send the results to a topic"
    if isinstance(node, Deduplicated):
        return "it keeps which keys it has seen, no values"
    if isinstance(node, GlobalLookup | Brought | Agent) or not isinstance(node, Keyed):
        return ""
    return "what a join or a grouped table keeps is not readable: send the results to a topic"


def _of(node: Node, stage: Stage) -> Iterator[Readable]:
    if isinstance(node, Tabled):
        yield Readable(
            node.name,
            "table",
            stage,
            node.name,
            coding.decode,
            _newest(ValueFormat(node.type).decode),
            waiting=Waiting(waiting_of(node.name), _waiting(node)),
        )
    elif isinstance(node, Latest):
        decode = ValueFormat(node.type).decode
        yield Readable(node.name, "table", stage, node.name, _whole, _only(decode))
    elif isinstance(node, Aggregated) and node.window is None:
        yield Readable(node.name, "aggregate", stage, node.name, _whole, _totals(node))
    elif isinstance(node, Aggregated) and isinstance(node.window, Aligned):
        yield Readable(node.name, "open windows", stage, node.name, _of_window, _windows(node))
    elif isinstance(node, Kept):
        name = node.name.removeprefix("table-")
        yield Readable(name, "table", stage, node.name, _turned, _kept(node), True)
    elif isinstance(node, Agent):
        for name in node.states:
            yield Readable(
                name, "state", stage, f"state {name}", _whole, _only(coding.decode), True
            )


# --- keys ---------------------------------------------------------------------------------------


def _whole(name: bytes) -> tuple[Any, Any]:
    return coding.decode(name), None


def _turned(name: bytes) -> tuple[Any, Any]:
    start, key = coding.decode(name)
    return key, start


def _of_window(name: bytes) -> tuple[Any, Any]:
    start, key = place_in(name)
    return plain(key), start


# --- values -------------------------------------------------------------------------------------


def _only(decode: Callable[[bytes], Any]) -> Callable[[Any, Versions], Any]:
    return lambda _, versions: decode(versions[None])


def _newest(decode: Callable[[bytes], Any]) -> Callable[[Any, Versions], Any]:
    def value(_: Any, versions: Versions) -> Any:
        data = max(versions.values(), key=_order)[1]
        return None if data is None else decode(data)

    return value


def _order(version: Any) -> tuple[int, ...]:
    return tuple(version[0])


def _waiting(node: Tabled) -> Callable[[bytes], Iterator[Waits]]:
    encode, rows = ValueFormat(node.type).encode, rows_format(node.type)

    def changes(data: bytes) -> Iterator[Waits]:
        for one in rows_of(rows, coding.decode(data)):
            if one.key is not None:
                value = None if one.value is None else encode(one.value)
                yield Waits(plain(one.key), one.since, (one.order, value))

    return changes


def _totals(node: Aggregated) -> Callable[[Any, Versions], Any]:
    label, aggregates = node.label, node.aggregates.items()
    first = 0 if node.is_ordered else 1  # the time of the newest record comes before them
    restored = restored_states(node.aggregates.values(), node.parents[0].type)
    return lambda key, versions: row(label, aggregates, key, None, restored(versions[None][first:]))


def _windows(node: Aggregated) -> Callable[[Any, Versions], Any]:
    label, aggregates = node.label, node.aggregates.items()
    assert isinstance(node.window, Aligned)
    end = deepcopy(node.window).end  # a calendar learns as it is asked, and the task has its own
    restored = restored_states(node.aggregates.values(), node.parents[0].type)
    return lambda key, versions: [
        row(label, aggregates, key, (start, end(start)), restored(versions[start]))
        for start in sorted(versions)
    ]


def _kept(node: Kept) -> Callable[[Any, Versions], Any]:
    def value(_: Any, versions: Versions) -> Any:
        if None in versions:
            return node.shown(versions[None])
        return [
            {"window_start": utc(start), "value": node.shown(versions[start])}
            for start in sorted(versions)
        ]

    return value
