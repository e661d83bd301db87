"""What the state of a step depends on, in words: kept beside the state, so that a program that no
longer fits its state is refused, and told why (promise 11; `misfits.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from moldau.streams.aggregates import Aggregate
from moldau.streams.program import Agent, Kept, Keyed, Node
from moldau.streams.topology import Stage

# Nor is state made of how many handlers run.
_OF_EVERY_NODE = {field.name for kind in (Node, Agent) for field in fields(kind)}


def shapes(stage: Stage) -> dict[str, str]:
    """Of each of its steps that keep state, and of what its handlers keep."""
    shapes = {node.name: _shape(node) for node in stage.nodes if isinstance(node, Keyed | Kept)}
    agents = (node for node in stage.nodes if isinstance(node, Agent))
    return {**shapes, **{state_of(name): "values by key" for one in agents for name in one.states}}


def depends_on_count(stage: Stage) -> bool:
    """Do more partitions of what it reads put keys elsewhere than its state, or that of others?"""
    return bool(stage.reads or stage.writes or shapes(stage))


def state_of(name: str) -> str:
    """What the values of `app.state(name)` are called among those of steps."""
    return f"state {name}"


def _shape(node: Keyed | Kept) -> str:
    told = [
        f"{field.name} {_told(getattr(node, field.name))}"
        for field in fields(node)
        if field.name not in _OF_EVERY_NODE
    ]
    return ", ".join([type(node).__name__.lower(), *(one for one in told if one[-1] != " ")])


def _told(value: Any) -> str:
    """Nothing of what may change without harm, as functions."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name} = {_told(one)}" for name, one in value.items())
    if isinstance(value, Aggregate):
        taken = value.field if isinstance(value.field, tuple) else (value.field,)
        named = (one for one in (*taken, value.by) if isinstance(one, str))
        return f"{value.kind}({', '.join(named)})"
    if value is None or callable(value):
        return ""
    return str(value)
