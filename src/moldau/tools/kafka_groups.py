"""kafka-groups: list the groups of all kinds.

Apache Kafka: org.apache.kafka.tools.GroupsCommand, 4.3.1.
"""

from __future__ import annotations

from typing import NoReturn

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError, TimedOut
from moldau.client.groups import Group, list_groups
from moldau.client.near_names import nearest
from moldau.tools.frame import Stop, Tool, admin_properties, notice_of, run
from moldau.tools.java_maps import hash_order, string_hash
from moldau.tools.options import BadOption, Option, Parsed, Parser

_TYPES = {name.lower(): name for name in ("Classic", "Consumer", "Share", "Streams")}
_KINDS = ("consumer", "share", "streams")
# Apache's tool waits so long for its client, which may take longer, and then has no words.
_PATIENCE_MS = 30_000

TOOL = Tool(
    "kafka-groups",
    "This tool lists the groups of all kinds.",
    Parser(
        Option("bootstrap-server", "REQUIRED: Brokers to ask.", "String", "server to connect to"),
        Option(
            "command-config",
            "Properties of the client, from a file.",
            "String",
            "command config property file",
        ),
        Option("list", "List the groups."),
        Option(
            "group-type",
            "Only groups of this type: classic, consumer, share or streams.",
            "String",
            "type",
        ),
        Option("protocol", "Only groups with this protocol.", "String", "protocol"),
        Option(
            "consumer",
            "Only groups of consumers: those of type consumer, and those whose protocol is "
            "consumer or empty.",
        ),
        Option("share", "Only share groups."),
        Option("streams", "Only streams groups."),
    ),
)


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        options = TOOL.parse(argv, bare=None)
        _check(options)
        properties = admin_properties(options)
        servers = options.value("bootstrap-server") or ""
        kind = (options.value("group-type") or "").lower()
    except BadOption as error:
        TOOL.usage(str(error), TOOL.bad_option(error))
    except KafkaError as error:
        TOOL.refuse(error.message, error.advice or error.message)
    try:
        with Admin(servers, properties, notice_of(TOOL.name)) as admin:
            groups = _groups(admin)
        protocol = options.value("protocol")
    except BadOption as error:
        print(f"Error while executing groups command : {error}")
        raise Stop(f"{TOOL.name}: {TOOL.bad_option(error)}") from None
    except KafkaError as error:
        print(f"Error while executing groups command : {error.message}")
        raise Stop(f"{TOOL.name}: {error.advice or error.message}") from None
    _print([group for group in groups if _is_wanted(group, options, kind, protocol)])
    return 0


def _check(options: Parsed) -> None:
    if not options.has("bootstrap-server"):
        TOOL.usage(
            "Missing required option(s) [bootstrap-server]", "Add --bootstrap-server HOST:PORT."
        )
    if not options.has("list"):
        TOOL.usage("Command must include exactly one action: --list.", "Add --list.")
    kind = options.value("group-type")
    if kind is not None and kind.lower() not in _TYPES:
        near = nearest(kind, _TYPES)
        TOOL.refuse(
            "--group-type must be a valid group type.",
            f"The types are {', '.join(_TYPES)}." + (f" Did you mean {near}?" if near else ""),
        )
    others = ("consumer", "group-type", "protocol", "share", "streams")
    for used in _KINDS:
        TOOL.exclude(options, used, (other for other in others if other != used))


def _groups(admin: Admin) -> list[Group]:
    try:
        return list_groups(admin, timeout_ms=admin.settings.within(_PATIENCE_MS))
    except KafkaError as error:
        timed_out = isinstance(error, TimedOut) or isinstance(error.__cause__, TimedOut)
        if timed_out and admin.settings.api_timeout_ms > _PATIENCE_MS:
            raise KafkaError("null", error.advice) from None
        raise


def _is_wanted(group: Group, options: Parsed, kind: str, protocol: str | None) -> bool:
    own = group.type.lower()
    if kind or protocol is not None:
        return (not kind or own == kind) and (protocol is None or group.protocol == protocol)
    if options.has("consumer"):
        return group.protocol in ("consumer", "") or own == "consumer"
    return all(own == name for name in ("share", "streams") if options.has(name))


def _print(groups: list[Group]) -> None:
    rows = [
        (group.id, _TYPES.get(group.type.lower(), "Unknown") if group.type else "", group.protocol)
        for group in hash_order(groups, lambda group: string_hash(group.id))
    ]
    width = max(20, *(len(cell) for row in rows for cell in row), 0)
    print(" ".join(f"{name:<{width}}" for name in ("GROUP", "TYPE", "PROTOCOL")))
    for row in rows:
        # A blank more than the head has.
        print("".join(f"{cell:<{width}} " for cell in row))
