"""Topics with Faust's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moldau.streams import program
from moldau.streams.engine import scope
from moldau.streams.faust.codecs import Typed
from moldau.streams.faust.refusals import refuse

if TYPE_CHECKING:
    from moldau.streams.faust.app import App


def _serializer(given: Any, type_: Any, otherwise: Any) -> Any:
    options = getattr(type_, "_options", None) or {}
    return given or options.get("serializer") or otherwise


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
            _carried(value_type),
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
    ) -> scope.Held:
        """It goes out when the handler's record ends; `await` has nothing to wait for. `timestamp`
        in s since 1970. `force` changes nothing."""
        if callback is not None:
            raise refuse("send(callback=)", "what cannot be sent stops the worker, and is tried")
        if key_serializer is not None or value_serializer is not None:
            raise refuse("send(serializer)", "give the serializers to app.topic(...)")
        at = None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
        return self.made.send(
            value,
            key=key,
            timestamp=at,
            partition=partition,
            headers=None if headers is None else dict(headers),
        )

    send_soon = send

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


def _carried(value_type: Any) -> Any:
    """The type of its values where the engine carries them from task to task."""
    if value_type is None or not hasattr(value_type, "from_data"):
        return Any
    return value_type | None
