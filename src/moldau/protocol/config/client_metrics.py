"""The configs of subscriptions to clients' metrics (KIP-714): the table and the checks.

Source: ClientMetricsConfigs of Apache Kafka 4.3.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from moldau.protocol.config.definition import (
    Definition,
    InvalidConfig,
    Value,
    default_value,
    parse,
    table,
    unknown_name,
)

# In Kafka's order of definition: the first wrong one is the one that an error names.
_TABLE: Final = """
metrics     list ''     list
interval.ms int  300000 -
match       list ''     list
"""
CLIENT_METRICS: Final[Mapping[str, Definition]] = MappingProxyType(table(_TABLE))
_SHORTEST_MS, _LONGEST_MS = 100, 3_600_000
_MATCHED: Final = frozenset(
    (
        "client_instance_id",
        "client_id",
        "client_software_name",
        "client_software_version",
        "client_source_address",
        "client_source_port",
    )
)
# What Java's regular expressions have and Python's spell otherwise, or not at all.
_JAVA_SPELLING: Final = (
    (re.compile(r"\\Q(.*?)(?:\\E|$)"), lambda m: re.escape(m[1])),
    (re.compile(r"\\[pP](?:\{[\w=]+\}|[A-Z])|\\[hHvVRX]"), lambda _: r"\w"),
    (re.compile(r"\(\?<(?=[A-Za-z])"), lambda _: "(?P<"),
    (re.compile(r"\\z"), lambda _: r"\Z"),
)


class InvalidSubscription(ValueError):
    """A subscription that Kafka would refuse as INVALID_REQUEST; the text is Kafka's own."""


def client_metrics_config(overrides: Mapping[str, str]) -> dict[str, Value]:
    """The typed values of a subscription. Raises InvalidConfig."""
    return {
        name: parse(definition, overrides[name]) if name in overrides else default_value(definition)
        for name, definition in CLIENT_METRICS.items()
    }


def validate_client_metrics(overrides: Mapping[str, str]) -> None:
    """Checks what a user sets. Raises InvalidSubscription, or InvalidConfig for what Kafka answers
    with INVALID_CONFIG."""
    unknown = unknown_name(overrides, CLIENT_METRICS)
    if unknown is not None:
        raise InvalidSubscription(f"Unknown client metrics configuration: {unknown}")
    values = client_metrics_config(overrides)
    interval, patterns = values["interval.ms"], values["match"]
    assert isinstance(interval, int)
    if not _SHORTEST_MS <= interval <= _LONGEST_MS:
        raise InvalidSubscription(
            f"Invalid value {interval} for interval.ms, interval must be between "
            f"{_SHORTEST_MS} and {_LONGEST_MS} (1 hour)"
        )
    assert isinstance(patterns, tuple)
    for pattern in patterns:
        if not _is_match(pattern):
            raise InvalidConfig(f"Illegal client matching pattern: {pattern}")


def _is_match(pattern: str) -> bool:
    """`client_id=regular expression`; blanks around both are no part of them."""
    parts = pattern.split("=")
    while parts and not parts[-1]:  # as Java's String.split
        parts.pop()
    return len(parts) == 2 and parts[0].strip() in _MATCHED and _is_expression(parts[1].strip())


def _is_expression(text: str) -> bool:
    for java, python in _JAVA_SPELLING:
        text = java.sub(python, text)
    try:
        re.compile(text)
    except re.error:
        return False
    return True
