"""What DescribeConfigs lists of a topic, a broker or a group, as Kafka's ConfigHelper does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from moldau.protocol.config.broker import BROKER
from moldau.protocol.config.client_metrics import CLIENT_METRICS, client_metrics_config
from moldau.protocol.config.definition import ConfigType, to_text
from moldau.protocol.config.group import GROUP, group_config, group_synonym
from moldau.protocol.config.layers import BrokerConfigs, base_name, synonyms
from moldau.protocol.config.topic import BROKER_SYNONYMS, TOPIC, topic_config

# The order of a Java hash map, which the tools print as it comes ("Configs:" of kafka-topics).
_TOPIC_ORDER: Final = """
compression.type remote.log.delete.on.disable leader.replication.throttled.replicas
remote.storage.enable min.insync.replicas segment.jitter.ms remote.log.copy.disable
local.retention.ms cleanup.policy flush.ms follower.replication.throttled.replicas
compression.lz4.level segment.bytes retention.ms compression.gzip.level flush.messages
compression.zstd.level max.compaction.lag.ms file.delete.delay.ms max.message.bytes
min.compaction.lag.ms message.timestamp.type local.retention.bytes preallocate
index.interval.bytes min.cleanable.dirty.ratio unclean.leader.election.enable retention.bytes
delete.retention.ms message.timestamp.after.max.ms message.timestamp.before.max.ms segment.ms
segment.index.bytes internal.segment.bytes
"""


class Source(IntEnum):
    """Where a value comes from, numbered as on the wire (KIP-226 and later)."""

    UNKNOWN = 0
    DYNAMIC_TOPIC_CONFIG = 1
    DYNAMIC_BROKER_CONFIG = 2
    DYNAMIC_DEFAULT_BROKER_CONFIG = 3
    STATIC_BROKER_CONFIG = 4
    DEFAULT_CONFIG = 5
    DYNAMIC_BROKER_LOGGER_CONFIG = 6
    CLIENT_METRICS_CONFIG = 7
    GROUP_CONFIG = 8


class Synonym(NamedTuple):
    name: str
    value: str | None
    source: Source


class Entry(NamedTuple):
    """One described config; the values of sensitive ones are None."""

    name: str
    value: str | None
    source: Source
    is_read_only: bool
    is_sensitive: bool
    type: ConfigType
    synonyms: tuple[Synonym, ...]


def describe_topic(configs: BrokerConfigs, overrides: Mapping[str, str]) -> list[Entry]:
    """All configs of a topic whose own settings are `overrides`, in Kafka's order."""
    values = topic_config(configs.values, overrides)
    entries = []
    for name, definition in TOPIC.items():
        if definition.mode == "internal" and name not in overrides:
            continue
        broker_name = BROKER_SYNONYMS.get(name)
        chain = _synonyms(configs, broker_name) if broker_name else ()
        value = to_text(values[name])
        if name in overrides:
            chain = (Synonym(name, value, Source.DYNAMIC_TOPIC_CONFIG), *chain)
        entries.append(_entry(name, value, definition.type, chain, read_only=False))
    order = _TOPIC_ORDER.split()
    return sorted(entries, key=lambda entry: order.index(entry.name))


def describe_group(configs: BrokerConfigs, overrides: Mapping[str, str]) -> list[Entry]:
    """All configs of a group whose own settings are `overrides`, by name."""
    values = group_config(configs.values, overrides)
    entries = []
    for name, definition in GROUP.items():
        broker_name = group_synonym(name)
        if broker_name:
            chain = _synonyms(configs, broker_name)
        else:
            chain = (Synonym(name, definition.default, Source.DEFAULT_CONFIG),)
        value = to_text(values[name])
        if name in overrides:
            chain = (Synonym(name, value, Source.GROUP_CONFIG), *chain)
        entries.append(_entry(name, value, definition.type, chain, read_only=False))
    return sorted(entries)


def describe_client_metrics(overrides: Mapping[str, str]) -> list[Entry]:
    """All configs of a subscription, in Kafka's order of definition."""
    values = client_metrics_config(overrides)
    entries = []
    for name, definition in CLIENT_METRICS.items():
        value = to_text(values[name])
        chain = (Synonym(name, value, Source.CLIENT_METRICS_CONFIG),) if name in overrides else ()
        entries.append(_entry(name, value, definition.type, chain, read_only=False))
    return entries


def describe_loggers(levels: Mapping[str, str]) -> list[Entry]:
    """The levels of a broker's loggers, which have no types."""
    source = Source.DYNAMIC_BROKER_LOGGER_CONFIG
    return [
        Entry(name, level, source, False, False, ConfigType.UNKNOWN, ())
        for name, level in levels.items()
    ]


def describe_broker(configs: BrokerConfigs) -> list[Entry]:
    """All configs of this broker, by name; unknown and internal ones only where set."""
    given = configs.static.keys() | configs.dynamic_default.keys() | configs.dynamic_broker.keys()
    listed = {name for name, row in BROKER.items() if row.mode not in ("internal", "dynamic")}
    return [
        _broker_entry(name, _broker_value(configs, name), _synonyms(configs, name))
        for name in sorted(listed | given)
    ]


def describe_cluster_default(configs: BrokerConfigs) -> list[Entry]:
    """The configs that were set for all brokers at run time (a broker resource without name)."""
    entries = []
    for name in sorted(configs.dynamic_default):
        chain = _synonyms(configs, name)
        default = tuple(s for s in chain if s.source is Source.DYNAMIC_DEFAULT_BROKER_CONFIG)
        entries.append(_broker_entry(name, configs.dynamic_default[name], default))
    return entries


def _broker_value(configs: BrokerConfigs, name: str) -> str | None:
    if name in configs.values:
        return to_text(configs.values[name])
    return next((layer[name] for _, layer in _layers(configs) if name in layer), None)


def _broker_entry(name: str, value: str | None, chain: tuple[Synonym, ...]) -> Entry:
    definition = BROKER.get(base_name(name))
    kind = definition.type if definition else ConfigType.UNKNOWN
    read_only = name not in BROKER or BROKER[name].mode in ("static", "internal")
    return _entry(name, None if _is_sensitive(name) else value, kind, chain, read_only)


def _entry(
    name: str, value: str | None, kind: ConfigType, chain: tuple[Synonym, ...], read_only: bool
) -> Entry:
    source = chain[0].source if chain else Source.DEFAULT_CONFIG
    sensitive = kind in (ConfigType.PASSWORD, ConfigType.UNKNOWN)
    return Entry(name, value, source, read_only, sensitive, kind, chain)


def _is_sensitive(name: str) -> bool:
    """A name without a type may hold a secret, so it counts as one."""
    definition = BROKER.get(base_name(name))
    return definition is None or definition.is_sensitive


def _layers(configs: BrokerConfigs) -> Iterator[tuple[Source, Mapping[str, str]]]:
    yield Source.DYNAMIC_BROKER_CONFIG, configs.dynamic_broker
    yield Source.DYNAMIC_DEFAULT_BROKER_CONFIG, configs.dynamic_default
    yield Source.STATIC_BROKER_CONFIG, configs.static


def _synonyms(configs: BrokerConfigs, name: str) -> tuple[Synonym, ...]:
    """Every place that sets this broker config, strongest first.

    Kafka drops what stands before the first entry of the name itself; so a topic's
    retention.ms has no synonyms while only log.retention.hours is set. Scripts see that.
    """
    chain = [
        Synonym(other, None if _is_sensitive(name) else layer[other], source)
        for source, layer in _layers(configs)
        for other in synonyms(name)
        if other in layer
    ]
    for other in synonyms(name):
        value = _default(configs, other)
        if value is not None:
            chain.append(
                Synonym(other, None if _is_sensitive(name) else value, Source.DEFAULT_CONFIG)
            )
    first = next((at for at, synonym in enumerate(chain) if synonym.name == name), len(chain))
    return tuple(chain[first:])


def _default(configs: BrokerConfigs, name: str) -> str | None:
    if name in configs.defaults:
        return configs.defaults[name]
    # A dynamic config is not one of a file's, so Kafka lists no default for it.
    return BROKER[name].default if name in BROKER and BROKER[name].mode != "dynamic" else None
