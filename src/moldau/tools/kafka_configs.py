"""kafka-configs: describe and alter the configs of topics, brokers, groups and loggers, quotas of
users, clients and addresses, and the SCRAM credentials of users.

Apache Kafka: kafka.admin.ConfigCommand, 4.3.1.
"""

from __future__ import annotations

from typing import NoReturn

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError, Refused
from moldau.protocol.errors import ErrorCode
from moldau.tools.config_changes import BadChange, changes_of
from moldau.tools.config_entities import (
    CLIENTS,
    DEFAULT_FLAGS,
    FLAGS,
    IPS,
    TYPES,
    USERS,
    Entities,
    check,
)
from moldau.tools.frame import Stop, Tool, admin_properties, notice_of, run
from moldau.tools.options import BadOption, Option, Parsed, Parser

_SHORT = {
    "topic": "The topic.",
    "client": "The client id.",
    "user": "The user.",
    "broker": "The broker's id.",
    "broker-logger": "The id of the broker whose loggers are meant.",
    "ip": "The address.",
    "client-metrics": "The name of the subscription to client metrics.",
    "group": "The group.",
}

TOOL = Tool(
    "kafka-configs",
    "This tool describes and alters the configs of topics, clients, users, brokers, ips, client "
    "metrics and groups.",
    Parser(
        Option("bootstrap-server", "Brokers to ask.", "String", "server to connect to"),
        Option(
            "bootstrap-controller", "Controllers to ask.", "String", "controller to connect to"
        ),
        Option(
            "command-config",
            "Properties of the client, from a file.",
            "String",
            "command config property file",
        ),
        Option("alter", "Change configs."),
        Option("describe", "Show configs."),
        Option("all", "Show all configs, with those that have their default value."),
        Option("entity-type", f"The type of the entity: {', '.join(TYPES)}.", "String"),
        Option("entity-name", "The name of the entity.", "String"),
        Option("entity-default", "The defaults for all clients, users, brokers or ips."),
        Option(
            "add-config",
            "What to set: 'k1=v1,k2=[v1,v2],k3=v3'; brackets keep commas together.",
            "String",
        ),
        Option("add-config-file", "What to set, from a file of properties.", "String"),
        Option("delete-config", "What to give its default back: 'k1,k2'.", "String"),
        *(Option(name, text, "String") for name, text in _SHORT.items()),
        *(
            Option(name, f"The defaults for all {kind}.")
            for name, kind in DEFAULT_FLAGS.items()
        ),
    ),
)  # fmt: skip


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        options = TOOL.parse(argv)
        entities = _check(options)
        _run(options, entities)
    except BadOption as error:
        TOOL.refuse(str(error), TOOL.bad_option(error))
    except BadChange as error:
        TOOL.refuse(str(error), "Say --add-config NAME=VALUE, or NAME=[VALUE,VALUE].")
    except KafkaError as error:
        words = " ".join(argv)
        raise Stop(
            f"Error while executing config command with args '{words}'",
            error.in_java,
            f"{TOOL.name}: {_advice(error, entities)}",
        ) from None
    return 0


def _check(options: Parsed) -> Entities:
    if options.has("alter") == options.has("describe"):
        TOOL.usage(
            "Command must include exactly one action: --describe, --alter",
            "Give one of them; for instance --describe --topic NAME.",
        )
    TOOL.exclude(options, "describe", ("add-config", "delete-config"))
    return check(TOOL, options)


def _run(options: Parsed, entities: Entities) -> None:
    of_controllers = options.has("bootstrap-controller")
    name = "bootstrap-controller" if of_controllers else "bootstrap-server"
    admin = Admin(
        options.value(name) or "",
        admin_properties(options),
        notice_of(TOOL.name),
        controllers=of_controllers,
    )
    with admin:
        if options.has("describe"):
            _describe(admin, entities, options.has("all"))
        else:
            _alter(admin, entities, options)


def _describe(admin: Admin, entities: Entities, everything: bool) -> None:
    if entities.type in (USERS, CLIENTS, IPS):
        from moldau.tools.config_quotas import describe_quotas_of

        describe_quotas_of(admin, entities)
    else:
        from moldau.tools.config_resources import describe_resources

        describe_resources(admin, entities.type, entities.name, everything)


def _alter(admin: Admin, entities: Entities, options: Parsed) -> None:
    values, deleted = changes_of(options)
    if entities.type in (USERS, CLIENTS, IPS):
        from moldau.tools.config_quotas import alter_quotas_of

        alter_quotas_of(admin, entities, values, deleted)
    else:
        from moldau.tools.config_resources import alter_resource

        alter_resource(admin, entities.type, entities.name or "", values, deleted)
    if entities.name:
        print(f"Completed updating config for {entities.type[:-1]} {entities.name}.")
    else:
        print(f"Completed updating default config for {entities.type} in the cluster.")


def _advice(error: KafkaError, entities: Entities) -> str:
    if error.advice or not isinstance(error, Refused):
        return error.advice or error.message
    name = entities.name or ""
    listing = next((flag for flag, kind in FLAGS.items() if kind == entities.type), "topic")
    return {
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: f"There is no topic {name!r}; "
        "`kafka-topics --list` shows what is there.",
        ErrorCode.INVALID_CONFIG: f"{error.message}. `kafka-configs --describe --all "
        f"--{listing} NAME` shows the names and values that there are.",
    }.get(error.code, error.message)
