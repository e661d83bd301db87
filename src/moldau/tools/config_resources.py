"""Configs of topics, brokers, loggers, client metrics and groups, as kafka-configs shows and
alters them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from moldau.client.admin import Admin
from moldau.client.cluster import describe_cluster
from moldau.client.configs import (
    Entry,
    Kind,
    Source,
    alter_configs,
    describe_configs,
    list_config_resources,
)
from moldau.client.errors import KafkaError, Refused, Unsupported
from moldau.client.groups import list_groups
from moldau.client.topics import list_topics, topic_exists
from moldau.protocol.errors import ErrorCode
from moldau.tools.config_changes import BadChange
from moldau.tools.config_entities import BROKERS, CLIENT_METRICS, GROUPS, LOGGERS, TOPICS
from moldau.tools.java_maps import hash_order, scala_set_order, string_hash

_KINDS = {
    TOPICS: Kind.TOPIC,
    BROKERS: Kind.BROKER,
    LOGGERS: Kind.BROKER_LOGGER,
    CLIENT_METRICS: Kind.CLIENT_METRICS,
    GROUPS: Kind.GROUP,
}
# What counts as set for the entity itself; of loggers all levels are shown.
_OWN = {
    TOPICS: Source.DYNAMIC_TOPIC_CONFIG,
    BROKERS: Source.DYNAMIC_BROKER_CONFIG,
    CLIENT_METRICS: Source.DYNAMIC_CLIENT_METRICS_CONFIG,
    GROUPS: Source.DYNAMIC_GROUP_CONFIG,
}
_AT_ONCE = 500
# Apache's tool waits no longer for an answer, and so long for a change whatever the settings are.
_DESCRIBE_MS = 30_000
_ALTER_MS = 30_000


def describe_resources(admin: Admin, kind: str, name: str | None, everything: bool) -> None:
    """Of one entity, or of all of the kind."""
    if name is not None and not everything and not _is_there(admin, kind, name):
        print(f"The {kind[:-1]} '{name}' doesn't exist and doesn't have dynamic config.")
        return
    names = [name] if name is not None else _all(admin, kind)
    if kind in (BROKERS, LOGGERS):
        for one in names:
            _describe_several(admin, kind, [one], everything)
    else:
        for first in range(0, len(names), _AT_ONCE):
            _describe_several(admin, kind, names[first : first + _AT_ONCE], everything)


def _is_there(admin: Admin, kind: str, name: str) -> bool:
    if kind == TOPICS:
        return topic_exists(admin, name)
    if kind in (BROKERS, LOGGERS):
        # Asked for the defaults too, before their head is printed.
        nodes = describe_cluster(admin).nodes
        return not name or any(str(node.id) == name for node in nodes)
    if kind == CLIENT_METRICS:
        return name in list_config_resources(admin, Kind.CLIENT_METRICS)
    if any(group.id == name for group in list_groups(admin)):
        return True
    configured = _groups_with_configs(admin)
    return configured is None or name in configured


def _all(admin: Admin, kind: str) -> list[str]:
    """The names of all entities, in the order in which Apache's tool shows them."""
    if kind == TOPICS:
        return hash_order([topic.name for topic in list_topics(admin)], string_hash)
    if kind in (BROKERS, LOGGERS):
        nodes = hash_order(describe_cluster(admin).nodes, lambda node: node.id & 0xFFFFFFFF)
        return [*(str(node.id) for node in nodes), ""]
    if kind == CLIENT_METRICS:
        return list_config_resources(admin, Kind.CLIENT_METRICS)
    listed = hash_order([group.id for group in list_groups(admin)], string_hash)
    return scala_set_order([*listed, *(_groups_with_configs(admin) or ())])


def _groups_with_configs(admin: Admin) -> list[str] | None:
    """None when the broker cannot or may not say."""
    try:
        return list_config_resources(admin, Kind.GROUP)
    except Unsupported:
        return None
    except Refused as error:
        if error.code is not ErrorCode.CLUSTER_AUTHORIZATION_FAILED:
            raise
        return None


def _describe_several(admin: Admin, kind: str, names: Sequence[str], everything: bool) -> None:
    found: dict[str, list[Entry] | Refused] | KafkaError
    try:
        found = describe_configs(
            admin,
            _KINDS[kind],
            names,
            synonyms=True,
            timeout_ms=admin.settings.within(_DESCRIBE_MS),
        )
    except KafkaError as error:
        found = error
    for name in names:
        if name:
            print(f"{'All' if everything else 'Dynamic'} configs for {kind[:-1]} {name} are:")
        else:
            print(f"Default configs for {kind} in the cluster are:")
        entries = found if isinstance(found, KafkaError) else found[name]
        if isinstance(entries, KafkaError):
            raise entries
        own = Source.DYNAMIC_DEFAULT_BROKER_CONFIG if not name else _OWN.get(kind)
        for entry in sorted(entries):
            if everything or own is None or entry.source is own:
                _print(entry)


def _print(entry: Entry) -> None:
    synonyms = ", ".join(
        f"{synonym.source.name}:{synonym.name}={_text(synonym.value)}" for synonym in entry.synonyms
    )
    sensitive = str(entry.is_sensitive).lower()
    print(f"  {entry.name}={_text(entry.value)} sensitive={sensitive} synonyms={{{synonyms}}}")


def _text(value: str | None) -> str:
    return "null" if value is None else value


def alter_resource(
    admin: Admin, kind: str, name: str, values: Mapping[str, str], deleted: Sequence[str]
) -> None:
    """Raises KafkaError, BadChange."""
    if kind == LOGGERS:
        patience_ms = admin.settings.within(_DESCRIBE_MS)
        entries = describe_configs(admin, Kind.BROKER_LOGGER, [name], timeout_ms=patience_ms)[name]
        if isinstance(entries, Refused):
            raise entries
        known = {entry.name for entry in entries}
        unknown = [logger for logger in (*deleted, *values) if logger not in known]
        if unknown:
            raise BadChange(f"Invalid broker logger(s): {','.join(unknown)}")
    alter_configs(admin, _KINDS[kind], name, values, deleted, _ALTER_MS)
