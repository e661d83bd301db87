"""Kafka for Python people.

    import moldau

    with moldau.Broker() as broker:
        print(broker.bootstrap_servers)

What is offered here is imported when it is first used, so `import moldau` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moldau.server.embedded import Broker as Broker
    from moldau.server.embedded import BrokerError as BrokerError

__version__ = "0.1.0"
__all__ = ["Broker", "BrokerError", "__version__"]

_OFFERED = {"Broker": "moldau.server.embedded", "BrokerError": "moldau.server.embedded"}


def __getattr__(name: str) -> Any:
    if name not in _OFFERED:
        raise AttributeError(f"module 'moldau' has no attribute {name!r}; it has {__all__}")
    from importlib import import_module

    return getattr(import_module(_OFFERED[name]), name)
