"""The settings of `faust.App(...)`: taken, passed over with a word, or refused by name."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from moldau.client.near_names import nearest
from moldau.streams.errors import DefinitionError
from moldau.streams.faust.refusals import refuse

_LOG = logging.getLogger("moldau.faust")
_NOT_NEEDED = {
    "store": "state is in files of this machine, and in the changelog",
    "datadir": "state is kept in moldau-streams of the user's data folder",
    "tabledir": "state is kept in moldau-streams of the user's data folder",
    "stream_wait_empty": "a worker ends what it has begun",
    "stream_publish_on_commit": "what a record sends goes out when it ends",
    "table_cleanup_interval": "windows close by event time",
    "table_standby_replicas": "a table that moves is read from its changelog",
    "topic_replication_factor": "topics are made with the broker's default",
    "topic_allow_declare": "topics that are missing are made",
    "topic_disable_leader": "there is no leader",
    "origin": "name the modules: autodiscover=['shop.agents']",
    "loghandlers": "set up logging as in any program",
    "logging_config": "set up logging as in any program",
    "blocking_timeout": "a slow handler pauses its partitions",
    "debug": "there is no such mode",
    "quiet": "there is nothing to be quiet about",
}
_PREFIXES = {
    "web_": "a page says itself what it answers",
    "canonical_url": "workers find each other through a topic of the program",
    "broker_": "the client's settings are librdkafka's: config={'session.timeout.ms': 30000}",
    "consumer_": "the client's settings are librdkafka's: config={'fetch.min.bytes': 1}",
    "producer_": "the client's settings are librdkafka's: config={'linger.ms': 20}",
    "stream_": "the engine sees to it",
    "agent_": "an agent that fails begins again with its record",
    "worker_": "see `moldau faust worker --help`",
    "reply_": "answers go to one topic of the program",
    "ssl_context": "config={'security.protocol': 'SSL', 'ssl.ca.location': …}",
}
_REFUSED = {
    "broker_credentials": "config={'security.protocol': 'SASL_SSL', 'sasl.mechanism': …}",
    "ssl_context": "config={'security.protocol': 'SSL', 'ssl.ca.location': …}",
    "Agent": "@app.agent as it is",
    "Table": "app.Table as it is",
}


@dataclass
class Settings:
    id: str
    broker: Any = "kafka://localhost:9092"
    version: int = 1
    autodiscover: Any = False
    processing_guarantee: str = "at_least_once"
    key_serializer: Any = "raw"
    value_serializer: Any = "json"
    topic_partitions: int = 8
    broker_commit_interval: float | timedelta = 1.0
    timezone: Any = "UTC"
    web_enabled: bool = True
    web_bind: str = "localhost"
    web_host: str | None = None  # as web_bind
    web_port: int = 6066
    config: Mapping[str, Any] = field(default_factory=dict)

    def __setattr__(self, name: str, value: Any) -> None:
        """`app.conf.broker = …` counts until the program runs. Raises DefinitionError."""
        why = None if name in self.__dataclass_fields__ else _not_needed(name)
        if why is not None:
            _LOG.warning("app.conf.%s = %r does nothing here: %s", name, value, why)
        elif name not in self.__dataclass_fields__:
            raise _unknown(name)
        object.__setattr__(self, name, value)

    @property
    def name(self) -> str:
        """Group and internal topics are of a version."""
        return self.id if self.version == 1 else f"{self.id}-v{self.version}"

    @property
    def http(self) -> str:
        """Where pages are served. A host is there for all who can reach it: so it is said."""
        host = self.web_host or self.web_bind
        return f"{f'[{host}]' if ':' in host else host}:{self.web_port}"

    @property
    def bootstrap_servers(self) -> str:
        given = self.broker if isinstance(self.broker, (list, tuple)) else str(self.broker)
        many = given.split(";") if isinstance(given, str) else [str(one) for one in given]
        return ",".join(_server(place) for one in many for place in one.split(",") if place)


def settings(id: str, options: Mapping[str, Any]) -> Settings:
    """Raises DefinitionError."""
    taken: dict[str, Any] = {}
    known = Settings.__dataclass_fields__
    for name, value in options.items():
        if name in known:
            taken[name] = value
        elif name == "consumer_auto_offset_reset":
            if value != "earliest":
                raise refuse(f"{name}={value!r}", "begin at the beginning, and pass old records by")
        elif name in _REFUSED:
            raise refuse(f"App({name}=)", _REFUSED[name])
        elif (why := _not_needed(name)) is not None:
            _LOG.warning("App(%s=%r) does nothing here: %s", name, value, why)
        else:
            raise _unknown(name)
    return Settings(id, **taken)


def _unknown(name: str) -> DefinitionError:
    near = nearest(name, [*Settings.__dataclass_fields__, *_NOT_NEEDED])
    hint = f"did you mean {near}?" if near else "docs/faust.md lists what there is"
    return DefinitionError(f"faust.App has no setting {name!r}; {hint}")


def _not_needed(name: str) -> str | None:
    found = [why for prefix, why in _PREFIXES.items() if name.startswith(prefix)]
    return _NOT_NEEDED.get(name) or (found[0] if found else None)


def _server(place: str) -> str:
    """`host:port` of `kafka://host:port`. Raises DefinitionError."""
    place = place.strip()
    scheme, separator, _ = place.partition("://")
    if separator and scheme not in ("kafka", "aiokafka", "confluent"):
        raise DefinitionError(
            f"broker={place!r}: it must be kafka://HOST:PORT; without a broker, test with "
            f"moldau.testing.run(app)"
        )
    parts = urlsplit(place if separator else f"kafka://{place}")
    return f"{parts.hostname}:{parts.port or 9092}"
