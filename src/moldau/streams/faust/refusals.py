"""What there is not, by name, and what to do instead."""

from __future__ import annotations

from moldau.streams.errors import DefinitionError

_INSTEAD = {
    "GlobalTable": "read the topic in every worker with moldau.App: a stream joined to a table",
    "GlobalTable.": "as above",
    "Service": "write its start as @app.on_start, its loop as @app.task",
    "Worker": "run the program with app.main() or `moldau faust -A MODULE worker`",
    "Schema": "give the topic key_type=, value_type=, key_serializer= and value_serializer=",
    "Stream": "take it as the parameter of an agent",
    "Channel": "use a topic: what is in a channel is lost with its worker",
    "channel": "use a topic: what is in a channel is lost with its worker",
    "ask": "let the agent send its answer to a topic (sink=[topic]), and read that",
    "map": "send to the agent with send() or cast(), and read its answers from sink=[topic]",
    "kvmap": "send to the agent with send() or cast(), and read its answers from sink=[topic]",
    "join": "send to the agent with send() or cast(), and read its answers from sink=[topic]",
    "kvjoin": "send to the agent with send() or cast(), and read its answers from sink=[topic]",
    "test_context": "test the whole program: with moldau.testing.run(app) as t",
    "table_route": "serve it from a program of your own that reads the topic of results",
    "LiveCheck": "test the program with moldau.testing.run(app)",
    "Sensor": "count in the agent, and send the counts to a topic",
    "Monitor": "count in the agent, and send the counts to a topic",
}


class NotAvailable(DefinitionError, AttributeError):
    """Faust has it, `moldau.faust` does not. The text says what to do instead."""


def refuse(name: str, why: str = "") -> NotAvailable:
    instead = why or _INSTEAD.get(name, "docs/faust.md lists what there is")
    return NotAvailable(f"moldau.faust has no {name}; instead: {instead}")
