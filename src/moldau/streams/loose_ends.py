"""What a program makes and nobody reads: mostly a `.to` was forgotten. People are told where it is
written. No more than that: a function that ends in nothing may be there for what it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import NoneType

from moldau.streams.join_nodes import Brought, Latest, Tabled, TableMap
from moldau.streams.program import (
    Agent,
    Arm,
    Branch,
    FlatMap,
    Kept,
    KeyBy,
    Map,
    Node,
    Peek,
    Punctuated,
    Sink,
    Source,
)
from moldau.streams.topology import Topology
from moldau.streams.watching.readable import readables

_ENDS = (Agent, Kept, Peek, Punctuated, Sink)  # they do something
_UNUSED = (Source, Tabled, Latest, Brought)  # they do nothing yet


def loose_ends(made: Topology, *, is_asked: bool = False) -> list[str]:
    """In words. `is_asked`: tables can be asked for over HTTP. One with a name of its own may be
    there for that wherever it runs."""
    tables = readables(made)
    nodes = [node for stage in made.stages for node in stage.nodes]
    return [
        f"nobody reads what {node.name} makes{_place(node)}: {_remedy(node, node.name in tables)}"
        for node in _ends(nodes)
        if node.name not in tables or not (is_asked or _has_own_name(node))
    ]


def _ends(nodes: list[Node]) -> Iterator[Node]:
    """Steps that nothing is behind. What a branch leaves over may be one."""
    looked_into = {table for node in nodes for table in node.tables or ()}
    ends = {node for node in nodes if not any(map(_takes_results, node.children))} - looked_into
    for node in nodes:
        if isinstance(node, Branch):
            is_one = ends.issuperset(node.children)
        else:
            is_one = node in ends and not isinstance(node, (*_ENDS, *_UNUSED, Arm))
        if is_one and not (isinstance(node, Map) and node.type is NoneType):
            yield node


def _takes_results(child: Node) -> bool:
    return not (isinstance(child, Sink) and child.takes == "late")


def _has_own_name(node: Node) -> bool:
    return re.fullmatch(r"agg-\d+", node.name) is None


def _place(node: Node) -> str:
    return f" ({node.written})" if node.written else ""


def _remedy(node: Node, is_table: bool) -> str:
    if is_table:
        return "add .to(topic), or name= where /tables is asked for it"
    if isinstance(node, KeyBy):
        return "add what is done by key, as .agg(...), and .to(topic)"
    if isinstance(node, Map | FlatMap | TableMap):
        return "add .to(topic); a function that is called for what it does is for .peek"
    return "add .to(topic), or take it away"
