"""The configs of groups: the table, the checks, effective values.

Source: GroupConfig of Apache Kafka 4.3.1.
"""

from __future__ import annotations

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

_GROUP_TABLE: Final = """
consumer.session.timeout.ms        int    45000            >=1
consumer.heartbeat.interval.ms     int    5000             >=1
consumer.assignment.interval.ms    int    1000             >=0
share.session.timeout.ms           int    45000            >=1
share.heartbeat.interval.ms        int    5000             >=1
share.record.lock.duration.ms      int    30000            >=1000
share.delivery.count.limit         int    5                >=2
share.partition.max.record.locks   int    2000             >=100
share.auto.offset.reset            string latest           reset
share.isolation.level              string read_uncommitted in:read_committed,read_uncommitted
share.renew.acknowledge.enable     bool   true             -
share.assignment.interval.ms       int    1000             >=0
streams.session.timeout.ms         int    45000            >=1
streams.heartbeat.interval.ms      int    5000             >=1
streams.num.standby.replicas       int    0                >=0
streams.initial.rebalance.delay.ms int    3000             >=0
streams.assignment.interval.ms     int    1000             >=0
"""
GROUP: Final[Mapping[str, Definition]] = MappingProxyType(table(_GROUP_TABLE))
# The order in which bounds are looked at: the first that is crossed is the one that an error names.
_BOUNDED: Final = (
    "consumer.heartbeat.interval.ms",
    "consumer.session.timeout.ms",
    "consumer.assignment.interval.ms",
    "share.heartbeat.interval.ms",
    "share.session.timeout.ms",
    "share.record.lock.duration.ms",
    "share.delivery.count.limit",
    "share.partition.max.record.locks",
    "share.assignment.interval.ms",
    "streams.heartbeat.interval.ms",
    "streams.session.timeout.ms",
    "streams.num.standby.replicas",
    "streams.assignment.interval.ms",
)

_WITHOUT_BROKER_DEFAULT: Final = frozenset(
    ("share.auto.offset.reset", "share.isolation.level", "share.renew.acknowledge.enable")
)


def group_synonym(name: str) -> str | None:
    """The broker config that gives a group config its default."""
    return None if name in _WITHOUT_BROKER_DEFAULT else f"group.{name}"


def group_config(broker: Mapping[str, Value], overrides: Mapping[str, str]) -> dict[str, Value]:
    """The typed values of a group: its own settings over the broker's values."""
    values: dict[str, Value] = {}
    for name, definition in GROUP.items():
        synonym = group_synonym(name)
        if name in overrides:
            values[name] = parse(definition, overrides[name])
        else:
            values[name] = broker[synonym] if synonym else default_value(definition)
    return values


def validate_group_configs(
    overrides: Mapping[str, str], broker: Mapping[str, Value]
) -> dict[str, Value]:
    """Checks what a user sets on a group (GroupConfig.validate). Raises InvalidConfig."""
    unknown = unknown_name(overrides, GROUP)
    if unknown is not None:
        raise InvalidConfig(f"Unknown group config name: {unknown}")
    values = group_config(broker, overrides)
    for name in _BOUNDED:
        # Kafka looks at these three only where a group sets them.
        if name in overrides or not name.endswith(".assignment.interval.ms"):
            _check_bounds(name, values, broker)
    for kind in ("consumer", "share", "streams"):
        session, heartbeat = f"{kind}.session.timeout.ms", f"{kind}.heartbeat.interval.ms"
        if _number(values[session]) <= _number(values[heartbeat]):
            raise InvalidConfig(f"{session} must be greater than {heartbeat}")
    return values


def _check_bounds(name: str, values: Mapping[str, Value], broker: Mapping[str, Value]) -> None:
    kind, _, rest = name.partition(".")
    low = f"group.{kind}.min.{rest}"
    high = f"group.{kind}.max.{rest.removeprefix('num.')}"
    if low in broker and _number(values[name]) < _number(broker[low]):
        raise InvalidConfig(f"{name} must be greater than or equal to {low}")
    if high in broker and _number(values[name]) > _number(broker[high]):
        raise InvalidConfig(f"{name} must be less than or equal to {high}")


def _number(value: Value) -> int:
    assert isinstance(value, int)
    return value
