"""The two brokers, told the same."""

from __future__ import annotations

from collections.abc import Mapping

# Where our defaults are others, where Kafka's do not fit one broker, and what stories need.
CONFIG: Mapping[str, object] = {
    "offsets.topic.num.partitions": 3,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "group.max.size": 6,
    # A value that is nobody's default, to be seen among the sources of a topic's configs.
    "log.retention.hours": 100,
    # The records of stories are from 2023: retention must not find them.
    "log.initial.task.delay.ms": 36_000_000,
    "log.retention.check.interval.ms": 36_000_000,
}
