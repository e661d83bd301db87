"""From the nodes of a stage to the operators of a task. A new verb is a line in `_MAKERS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moldau.streams import types
from moldau.streams.engine import operators
from moldau.streams.engine.agents import Agents
from moldau.streams.engine.aggregating import Aggregating, Parts, Windowing
from moldau.streams.engine.branches import Branching
from moldau.streams.engine.build_joins import MAKERS, is_ordered
from moldau.streams.engine.coalescing import Coalescing
from moldau.streams.engine.coding import encode
from moldau.streams.engine.counts import Counts, StepCount, counted
from moldau.streams.engine.dead_letters import DeadLetters
from moldau.streams.engine.deduplication import Deduplicating, waiting_before
from moldau.streams.engine.frames import FrameFormat
from moldau.streams.engine.global_store import GlobalStore
from moldau.streams.engine.guard import Guard, Wait
from moldau.streams.engine.held import Held, Ordering, waiting_of
from moldau.streams.engine.here import Get, Here
from moldau.streams.engine.keyed_agents import KeyedAgents
from moldau.streams.engine.keyed_state import Store
from moldau.streams.engine.keyed_store import KeyedStore
from moldau.streams.engine.lanes import Host
from moldau.streams.engine.lookups import LatestTable
from moldau.streams.engine.operators import Operator, Origin, Repartitioning
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.placing import PLACES
from moldau.streams.engine.punctuation import Punctuation
from moldau.streams.engine.reading import Reading
from moldau.streams.engine.results import Results
from moldau.streams.engine.running import OrderedAggregates, RunningAggregates
from moldau.streams.engine.sessions import SessionAggregates
from moldau.streams.engine.sliding import SlidingAggregates
from moldau.streams.engine.state import State
from moldau.streams.engine.windowed import WindowedAggregates
from moldau.streams.formats.basic import Key
from moldau.streams.join_nodes import TableAggregated
from moldau.streams.policies import Policy
from moldau.streams.program import (
    Agent,
    Aggregated,
    Arm,
    Branch,
    Deduplicated,
    Filter,
    FlatMap,
    Kept,
    KeyBy,
    Keyed,
    KeyedAgent,
    Map,
    Merge,
    Node,
    Partitioner,
    Peek,
    Punctuated,
    Sink,
    Source,
    Spread,
)
from moldau.streams.shapes import state_of
from moldau.streams.topology import Repartition, Stage
from moldau.streams.windows import Session, Sliding

MOST_OUTPUTS = 10_000  # that are made before some of them leave


def no_wait(_ms: int) -> None:
    """Where nobody says how to wait."""


@dataclass
class Built:
    """The operators of a task. `own`: the task itself, as the origin of what it makes of many
    records. `partitions`: how many each topic has; `partitioners`: how keys are placed in each
    repartition topic; `tables`: of each global table, what it holds now."""

    stage: Stage
    partitions: Mapping[str, int]
    state: State
    own: Origin
    partitioners: Mapping[str, Partitioner]
    tables: Mapping[str, GlobalStore]
    app: str = ""
    host: Host | None = None
    wait: Wait = no_wait
    counts: Counts = field(default_factory=Counts)
    reading: Reading | None = None  # what is being processed, while it is
    outputs: list[Output] = field(default_factory=list)
    stores: dict[str, Store] = field(default_factory=dict)
    by_node: dict[Node, Operator] = field(default_factory=dict)
    repartitionings: list[Repartitioning] = field(default_factory=list)
    orderings: list[Operator] = field(default_factory=list)
    outlet: Callable[[], None] | None = None  # takes `outputs` away, where that may be at any time

    def __post_init__(self) -> None:
        for node in reversed(self.stage.nodes):  # those behind come first
            made = _MAKERS[type(node)](node, self._following(node), self)
            self.by_node[node] = counted(made, self.counts.step(self.stage.name, node.name))

    @property
    def here(self) -> Here:
        """What functions of the user's can look into."""
        rows: dict[Node, Get] = {}
        for node, made in self.by_node.items():
            if isinstance(made, LatestTable):
                rows[node.parents[0]] = made.rows.get
            elif isinstance(made, RunningAggregates | OrderedAggregates):
                rows[node] = made.look
        place_of, count = PLACES[self.stage.partitioner], self.stage.count(self.partitions)
        encode = Key().encode
        return Here(self.tables, rows, self.own.partition, lambda key: place_of(encode(key), count))

    @property
    def in_order(self) -> list[Operator]:
        """Each behind all that it takes from."""
        return [*(self.by_node[node] for node in self.stage.nodes), *self.orderings]

    def relieve(self) -> None:
        """Much is being made at once."""
        if self.outlet is not None and len(self.outputs) >= MOST_OUTPUTS:
            self.outlet()

    def dead_letters(
        self,
        step: str,
        policy: Policy,
        parts: Callable[[Any], bytes] | None = None,
        count: StepCount | None = None,
        type_: Any = object,
    ) -> DeadLetters:
        """`count`: where it is not the step's. `type_`: of the values that it takes, where what is
        written of one must say which it is."""
        stage, partition = self.stage.name, self.own.partition
        count = count or self.counts.step(stage, step)
        return DeadLetters(
            self.app, stage, partition, step, policy, self.outputs, count, parts, type_
        )

    def letters_of(self, node: Node, parts: Callable[[Any], bytes] | None = None) -> DeadLetters:
        """`parts`: writes what the step makes its results of, where it is that that may fail."""
        taken = [one.type for one in node.parents if types.is_mixed(one.type)]
        return self.dead_letters(node.name, node.policy, parts, type_=taken[0] if taken else object)

    def guard(self, node: Node, parts: Callable[[Any], bytes] | None = None) -> Guard:
        judge = None if self.host is None else self.host.judge
        return Guard(self.letters_of(node, parts), lambda: self.reading, self.wait, judge)

    def results(self, node: Aggregated | TableAggregated) -> Results:
        type_ = node.parents[0].type if isinstance(node, Aggregated) else node.member_type
        return Results(node.label, node.aggregates, self.guard(node, encode), type_)

    def _following(self, node: Node) -> list[Operator]:
        cuts = [one for one in self.stage.writes if one.node is node]
        cut_to = {one.target for one in cuts}
        behind = [
            self.by_node[one]
            for one in node.children
            if one not in cut_to and not (isinstance(one, Sink) and one.takes == "late")
        ]
        return behind + [self._repartitioning(one) for one in cuts]

    def late(self, node: Node) -> list[Operator]:
        """Where it sends what came too late."""
        return [
            self.by_node[one]
            for one in node.children
            if isinstance(one, Sink) and one.takes == "late"
        ]

    def held(self, node: Node, type_: Any, reach: int = 0) -> Held:
        table = self.state.table(waiting_of(node.name))
        return Held(table, type_, self.state.watermark, reach)

    def _repartitioning(self, cut: Repartition) -> Operator:
        made = Repartitioning(
            cut.name,
            self.partitions[cut.name],
            FrameFormat(cut.type),
            Key(),
            self.outputs,
            self.guard(cut.node),
            keeps_no_key=isinstance(cut.target, Keyed) and cut.target.keeps_no_key,
            partitioner=self.partitioners[cut.name],
        )
        made.origin = self.own
        self.repartitionings.append(made)
        if not self.stage.is_stateful or is_ordered(cut.node, self.stage):
            return made
        ordering = Ordering(
            self.state.table(f"{cut.target.name}-ordering"),
            cut.type,
            self.state.watermark,
            [made],
        )
        self.orderings.append(ordering)
        return ordering


def leading_to(behind: Node, target: Operator, node: Node, built: Built) -> Operator:
    """An operator of the node that leads to that of the one behind it, and to no other."""
    if isinstance(node, Branch) and isinstance(behind, Arm):
        arms: list[Operator] = [operators.Step([]) for _ in range(len(node.predicates) + 1)]
        arms[behind.number] = target
        return Branching(built.guard(node), node.predicates, arms)
    return _MAKERS[type(node)](node, [target], built)


Maker = Callable[[Any, list[Operator], Built], Operator]


def _aggregates(node: Aggregated, following: list[Operator], built: Built) -> Operator:
    kinds: dict[type, type[Aggregating]] = {
        type(None): RunningAggregates,
        Session: SessionAggregates,
        Sliding: SlidingAggregates,
    }
    type_, table = node.parents[0].type, built.state.table(node.name)
    guard, results = built.guard(node), built.results(node)
    if node.window is None and node.is_ordered:
        held = built.held(node, type_)
        return OrderedAggregates(node, type_, held, table, following, guard, results)
    kind = kinds.get(type(node.window), WindowedAggregates)
    made = kind(Parts(node, type_, built.state, table, following, guard, results, built.relieve))
    if isinstance(made, Windowing):
        made.late_to = built.late(node)
        for child in node.children:
            if isinstance(child, Sink) and child.every is not None:
                sink = built.by_node[child]
                assert isinstance(sink, operators.Sending)
                made.tell(sink, child.every)
    return made


def _branches(node: Branch, following: list[Operator], built: Built) -> Operator:
    arms = {child.number: built.by_node[child] for child in node.children if isinstance(child, Arm)}
    return Branching(built.guard(node), node.predicates, [arms[number] for number in sorted(arms)])


def _agent(node: Agent, following: list[Operator], built: Built) -> Operator:
    letters = built.letters_of(node)
    assert built.host is not None
    for name in node.states:
        if name not in built.stores:
            built.stores[name] = Store(built.state.table(state_of(name)))
    stores = {name: built.stores[name] for name in node.states}
    return Agents(node, built.host, lambda: built.reading, letters, built.outputs, stores)


def _keyed_agent(node: KeyedAgent, following: list[Operator], built: Built) -> Operator:
    letters = built.letters_of(node)
    stores = [one for one in following if isinstance(one, KeyedStore)]
    assert built.host is not None
    return KeyedAgents(node, stores, built.host, lambda: built.reading, letters, built.outputs)


def _sink(node: Sink, following: list[Operator], built: Built) -> Operator:
    sending = operators.Sending(built.guard(node), node.topic, built.outputs, node.key)
    if node.pause is None:
        return sending
    (table,) = node.parents
    left = built.state.table(f"{table.name}-to-{node.topic.name}")
    if not node.pause and next(left.scan(), None) is None:
        return sending
    return Coalescing(node.pause, left, table.type, [sending], built.relieve)


def _deduplicated(node: Deduplicated, following: list[Operator], built: Built) -> Operator:
    tables = built.state.table
    held = Held(tables(f"{node.name}-held"), node.type, built.state.watermark)
    for one in waiting_before(tables(f"{node.name}-waiting"), node.type):
        held.add(one)
    forgetting = tables(f"{node.name}-forgetting")
    return Deduplicating(node, tables(node.name), held, forgetting, following, built.guard(node))


_MAKERS: dict[type[Node], Maker] = {
    **MAKERS,
    Source: lambda node, following, built: operators.Step(following),
    Agent: _agent,
    Arm: lambda node, following, built: operators.Step(following),
    Branch: _branches,
    Deduplicated: _deduplicated,
    Punctuated: lambda node, following, built: Punctuation(
        node, built.state.table(node.name), following, built.outputs
    ),
    Merge: lambda node, following, built: operators.Step(following),
    Map: lambda node, following, built: operators.Mapping(
        built.guard(node), node.function, following
    ),
    Filter: lambda node, following, built: operators.Filtering(
        built.guard(node), node.function, following
    ),
    FlatMap: lambda node, following, built: operators.FlatMapping(
        built.guard(node), node.function, following
    ),
    Peek: lambda node, following, built: operators.Peeking(
        built.guard(node), node.function, following
    ),
    KeyBy: lambda node, following, built: operators.Keying(built.guard(node), node.key, following),
    KeyedAgent: _keyed_agent,
    Spread: lambda node, following, built: operators.Step(following),
    Kept: lambda node, following, built: KeyedStore(
        node, built.state.table(node.name), built.outputs
    ),
    Sink: _sink,
    Aggregated: _aggregates,
}
