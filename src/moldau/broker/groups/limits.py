"""The broker configs that the group coordinator goes by. Times are in ms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# A new member whose JoinGroup waits that long is taken for gone (GroupCoordinatorConfig).
NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60 * 1000
_MINUTE = 60 * 1000


class Limits(NamedTuple):
    min_session_timeout_ms: int = 6_000
    max_session_timeout_ms: int = 1_800_000
    max_size: int = 0x7FFFFFFF  # members of a group
    initial_rebalance_delay_ms: int = 0
    retention_ms: int = 10080 * _MINUTE  # of offsets
    retention_check_interval_ms: int = 600_000
    max_metadata: int = 4096  # of an offset, in UTF-16 units as Java counts


def read_limits(broker: Mapping[str, Any]) -> Limits:
    return Limits(
        min_session_timeout_ms=broker["group.min.session.timeout.ms"],
        max_session_timeout_ms=broker["group.max.session.timeout.ms"],
        max_size=broker["group.max.size"],
        initial_rebalance_delay_ms=broker["group.initial.rebalance.delay.ms"],
        retention_ms=broker["offsets.retention.minutes"] * _MINUTE,
        retention_check_interval_ms=broker["offsets.retention.check.interval.ms"],
        max_metadata=broker["offset.metadata.max.bytes"],
    )
