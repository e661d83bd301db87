"""Faust's names on the engine of `moldau.streams`.

Begin reading at `app.py`; then `agents.py` (what an agent is made of), `planning.py` (how its
records come to where their table is), `tables.py`.
"""

from __future__ import annotations

from typing import Any

from moldau.streams.engine.scope import current
from moldau.streams.faust.app import App
from moldau.streams.faust.events import Event, current_event
from moldau.streams.faust.records import Record
from moldau.streams.faust.refusals import NotAvailable, refuse
from moldau.streams.faust.topics import Topic

__all__ = ["App", "Event", "NotAvailable", "Record", "Topic", "current", "current_event"]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise refuse(name)
