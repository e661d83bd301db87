"""Cuts a program into stages: what one task can do without records of another partition.

Between stages records travel through repartition topics, by key. A stage's steps run as one piece;
partition p of all its input topics is one task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moldau.streams.arguments import legal
from moldau.streams.engine.frames import FrameFormat
from moldau.streams.errors import DefinitionError
from moldau.streams.join_nodes import Everywhere, GlobalLookup, Joined, Latest, Side, Tabled
from moldau.streams.linking import has_new_key, link, neighbours
from moldau.streams.program import Keyed, Node, Partitioner, Sink, Source, Topic


@dataclass(frozen=True)
class Repartition:
    """An internal topic between two stages. `lateness` has been judged before it."""

    name: str
    type: Any
    node: Node  # what is sent there
    target: Node  # what reads it


@dataclass
class Stage:
    """`name` is stable under changes of stateless steps: that of its first stateful step, or of
    its source."""

    name: str
    nodes: list[Node] = field(default_factory=list)
    reads: list[Repartition] = field(default_factory=list)
    writes: list[Repartition] = field(default_factory=list)
    redrive: str = ""  # the topic by which dead letters come back to it

    @property
    def sources(self) -> list[Source]:
        return [node for node in self.nodes if isinstance(node, Source)]

    @property
    def topics(self) -> list[str]:
        """What a task of the stage reads, the leading one first."""
        names = [source.topic.name for source in self.sources] + [one.name for one in self.reads]
        names += [self.redrive] if self.redrive else []
        return list(dict.fromkeys(names))

    def place_of(self, topic: str) -> int:
        """Of one of the user's, among those: by name, as what is declared first may change."""
        return sorted({source.topic.name for source in self.sources}).index(topic)

    def count(self, partitions: Mapping[str, int]) -> int:
        """How many tasks it has, where topics have so many partitions."""
        return max(partitions[topic] for topic in self.topics if topic != self.redrive)

    @property
    def is_joined(self) -> bool:
        """Must the same key lie in the same partition of all its topics?"""
        topics = set(self.topics) - {self.redrive}
        return len(topics) > 1 and (self.has_joins or any(one.tables for one in self.nodes))

    @property
    def has_joins(self) -> bool:
        """By key; else what `is_joined` is joined by functions that look into a table."""
        return any(isinstance(n, Joined) and not isinstance(n, GlobalLookup) for n in self.nodes)

    @property
    def joined_topics(self) -> set[str]:
        """The user's topics in which keys must lie where the partitioner puts them."""
        if not self.is_joined:
            return set()
        cut = {one.target for one in self.reads}
        sides = [one for one in self.nodes if isinstance(one, Side | Tabled | Latest) or one.tables]
        above = [one.parents[0] for one in sides if one not in cut]
        return {source.topic.name for node in above for source in _sources(node)}

    @property
    def partitioner(self) -> Partitioner:
        """Where keys lie in all its topics."""
        return self.sources[0].topic.partitioner if self.sources else "murmur2"

    @property
    def is_bounded(self) -> bool:
        """Has each of its sources until="end"?"""
        return bool(self.sources) and all(one.topic.until == "end" for one in self.sources)

    @property
    def is_stateful(self) -> bool:
        return any(isinstance(node, Keyed) for node in self.nodes)


@dataclass
class Topology:
    app: str
    stages: list[Stage]
    global_topics: dict[str, Topic] = field(default_factory=dict)  # every worker reads all of them

    @property
    def repartitions(self) -> list[Repartition]:
        return [one for stage in self.stages for one in stage.writes]

    @property
    def source_topics(self) -> dict[str, Topic]:
        return {s.topic.name: s.topic for stage in self.stages for s in stage.sources}

    @property
    def bounded_topics(self) -> set[str]:
        """That have until="end": of the user's, and by which letters come back to what ends."""
        names = {name for name, topic in self.source_topics.items() if topic.until == "end"}
        return names | {stage.redrive for stage in self.stages if stage.is_bounded}

    @property
    def is_bounded(self) -> bool:
        """Does it end when all of its sources have?"""
        sources = self.source_topics.values()
        return bool(sources) and all(topic.until == "end" for topic in sources)

    @property
    def sink_topics(self) -> dict[str, Topic]:
        sinks = (n for stage in self.stages for n in stage.nodes if isinstance(n, Sink))
        return {sink.topic.name: sink.topic for sink in sinks}

    def partitions(self, stage: Stage, known: Mapping[str, int]) -> int:
        """How many tasks the stage has, by how many partitions the topics that are known have."""
        sources = [known[source.topic.name] for source in stage.sources]
        if sources:
            return max(sources)
        writers = [one for one in self.stages if set(one.writes) & set(stage.reads)]
        return max(self.partitions(one, known) for one in writers)

    def changelog(self, stage: Stage) -> str:
        return changelog_topic(self.app, stage.name)


def topology(app: str, nodes: list[Node]) -> Topology:
    """Raises DefinitionError for a program that does nothing."""
    if not any(isinstance(node, Source) for node in nodes):
        raise DefinitionError(f"the program {app!r} reads no topic: begin with app.stream(topic)")
    link(nodes)
    everywhere = {one.topic.name: one.topic for one in nodes if isinstance(one, Everywhere)}
    nodes = [one for one in nodes if not isinstance(one, Everywhere)]
    inputs = [(node, node.parents[0]) for node in nodes if isinstance(node, Keyed)]
    is_cut = {node: has_new_key(parent) for node, parent in inputs}
    while True:
        cuts = [
            Repartition(f"{app}-{node.name}-repartition", parent.type, parent, node)
            for node, parent in inputs
            if is_cut[node]
        ]
        stages = _stages(nodes, {(cut.node, cut.target) for cut in cuts})
        for cut in cuts:
            next(one for one in stages if cut.node in one.nodes).writes.append(cut)
            next(one for one in stages if cut.target in one.nodes).reads.append(cut)
        around = _that_read_of_themselves(stages)
        if not around:
            for cut in cuts:
                legal(cut.name, f"step {cut.target.name!r}: its topic")
                FrameFormat(cut.type)  # or why there is none
            for stage in stages:
                stage.redrive = redrive_topic(app, stage.name)
                legal(changelog_topic(app, stage.name), f"step {stage.name!r}: its topic")
            return Topology(app, stages, everywhere)
        # What a stage makes comes back to it (a table joined to itself by another field): the
        # sources become a stage of their own. A stage that is nothing but joins has none to part.
        more = [
            node
            for stage in around
            for node in stage.nodes
            if isinstance(node, Keyed) and not is_cut[node] and _comes_from_source(node.parents[0])
        ]
        if not more:
            raise DefinitionError(
                f"the step {around[0].name!r} takes what is made of its own results: send them to "
                f"a topic, and read that"
            )
        is_cut.update(dict.fromkeys(more, True))


def _sources(node: Node) -> list[Source]:
    """Whose records reach it under the key that they came with."""
    if isinstance(node, Source):
        return [node]
    return [] if isinstance(node, Keyed) else [s for one in node.parents for s in _sources(one)]


def changelog_topic(app: str, stage: str) -> str:
    return f"{app}-{stage}-changelog"


def redrive_topic(app: str, stage: str) -> str:
    return f"{app}-{stage}-redrive"


def members_topic(app: str) -> str:
    """Which processes there are, and what each has (`watching/members.py`)."""
    return f"{app}-members"


def _comes_from_source(node: Node) -> bool:
    """Without a step between that keeps state."""
    if isinstance(node, Keyed):
        return isinstance(node, Tabled) and _comes_from_source(node.parents[0])
    return isinstance(node, Source) or any(map(_comes_from_source, node.parents))


def _that_read_of_themselves(stages: list[Stage]) -> list[Stage]:
    """Whose own records come back to them, by whatever way."""
    behind = {
        id(stage): {id(other) for other in stages if set(stage.writes) & set(other.reads)}
        for stage in stages
    }
    for _ in stages:
        for reached in behind.values():
            reached |= {far for near in list(reached) for far in behind[near]}
    return [stage for stage in stages if id(stage) in behind[id(stage)]]


def _stages(nodes: list[Node], cut: set[tuple[Node, Node]]) -> list[Stage]:
    """Groups the nodes that are connected without a cut, in the order of the program."""
    looked_into = neighbours(nodes)
    stage_of: dict[Node, Stage] = {}
    stages: list[Stage] = []
    for node in nodes:
        beside = [parent for parent in node.parents if (parent, node) not in cut]
        if isinstance(node, Source):  # a partition is read by one task
            beside = [
                one
                for one in stage_of
                if isinstance(one, Source) and one.topic.name == node.topic.name
            ]
        beside += [one for one in looked_into.get(node, ()) if one in stage_of]
        joined = {id(stage_of[one]): stage_of[one] for one in beside}
        if joined:
            stage, *others = joined.values()
            for other in others:
                stages.remove(other)
                stage.nodes += other.nodes
                stage_of.update(dict.fromkeys(other.nodes, stage))
        else:
            stage = Stage("")
            stages.append(stage)
        stage.nodes.append(node)
        stage_of[node] = stage
    for stage in stages:
        stage.name = _name(stage)
    return stages


def _name(stage: Stage) -> str:
    stateful = [node.name for node in stage.nodes if isinstance(node, Keyed)]
    return stateful[0] if stateful else stage.nodes[0].name
