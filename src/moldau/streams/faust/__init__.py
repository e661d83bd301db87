"""Faust's names on the engine of `moldau.streams`.

Begin reading at `app.py`; then `agents.py` (what an agent is made of), `planning.py` (how its
records come to where their table is), `tables.py`.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from moldau.streams.engine.scope import current
from moldau.streams.faust import web
from moldau.streams.faust.agents import AgentOf as Agent
from moldau.streams.faust.app import App
from moldau.streams.faust.events import Event, current_event
from moldau.streams.faust.fields import ValidationError
from moldau.streams.faust.records import Record
from moldau.streams.faust.refusals import NotAvailable, refuse
from moldau.streams.faust.settings import Settings
from moldau.streams.faust.streams import Operations as Stream
from moldau.streams.faust.tables import SetTable, Table
from moldau.streams.faust.topics import Channel, Topic

StreamT, EventT, ChannelT, TopicT = Stream, Event, Channel, Topic

__all__ = [
    "Agent",
    "App",
    "Channel",
    "ChannelT",
    "Event",
    "EventT",
    "NotAvailable",
    "Record",
    "SetTable",
    "Settings",
    "Stream",
    "StreamT",
    "Table",
    "Topic",
    "TopicT",
    "ValidationError",
    "current",
    "current_event",
    "uuid",
    "web",
]


def uuid() -> str:
    return str(uuid4())


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise refuse(name)
