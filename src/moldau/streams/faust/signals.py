"""Hooks: functions that are told when something happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from inspect import isawaitable
from typing import Any

from moldau.streams.faust.streams import result_of

_LOG = logging.getLogger("moldau.faust")


class Signal:
    """`why`: it never happens here, and this is why."""

    def __init__(self, name: str, why: str = "") -> None:
        self.name = name
        self._why = why
        self._functions: list[Callable[..., Any]] = []

    def connect(self, function: Any = None, **_: Any) -> Any:
        """Decorates a function, as `@app.on_configured.connect`, with or without parentheses."""
        if function is None:
            return self.connect
        if self._why:
            _LOG.warning("%s never happens here: %s", self.name, self._why)
        self._functions.append(function)
        return function

    def send(self, *arguments: Any, **named: Any) -> None:
        for function in self._functions:
            made = function(*arguments, **named)
            if isawaitable(made):
                asyncio.run(result_of(made))


_MOVES = "tables move with their partitions, before their agents go on"
_HAPPEN = ("on_before_configured", "on_configured", "on_after_configured", "on_worker_init")
_NEVER = {
    "on_partitions_assigned": _MOVES,
    "on_partitions_revoked": _MOVES,
    "on_rebalance_complete": _MOVES,
    "on_before_shutdown": "say @app.program.on_stop",
    "on_produce_message": "give send() its headers=",
}


def signals() -> dict[str, Signal]:
    """Those of an app, by name."""
    made = {name: Signal(name) for name in _HAPPEN}
    return made | {name: Signal(name, why) for name, why in _NEVER.items()}
