"""For annotations."""

from moldau.streams.faust.agents import AgentOf as AgentT
from moldau.streams.faust.app import App as AppT
from moldau.streams.faust.events import Event as EventT
from moldau.streams.faust.events import Message as Message
from moldau.streams.faust.records import Record as ModelT
from moldau.streams.faust.streams import Operations as StreamT
from moldau.streams.faust.tables import Table as TableT
from moldau.streams.faust.topics import Channel as ChannelT
from moldau.streams.faust.topics import Topic as TopicT

__all__ = [
    "AgentT",
    "AppT",
    "ChannelT",
    "EventT",
    "Message",
    "ModelT",
    "StreamT",
    "TableT",
    "TopicT",
]
