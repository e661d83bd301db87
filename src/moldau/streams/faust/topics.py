"""Topics with Faust's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moldau.streams import program
from moldau.streams.engine.outputs import Output
from moldau.streams.engine.scope import SCOPE, Held
from moldau.streams.event_time import EventTime
from moldau.streams.faust.calls import unwrapped
from moldau.streams.faust.codecs import Typed
from moldau.streams.faust.outside import Delivery
from moldau.streams.faust.refusals import refuse
from moldau.streams.faust.windows import field_ms

if TYPE_CHECKING:
    from moldau.streams.faust.app import App


def _serializer(given: Any, type_: Any, otherwise: Any) -> Any:
    options = getattr(type_, "_options", None) or {}
    return given or options.get("serializer") or otherwise


Sending = Held | Delivery


class Topic:
    """`made`: what it is to the engine."""

    def __init__(
        self,
        app: App,
        name: str,
        key_type: Any = None,
        value_type: Any = None,
        key_serializer: Any = None,
        value_serializer: Any = None,
        partitions: int | None = None,
    ) -> None:
        conf = app.conf
        self.app = app
        self.name = name
        self.key_type = key_type
        self.value_type = value_type
        self.partitions = partitions or conf.topic_partitions
        core = app.core
        self.made = program.Topic(
            name,
            Any,
            Typed(value_type, _serializer(value_serializer, value_type, conf.value_serializer)),
            Typed(key_type, _serializer(key_serializer, key_type, conf.key_serializer)),
            partitions=self.partitions,
            idle_after=app.idle_after_ms,
            policy=core.policy,
        )
        core.topics.setdefault(name, self.made)

    def send(
        self,
        *,
        key: Any = None,
        value: Any = None,
        partition: int | None = None,
        timestamp: float | None = None,
        headers: Mapping[str, bytes] | list[tuple[str, bytes]] | None = None,
        key_serializer: Any = None,
        value_serializer: Any = None,
        callback: Any = None,
        force: bool = False,
    ) -> Sending:
        """In a program that runs it goes out when the handler's record ends, and `await` has
        nothing to wait for. Elsewhere it goes out now; `await` says where it went. `timestamp` in
        s since 1970. `force` changes nothing."""
        if callback is not None:
            raise refuse("send(callback=)", "what cannot be sent stops the worker, and is tried")
        if key_serializer is not None or value_serializer is not None:
            raise refuse("send(serializer)", "give the serializers to app.topic(...)")
        made, at = self.made, None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
        if SCOPE.get(None) is not None:
            many = None if headers is None else dict(headers)
            return made.send(value, key=key, timestamp=at, partition=partition, headers=many)
        output = Output(
            self.name,
            partition,
            None if key is None else made.key_format.encode(key),
            None if value is None else made.format.encode(value),
            None if timestamp is None else round(timestamp * 1000),
            None if headers is None else list(dict(headers).items()),
        )
        return self.app.outside.send(output)

    send_soon = send

    def by_time_of(self, field: Any) -> None:
        """When a record was is in that field."""
        time = EventTime(lambda value: field_ms(field, unwrapped(value)), "ms")
        made = replace(self.made, event_time=time)
        self.made = self.app.core.topics[self.name] = made

    async def declare(self) -> None:
        """Topics are made, where they are missing, when the worker starts."""

    maybe_declare = declare

    def get_topic_name(self) -> str:
        return self.name

    def stream(self, **_: Any) -> Any:
        raise refuse("topic.stream()", "@app.agent(topic)")

    def __repr__(self) -> str:
        return f"<Topic {self.name}>"

    def __str__(self) -> str:
        return self.name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise refuse(f"topic.{name}")


class Channel(Topic):
    """As a topic of the program's own: what is in it is not lost with its worker."""

    def put(self, value: Any) -> Sending:
        return self.send(value=value)

    async def get(self, *, timeout: float | None = None) -> Any:
        raise refuse("channel.get()", "@app.agent(channel)")

    def __aiter__(self) -> Any:
        raise refuse("async for … in channel", "@app.agent(channel)")
