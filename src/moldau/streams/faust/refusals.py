"""What there is not, by name, and what to do instead."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from moldau.streams.errors import DefinitionError

_LOG = logging.getLogger("moldau.faust")
_INSTEAD = {
    "GlobalTable": "read the topic in every worker with moldau.App: a stream joined to a table",
    "Service": "write its start as @app.on_start, its loop as @app.task",
    "Worker": "run the program with app.main() or `moldau faust -A MODULE worker`",
    "Schema": "give the topic key_type=, value_type=, key_serializer= and value_serializer=",
    "test_context": "test the whole program: with moldau.testing.run(app) as t",
    "app.LiveCheck": "test the program with moldau.testing.run(app)",
    "app.consumer": "an agent of the topic: @app.agent(topic)",
    "app.loop": "code that is to run beside the records: @app.task",
    "app.producer": "topic.send(key=, value=)",
    "app.service": "write its start as @app.on_start, its loop as @app.task",
    "app.stream": "an agent of the topic: @app.agent(topic)",
    "app.monitor": "the worker's own metrics: docs/streams/watching.md",
    "app.web": "@app.page with the whole path",
    "LiveCheck": "test the program with moldau.testing.run(app)",
    "Sensor": "count in the agent, and send the counts to a topic",
    "Monitor": "count in the agent, and send the counts to a topic",
}


class NotAvailable(DefinitionError, AttributeError):
    """Faust has it, `moldau.faust` does not. The text says what to do instead."""


def refuse(name: str, why: str = "") -> NotAvailable:
    instead = why or _INSTEAD.get(name, "docs/faust.md lists what there is")
    return NotAvailable(f"moldau.faust has no {name}; instead: {instead}")


def nothing(what: str, options: dict[str, Any], known: Sequence[str]) -> None:
    """Says of options that they do nothing. Raises NotAvailable for unknown ones."""
    for name, value in options.items():
        if name not in known:
            raise refuse(f"{what}({name}=)")
        _LOG.warning("%s(%s=%r) does nothing here: see docs/faust.md", what, name, value)
