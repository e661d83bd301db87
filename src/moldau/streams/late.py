"""Where records go that come too late for a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moldau.streams import types
from moldau.streams.keying import other_key
from moldau.streams.program import Node, Sink, Topic

if TYPE_CHECKING:
    from moldau.streams.app import App


def send_late(app: App, node: Node, taken: Node, late: Topic | str | None) -> None:
    """`taken`: what makes the records that `node` takes. `late`: None: nowhere."""
    if late is None:
        return
    topic = app.topic(late, types.of_topic(taken.type)) if isinstance(late, str) else late
    key = other_key(taken, topic, is_updated=False)
    app.add(Sink(f"{node.name}-late", (node,), topic=topic, key=key, takes="late"))
