"""A program in words: its stages, what each reads, does, keeps and writes."""

from __future__ import annotations

from typing import Any

from moldau.streams.join_nodes import GlobalLookup
from moldau.streams.loose_ends import loose_ends
from moldau.streams.program import Agent, KeyBy, Keyed, Node, Sink, Source
from moldau.streams.shapes import shapes
from moldau.streams.topology import Stage, Topology


def described(made: Topology) -> dict[str, Any]:
    """For programs: {app, stages: [{name, reads, changelog, steps: [{name, verb, of, topic,
    key, tables, state}], writes}]}. `of` names the steps that a step takes from, `key` the field
    that it brings together by, `tables` those whose rows its functions look up."""
    return {"app": made.app, "stages": [_stage(made, stage) for stage in made.stages]}


def as_text(made: Topology) -> str:
    """For people."""
    lines = [f"{made.app}: {_count(len(made.stages), 'stage')}"]
    for stage in described(made)["stages"]:
        lines += ["", f"{stage['name']} reads {', '.join(stage['reads'])}"]
        if any("state" in step for step in stage["steps"]):
            lines[-1] += f"; state in {stage['changelog']}"
        width = max(len(step["name"]) for step in stage["steps"])
        lines += [f"  {step['name']:<{width}}  {_step_line(step)}" for step in stage["steps"]]
        lines += [f"  {'':<{width}}  by key to {topic}" for topic in stage["writes"]]
    loose = loose_ends(made)
    return "\n".join([*lines, *([""] if loose else []), *loose])


def _stage(made: Topology, stage: Stage) -> dict[str, Any]:
    state = shapes(stage)
    return {
        "name": stage.name,
        "reads": stage.topics,
        "changelog": made.changelog(stage),
        "steps": [_step(node, state.get(node.name)) for node in stage.nodes],
        "writes": [one.name for one in stage.writes],
    }


def _step(node: Node, state: str | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": node.name,
        "verb": type(node).__name__.lower(),
        "of": [parent.name for parent in node.parents],
    }
    if node.tables:
        told["tables"] = [one.name for one in node.tables]
    if isinstance(node, Source | Sink | GlobalLookup):
        told["topic"] = node.topic.name
    if isinstance(node, KeyBy):
        told["key"] = node.label
    if isinstance(node, Keyed):
        told["state"] = state
    if isinstance(node, Agent):
        told["function"] = str(getattr(node.function, "__name__", node.function))
    return told


def _step_line(step: dict[str, Any]) -> str:
    """What it is, and whom it takes from where that is not plain from its place."""
    told = (step.get("state") or step["verb"]).split(", ")
    parts = [", ".join(one for one in told if not one.endswith(" False"))]
    parts += [step[name] for name in ("topic", "key", "function") if name in step]
    parts += [f"looks into {', '.join(step['tables'])}"] if "tables" in step else []
    return " ".join(parts) + (f"  < {', '.join(step['of'])}" if step["of"] else "")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")
