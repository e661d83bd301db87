"""Cuts a program into stages: what one task can do without records of another partition.

Between stages records travel through repartition topics, by key. A stage's steps run as one piece;
partition p of all its input topics is one task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moldau.streams.errors import DefinitionError
from moldau.streams.program import KeyBy, Keyed, Node, Sink, Source, Topic


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

    def count(self, partitions: Mapping[str, int]) -> int:
        """How many tasks it has, where topics have so many partitions."""
        return max(partitions[topic] for topic in self.topics if topic != self.redrive)

    @property
    def is_stateful(self) -> bool:
        return any(isinstance(node, Keyed) for node in self.nodes)


@dataclass
class Topology:
    app: str
    stages: list[Stage]

    @property
    def repartitions(self) -> list[Repartition]:
        return [one for stage in self.stages for one in stage.writes]

    @property
    def source_topics(self) -> dict[str, Topic]:
        return {s.topic.name: s.topic for stage in self.stages for s in stage.sources}

    @property
    def sink_topics(self) -> dict[str, Topic]:
        sinks = (n for stage in self.stages for n in stage.nodes if isinstance(n, Sink))
        return {sink.topic.name: sink.topic for sink in sinks}

    def changelog(self, stage: Stage) -> str:
        return f"{self.app}-{stage.name}-changelog"


def topology(app: str, nodes: list[Node]) -> Topology:
    """Raises DefinitionError for a program that does nothing."""
    if not any(isinstance(node, Source) for node in nodes):
        raise DefinitionError(f"the program {app!r} reads no topic: begin with app.stream(topic)")
    cuts = _cuts(app, nodes)
    stages = _stages(nodes, {(cut.node, cut.target) for cut in cuts})
    for cut in cuts:
        for stage in stages:
            if cut.node in stage.nodes:
                stage.writes.append(cut)
            if cut.target in stage.nodes:
                stage.reads.append(cut)
    for stage in stages:
        stage.redrive = redrive_topic(app, stage.name)
    return Topology(app, stages)


def redrive_topic(app: str, stage: str) -> str:
    return f"{app}-{stage}-redrive"


def _cuts(app: str, nodes: list[Node]) -> list[Repartition]:
    return [
        Repartition(f"{app}-{node.name}-repartition", parent.type, parent, node)
        for node in nodes
        if isinstance(node, Keyed)
        for parent in node.parents
        if _has_new_key(parent)
    ]


def _has_new_key(node: Node) -> bool:
    """Have the records that leave it another key than those of the partition they came in?"""
    if isinstance(node, KeyBy):
        return True
    if isinstance(node, Source):
        return False
    return any(_has_new_key(parent) for parent in node.parents)


def _stages(nodes: list[Node], cut: set[tuple[Node, Node]]) -> list[Stage]:
    """Groups the nodes that are connected without a cut, in the order of the program."""
    stage_of: dict[Node, Stage] = {}
    stages: list[Stage] = []
    for node in nodes:
        joined = {
            id(stage_of[parent]): stage_of[parent]
            for parent in node.parents
            if (parent, node) not in cut
        }
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
