"""A program as a picture: topics and steps in columns, from what is read to what is written."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from html import escape
from itertools import count, pairwise
from typing import NamedTuple

from moldau.streams.join_nodes import GlobalLookup
from moldau.streams.program import KeyBy, Node, Sink, Source
from moldau.streams.topology import Topology

_WIDTH, _HEIGHT, _ACROSS, _DOWN, _MARGIN = 170, 40, 230, 64, 24
_TOPIC = "#f3e9d2"
_STAGES = ("#dbe9f6", "#dff0de", "#f8dede", "#e8e0f3", "#fdf1c9", "#e2e2e2")


class _Box(NamedTuple):
    name: str
    what: str
    color: str
    is_topic: bool


def _step(node: Node) -> str:
    return f"step {node.name}"


class _Graph:
    def __init__(self, made: Topology) -> None:
        self.boxes: dict[str, _Box] = {}
        self.edges: list[tuple[str, str]] = []
        self._written: set[tuple[str, str]] = set()  # edges from a sink to its topic
        for number, stage in enumerate(made.stages):
            for node in stage.nodes:
                verb, color = type(node).__name__.lower(), _STAGES[number % len(_STAGES)]
                if isinstance(node, KeyBy):
                    verb += f" {node.label}"
                self.boxes[_step(node)] = _Box(node.name, verb, color, False)
                self._connect(node, {(one.node, one.target): one.name for one in stage.reads})

    def _connect(self, node: Node, crossed: Mapping[tuple[Node, Node], str]) -> None:
        """`crossed`: the repartition topic between a step of another stage and one of this."""
        for parent in node.parents:
            before = _step(parent)
            if (parent, node) in crossed:
                between = self._topic(crossed[parent, node])
                self.edges.append((before, between))
                before = between
            self.edges.append((before, _step(node)))
        if isinstance(node, Source | GlobalLookup):
            self.edges.append((self._topic(node.topic.name), _step(node)))
        if isinstance(node, Sink):
            written = (_step(node), self._topic(node.topic.name))
            self.edges.append(written)
            self._written.add(written)

    def _topic(self, name: str) -> str:
        self.boxes.setdefault(f"topic {name}", _Box(name, "topic", _TOPIC, True))
        return f"topic {name}"

    def columns(self) -> dict[str, int]:
        """Each box behind all that it takes from, but for what goes round to a topic that the
        program reads."""
        before: dict[str, list[str]] = {name: [] for name in self.boxes}
        for start, end in self.edges:
            before[end].append(start)
        column: dict[str, int] = {}
        for name in self._in_order(before):
            column[name] = max((column[one] + 1 for one in before[name]), default=0)
        return column

    def _in_order(self, before: dict[str, list[str]]) -> list[str]:
        """Of each circle the way back is taken out: to the topic of it that comes first."""
        places = list(self.boxes)
        while True:
            try:
                return list(TopologicalSorter(before).static_order())
            except CycleError as error:
                back = self._written & set(pairwise(error.args[1]))
                start, end = min(back, key=lambda edge: places.index(edge[1]))
                before[end].remove(start)


def svg(made: Topology) -> str:
    graph = _Graph(made)
    column = graph.columns()
    rows = {number: count() for number in column.values()}
    places = {
        name: (_MARGIN + column[name] * _ACROSS, _MARGIN + next(rows[column[name]]) * _DOWN)
        for name in graph.boxes
    }
    width = max(x for x, _ in places.values()) + _WIDTH + _MARGIN
    height = max(y for _, y in places.values()) + _HEIGHT + _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(made.app)}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0 8 4 0 8z" fill="#777"/></marker>',
        *(_line(places[before], places[behind]) for before, behind in graph.edges),
        *(_drawn(box, places[name]) for name, box in graph.boxes.items()),
        "</svg>",
    ]
    # In ASCII it is the same in every encoding that a file or stdout may have.
    return ("\n".join(lines) + "\n").encode("ascii", "xmlcharrefreplace").decode()


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1 = start[0] + _WIDTH, start[1] + _HEIGHT // 2
    x2, y2 = end[0], end[1] + _HEIGHT // 2
    bend = max(30, (x2 - x1) // 2)
    return (
        f'<path d="M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}" fill="none" '
        f'stroke="#777" marker-end="url(#tip)"/>'
    )


def _drawn(box: _Box, place: tuple[int, int]) -> str:
    x, y = place
    round_by = _HEIGHT // 2 if box.is_topic else 4
    middle = x + _WIDTH // 2
    name = box.name if len(box.name) <= 25 else f"{box.name[:24]}…"
    return (
        f"<g><title>{escape(box.name)}</title>"
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="{round_by}" '
        f'fill="{box.color}" stroke="#777"/>'
        f'<text x="{middle}" y="{y + 17}" text-anchor="middle">{escape(name)}</text>'
        f'<text x="{middle}" y="{y + 32}" text-anchor="middle" fill="#777" font-size="10">'
        f"{escape(box.what)}</text></g>"
    )
