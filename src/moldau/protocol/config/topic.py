"""The topic configs of Apache Kafka 4.3: the table, the checks, and what a topic ends up with.

Sources: LogConfig, ServerTopicConfigSynonyms and KafkaConfig.extractLogConfigMap of Apache
Kafka 4.3.1.
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

# In Kafka's order of definition: the first wrong one is the one that an error names.
_TABLE: Final = """
segment.bytes                            int    1073741824 >=1048576
segment.ms                               long   604800000  >=1
segment.jitter.ms                        long   0          >=0
segment.index.bytes                      int    10485760   >=4
flush.messages                           long   max        >=1
flush.ms                                 long   max        >=0
retention.bytes                          long   -1         -
retention.ms                             long   604800000  >=-1
max.message.bytes                        int    1048588    >=0
index.interval.bytes                     int    4096       >=0
delete.retention.ms                      long   86400000   >=0
min.compaction.lag.ms                    long   0          >=0
max.compaction.lag.ms                    long   max        >=1
file.delete.delay.ms                     long   60000      >=0
min.cleanable.dirty.ratio                double 0.5        0..1
cleanup.policy                           list   delete     of:compact,delete
unclean.leader.election.enable           bool   false      -
min.insync.replicas                      int    1          >=1
compression.type                         string producer   *codecs
compression.gzip.level                   int    -1         gzip
compression.lz4.level                    int    9          1..17
compression.zstd.level                   int    3          -131072..22
preallocate                              bool   false      -
message.timestamp.type                   string CreateTime in:CreateTime,LogAppendTime
message.timestamp.before.max.ms          long   max        >=0
message.timestamp.after.max.ms           long   3600000    >=0
leader.replication.throttled.replicas    list   ''         replicas
follower.replication.throttled.replicas  list   ''         replicas
remote.storage.enable                    bool   false      -
local.retention.ms                       long   -2         >=-2
local.retention.bytes                    long   -2         >=-2
remote.log.copy.disable                  bool   false      -
remote.log.delete.on.disable             bool   false      -
internal.segment.bytes                   int    -          -        internal
"""
_WORDS: Final = {"codecs": "in:uncompressed,zstd,lz4,snappy,gzip,producer"}

TOPIC: Final[Mapping[str, Definition]] = MappingProxyType(table(_TABLE, _WORDS))

# The broker config that gives a topic config its default.
BROKER_SYNONYMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "segment.bytes": "log.segment.bytes",
        "segment.ms": "log.roll.ms",
        "segment.jitter.ms": "log.roll.jitter.ms",
        "segment.index.bytes": "log.index.size.max.bytes",
        "flush.messages": "log.flush.interval.messages",
        "flush.ms": "log.flush.interval.ms",
        "retention.bytes": "log.retention.bytes",
        "retention.ms": "log.retention.ms",
        "max.message.bytes": "message.max.bytes",
        "index.interval.bytes": "log.index.interval.bytes",
        "delete.retention.ms": "log.cleaner.delete.retention.ms",
        "min.compaction.lag.ms": "log.cleaner.min.compaction.lag.ms",
        "max.compaction.lag.ms": "log.cleaner.max.compaction.lag.ms",
        "file.delete.delay.ms": "log.segment.delete.delay.ms",
        "min.cleanable.dirty.ratio": "log.cleaner.min.cleanable.ratio",
        "cleanup.policy": "log.cleanup.policy",
        "unclean.leader.election.enable": "unclean.leader.election.enable",
        "min.insync.replicas": "min.insync.replicas",
        "compression.type": "compression.type",
        "compression.gzip.level": "compression.gzip.level",
        "compression.lz4.level": "compression.lz4.level",
        "compression.zstd.level": "compression.zstd.level",
        "preallocate": "log.preallocate",
        "message.timestamp.type": "log.message.timestamp.type",
        "message.timestamp.before.max.ms": "log.message.timestamp.before.max.ms",
        "message.timestamp.after.max.ms": "log.message.timestamp.after.max.ms",
        "local.retention.ms": "log.local.retention.ms",
        "local.retention.bytes": "log.local.retention.bytes",
    }
)
_MINUTE_MS: Final = 60 * 1000
_HOUR_MS: Final = 60 * _MINUTE_MS
# Coarser names that count when the one in milliseconds is not set, in this order.
_COARSER: Final[Mapping[str, tuple[tuple[str, int], ...]]] = MappingProxyType(
    {
        "segment.ms": (("log.roll.hours", _HOUR_MS),),
        "segment.jitter.ms": (("log.roll.jitter.hours", _HOUR_MS),),
        "flush.ms": (("log.flush.scheduler.interval.ms", 1),),
        "retention.ms": (
            ("log.retention.minutes", _MINUTE_MS),
            ("log.retention.hours", _HOUR_MS),
        ),
    }
)


def topic_defaults(broker: Mapping[str, Value]) -> dict[str, Value]:
    """What a topic gets from the broker's values (all of them, typed) when it sets nothing."""
    defaults: dict[str, Value] = {}
    for name, definition in TOPIC.items():
        synonym = BROKER_SYNONYMS.get(name)
        value = broker[synonym] if synonym else default_value(definition)
        if value is None:
            value = _from_coarser(name, broker)
        defaults[name] = value
    retention = defaults["retention.ms"]
    if isinstance(retention, int) and retention < 0:
        defaults["retention.ms"] = -1  # log.retention.hours=-1 means for ever, not an hour ago
    return defaults


def _from_coarser(name: str, broker: Mapping[str, Value]) -> Value:
    for coarser, factor in _COARSER.get(name, ()):
        value = broker[coarser]
        if isinstance(value, int):
            return value * factor
    return None


def topic_config(broker: Mapping[str, Value], overrides: Mapping[str, str]) -> dict[str, Value]:
    """The typed values of a topic: its own settings over the broker's defaults.

    Raises InvalidConfig when an override is wrong; unknown names are passed over, because an
    older or newer Kafka may have written them.
    """
    values = topic_defaults(broker)
    for name, text in overrides.items():
        if name in TOPIC:
            values[name] = parse(TOPIC[name], text)
    return values


def validate_topic_configs(
    overrides: Mapping[str, str], broker: Mapping[str, Value] | None = None
) -> dict[str, Value]:
    """Checks what a user sets on a topic, as Kafka's controller does (LogConfig.validate).

    `broker` holds the broker's typed values; without them (in a tool) Kafka's defaults count.
    Returns the topic's values. Raises InvalidConfig: error INVALID_CONFIG on the wire.
    """
    unknown = unknown_name(overrides, TOPIC)
    if unknown is not None:
        raise InvalidConfig(f"Unknown topic config name: {unknown}")
    defaults = topic_defaults(broker) if broker else _kafka_defaults()
    values = {
        name: parse(definition, overrides[name]) if name in overrides else defaults[name]
        for name, definition in TOPIC.items()
    }
    check_compaction_lag(values)
    if broker and values["remote.storage.enable"]:
        raise InvalidConfig(
            "Tiered Storage functionality is disabled in the broker. "
            "Topic cannot be configured with remote log storage."
        )
    return values


def _kafka_defaults() -> dict[str, Value]:
    return {name: default_value(definition) for name, definition in TOPIC.items()}


def check_compaction_lag(values: Mapping[str, Value]) -> None:
    """Raises InvalidConfig when a record may be compacted away before it must be."""
    low, high = values["min.compaction.lag.ms"], values["max.compaction.lag.ms"]
    assert isinstance(low, int)
    assert isinstance(high, int)
    if low > high:
        raise InvalidConfig(
            "conflict topic config setting "
            f"min.compaction.lag.ms ({low}) > max.compaction.lag.ms ({high})"
        )
