"""Ports to any Kafka. For programs: `java_config`, imported when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moldau.client.java_names import JavaConfigError as JavaConfigError
    from moldau.client.java_names import JavaConfigWarning as JavaConfigWarning
    from moldau.client.java_names import java_config as java_config

__all__ = ["JavaConfigError", "JavaConfigWarning", "java_config"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'moldau.client' has no attribute {name!r}; it has {__all__}")
    from moldau.client import java_names

    return getattr(java_names, name)
