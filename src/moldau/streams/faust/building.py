"""What an app becomes when it runs: nodes of the engine, for its agents and their tables."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from moldau.streams.program import Node

if TYPE_CHECKING:
    from moldau.streams.faust.app import App
    from moldau.streams.faust.tables import Table

_LOG = logging.getLogger("moldau.faust")


def build(app: App) -> None:
    """Raises DefinitionError."""
    app.discover()
    _configure(app)
    _take_times(app)
    users: dict[Table, list[Node]] = {}
    for agent in app.agents.values():
        node = agent.node()
        for table in agent.tables():
            users.setdefault(table, []).append(node)
    for table, nodes in users.items():
        app.core.add(table.node(tuple(nodes)))


def _configure(app: App) -> None:
    """What was said of `app.conf` since."""
    app.signals["on_before_configured"].send(app)
    app.signals["on_configured"].send(app, app.conf)
    app.signals["on_after_configured"].send(app)
    app.core.bootstrap_servers = app.conf.bootstrap_servers


def _take_times(app: App) -> None:
    """Tables that are relative to a field say what the time of their agents' topics is."""
    for agent in app.agents.values():
        windows = [one.window for one in agent.tables() if one.window is not None]
        fields = {one.field for one in windows if one.field is not None}
        if len(fields) == 1:
            agent.channel.by_time_of(fields.pop())
        elif fields:
            _LOG.warning(
                "agent %s has tables relative to %s: all of them close by the time of the records",
                agent.name,
                ", ".join(sorted(one.ident for one in fields)),
            )
