"""Kafka for Python people.

    import moldau

    with moldau.Broker() as broker:
        print(broker.bootstrap_servers)

    app = moldau.App("revenue", "localhost:9092")

What is offered here is imported when it is first used, so `import moldau` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moldau.version import __version__ as __version__

if TYPE_CHECKING:
    from moldau.server.embedded import Broker as Broker
    from moldau.server.embedded import BrokerError as BrokerError
    from moldau.streams import testing as testing
    from moldau.streams.aggregates import collect as collect
    from moldau.streams.aggregates import count as count
    from moldau.streams.aggregates import count_distinct as count_distinct
    from moldau.streams.aggregates import distinct as distinct
    from moldau.streams.aggregates import first as first
    from moldau.streams.aggregates import fold as fold
    from moldau.streams.aggregates import last as last
    from moldau.streams.aggregates import max as max
    from moldau.streams.aggregates import mean as mean
    from moldau.streams.aggregates import min as min
    from moldau.streams.aggregates import sum as sum
    from moldau.streams.aggregates import top_k as top_k
    from moldau.streams.app import App as App
    from moldau.streams.engine.lanes import RecordStream as RecordStream
    from moldau.streams.engine.scope import current as current
    from moldau.streams.formats.avro import Avro as Avro
    from moldau.streams.formats.protobuf import Protobuf as Protobuf
    from moldau.streams.formats.registry import Registry as Registry
    from moldau.streams.policies import retry as retry


_EMBEDDED, _AGGREGATES = "moldau.server.embedded", "moldau.streams.aggregates"
_OFFERED = {
    "App": "moldau.streams.app",
    "Avro": "moldau.streams.formats.avro",
    "Broker": _EMBEDDED,
    "BrokerError": _EMBEDDED,
    "RecordStream": "moldau.streams.engine.lanes",
    "Protobuf": "moldau.streams.formats.protobuf",
    "Registry": "moldau.streams.formats.registry",
    "collect": _AGGREGATES,
    "count": _AGGREGATES,
    "count_distinct": _AGGREGATES,
    "current": "moldau.streams.engine.scope",
    "distinct": _AGGREGATES,
    "first": _AGGREGATES,
    "fold": _AGGREGATES,
    "last": _AGGREGATES,
    "max": _AGGREGATES,
    "mean": _AGGREGATES,
    "min": _AGGREGATES,
    "retry": "moldau.streams.policies",
    "sum": _AGGREGATES,
    "top_k": _AGGREGATES,
}
_MODULES = {"testing": "moldau.streams.testing"}
__all__ = [
    "App",
    "Avro",
    "Broker",
    "BrokerError",
    "Protobuf",
    "RecordStream",
    "Registry",
    "__version__",
    "collect",
    "count",
    "count_distinct",
    "current",
    "distinct",
    "first",
    "fold",
    "last",
    "max",
    "mean",
    "min",
    "retry",
    "sum",
    "testing",
    "top_k",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(_MODULES[name])
    if name not in _OFFERED:
        raise AttributeError(f"module 'moldau' has no attribute {name!r}; it has {__all__}")
    return getattr(import_module(_OFFERED[name]), name)
