"""Which tables the functions of a program look into: a step and the tables that it looks into are
of one stage, and its records lie where their keys do, as for a join at="now"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moldau.streams.aggregates import Aggregate
from moldau.streams.in_handlers import InHandlers
from moldau.streams.join_nodes import Brought, ForeignJoin, Joined, Regrouped, Tabled
from moldau.streams.program import Aggregated, KeyBy, Keyed, Node, Sink, Source
from moldau.streams.seen import seen

_NOT_OF_FUNCTIONS = {
    "parents",
    "children",
    "type",
    "policy",
    "tables",
    "written",
    "topic",
    "window",
}


def link(nodes: list[Node]) -> None:
    """Each step is told its tables, once; what these need is among the nodes then."""
    if not any(isinstance(one, Tabled | Aggregated) for one in nodes):
        return
    for node in list(nodes):
        if node.tables is None:
            named = [] if isinstance(node, Source | Sink) else seen(_functions(node), InHandlers)
            node.tables = tuple(step for one in named for step in one.steps_in(nodes))
            if node.tables and not isinstance(node, Keyed | Joined):
                _bring(node, nodes)


def _functions(node: Node) -> list[Any]:
    given = (value for name, value in vars(node).items() if name not in _NOT_OF_FUNCTIONS)
    return [part for value in given for part in _parts(value)]


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):  # of aggregates
        return [part for one in value.values() for part in _parts(one)]
    return vars(value).values() if isinstance(value, Aggregate) else [value]


def _bring(node: Node, nodes: list[Node]) -> None:
    """Its records to the partition of their key, where they are not."""
    (parent,) = node.parents
    if not has_new_key(parent):
        return
    name = f"{node.name}-by-key"
    made = Brought(name, (parent,), parent.type, parent.keyed_by, keeps_no_key=True)
    made.policy, made.tables = node.policy, ()
    parent.children[parent.children.index(node)] = parent.children.pop()
    node.parents = (made,)
    made.children.append(node)
    nodes.insert(nodes.index(node), made)


def has_new_key(node: Node) -> bool:
    """Have the records that leave it another key than those of the partition they came in?"""
    if isinstance(node, KeyBy | Regrouped | ForeignJoin):
        return True
    if isinstance(node, Source | Keyed):  # what is keyed has been brought together
        return False
    return any(has_new_key(parent) for parent in node.parents)


def neighbours(nodes: Iterable[Node]) -> dict[Node, list[Node]]:
    """Of each step the tables that it looks into, and of each table the steps that do."""
    found: dict[Node, list[Node]] = {}
    for node in nodes:
        for table in node.tables or ():
            found.setdefault(node, []).append(table)
            found.setdefault(table, []).append(node)
    return found
