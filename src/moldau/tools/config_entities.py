"""Which entities the options of kafka-configs mean, and whether they go together.

Apache Kafka: ConfigCommandOptions in kafka.admin.ConfigCommand, 4.3.1.
"""

from __future__ import annotations

import socket
from typing import NamedTuple, NoReturn

from moldau.client.near_names import nearest
from moldau.tools.frame import Tool
from moldau.tools.java_text import parse_int
from moldau.tools.options import Parsed

TOPICS, CLIENTS, USERS, BROKERS = "topics", "clients", "users", "brokers"
LOGGERS, IPS, CLIENT_METRICS, GROUPS = "broker-loggers", "ips", "client-metrics", "groups"
TYPES = (TOPICS, CLIENTS, USERS, BROKERS, IPS, CLIENT_METRICS, GROUPS, LOGGERS)
# The short options, in the order in which Apache's tool looks at them.
FLAGS = {
    "topic": TOPICS,
    "client": CLIENTS,
    "user": USERS,
    "broker": BROKERS,
    "broker-logger": LOGGERS,
    "ip": IPS,
    "client-metrics": CLIENT_METRICS,
    "group": GROUPS,
}
DEFAULT_FLAGS = {
    "client-defaults": CLIENTS,
    "user-defaults": USERS,
    "broker-defaults": BROKERS,
    "ip-defaults": IPS,
}
_WITH_DEFAULTS = {USERS, CLIENTS, BROKERS, IPS}


class Entities(NamedTuple):
    """Types and names side by side; an empty name is the default of the type. There may be fewer
    names than types: then all of that type are meant."""

    types: list[str]
    names: list[str]

    @property
    def type(self) -> str:
        return self.types[0]

    @property
    def name(self) -> str | None:
        return self.names[0] if self.names else None

    def are_of(self, *types: str) -> bool:
        return any(kind in self.types for kind in types)


def find_entities(options: Parsed) -> Entities:
    given = iter(options.values("entity-name"))
    names = [
        next(given) if name == "entity-name" else ""
        for name in options.order
        if name in ("entity-name", "entity-default")
    ]
    flags = [name for name in FLAGS if options.has(name)]
    defaults = [name for name in DEFAULT_FLAGS if options.has(name)]
    types = options.values("entity-type") + [FLAGS[name] for name in flags]
    types += [DEFAULT_FLAGS[name] for name in defaults]
    names += [options.value(name) or "" for name in flags] + [""] * len(defaults)
    return Entities(types, names)


def check(tool: Tool, options: Parsed) -> Entities:
    """The entities, or Stop with what is wrong."""
    entities = find_entities(options)
    _check_types(tool, options, entities)
    _check_names(tool, options, entities)
    (_check_describe if options.has("describe") else _check_alter)(tool, options, entities)
    return entities


def _check_types(tool: Tool, options: Parsed, entities: Entities) -> None:
    types = entities.types
    twice = [kind for i, kind in enumerate(types) if kind in types[:i]]
    if twice:
        tool.refuse(
            f"Duplicate entity type(s) specified: {','.join(twice)}", "Name each type once."
        )
    if not options.has("bootstrap-server") and not options.has("bootstrap-controller"):
        tool.refuse(
            "Either --bootstrap-server or --bootstrap-controller must be specified.",
            "Add --bootstrap-server localhost:9092.",
        )
    for kind in types:
        if kind not in TYPES:
            near = nearest(kind, TYPES)
            tool.refuse(
                f"Invalid entity type {kind}, the entity type must be one of {', '.join(TYPES)} "
                "with a --bootstrap-server or --bootstrap-controller argument",
                f"Did you mean {near}?" if near else f"The types are {', '.join(TYPES)}.",
            )
    if not types:
        tool.refuse("At least one entity type must be specified", "Add for instance --topic NAME.")
    if len(types) > 1 and set(types) != {USERS, CLIENTS}:
        tool.refuse(
            "Only 'users' and 'clients' entity types may be specified together",
            "Do one after the other.",
        )
    long = [name for name in ("entity-name", "entity-type", "entity-default") if options.has(name)]
    short = [name for name in (*FLAGS, *DEFAULT_FLAGS) if options.has(name)]
    if long and short:
        tool.refuse(
            "--entity-{type,name,default} should not be used in conjunction with specific entity "
            "flags",
            f"Leave out --{long[0]} or --{short[0]}.",
        )


def _check_names(tool: Tool, options: Parsed, entities: Entities) -> None:
    if options.has("bootstrap-server") and options.has("bootstrap-controller"):
        tool.refuse(
            "Only one of --bootstrap-server or --bootstrap-controller can be specified",
            "Leave out one of them.",
        )
    if not any(entities.names):
        return
    if entities.are_of(BROKERS, LOGGERS):
        for broker in _given(options, "entity-name", "broker", "broker-logger"):
            if parse_int(broker) is None:
                tool.refuse(
                    f"The entity name for {entities.type} must be a valid integer broker id, "
                    f"but it is: {broker}",
                    "A broker is named by its id, such as 1; kafka-cluster list-endpoints shows "
                    "them.",
                )
    if entities.are_of(IPS):
        for address in _given(options, "entity-name", "ip"):
            if not _is_address(address):
                tool.refuse(
                    f"The entity name for {entities.type} must be a valid IP or resolvable host, "
                    f"but it is: {address}",
                    "Give an address, such as 10.0.0.1.",
                )


def _given(options: Parsed, *names: str) -> list[str]:
    return [options.value(name) or "" for name in names if options.has(name)]


def _is_address(text: str) -> bool:
    try:
        socket.getaddrinfo(text or "localhost", None)
    except (OSError, UnicodeError):
        return False
    return True


def _check_describe(tool: Tool, options: Parsed, entities: Entities) -> None:
    if options.has("entity-default") and not entities.are_of(*_WITH_DEFAULTS):
        tool.refuse(
            "--entity-default must not be specified with --describe of " + ",".join(entities.types),
            "Leave it out: only users, clients, brokers and ips have defaults.",
        )
    if entities.are_of(LOGGERS) and not any(entities.names):
        _need_name(tool, "describe", entities)


def _check_alter(tool: Tool, options: Parsed, entities: Entities) -> None:
    if entities.are_of(*_WITH_DEFAULTS):
        if not entities.names:
            tool.refuse(
                "An entity-name or default entity must be specified with --alter of users, "
                "clients, brokers or ips",
                "Add --entity-name NAME, or --entity-default.",
            )
    elif not any(entities.names):
        _need_name(tool, "alter", entities)
    if options.has("add-config") and options.has("add-config-file"):
        tool.refuse(
            "Only one of --add-config or --add-config-file must be specified",
            "Leave out one of them.",
        )
    if not any(map(options.has, ("add-config", "add-config-file", "delete-config"))):
        tool.refuse(
            "At least one of --add-config, --add-config-file, or --delete-config must be specified "
            "with --alter",
            "Say what to change: --add-config NAME=VALUE or --delete-config NAME.",
        )
    # Apache's tool looks at this only when it is about to act.
    if len(entities.types) != len(entities.names):
        tool.refuse(
            "An entity name must be specified for every entity type",
            "Add an --entity-name or --entity-default behind every --entity-type.",
        )


def _need_name(tool: Tool, action: str, entities: Entities) -> NoReturn:
    tool.refuse(
        f"An entity name must be specified with --{action} of {','.join(entities.types)}",
        "Add --entity-name NAME.",
    )
