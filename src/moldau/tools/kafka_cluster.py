"""kafka-cluster: the id of a cluster, its endpoints, and forgetting a broker.

Apache Kafka: org.apache.kafka.tools.ClusterTool, 4.3.1.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import NoReturn

from moldau.client.admin import Admin
from moldau.client.cluster import Node, describe_cluster, unregister_broker
from moldau.client.errors import KafkaError, Unsupported
from moldau.tools.argparse4j import (
    STORE_TRUE,
    Argument,
    BadArguments,
    Command,
    HelpWanted,
    OneOf,
    Parser,
)
from moldau.tools.frame import Stop, notice_of, properties_of, run
from moldau.tools.java_maps import hash_order

NAME = "kafka-cluster"
_CONNECTION = (
    OneOf(
        (
            Argument(
                ("--bootstrap-server", "-b"),
                "A list of host/port pairs to use for establishing the connection to the Kafka "
                "cluster.",
            ),
            Argument(
                ("--bootstrap-controller", "-C"),
                "A list of host/port pairs to use for establishing the connection to the KRaft "
                "controllers.",
            ),
        ),
        required=True,
    ),
    Argument(
        ("--config",),
        "(DEPRECATED) A property file containing configurations for the Admin client. This option "
        "will be removed in a future version. Use --command-config instead.",
    ),
    Argument(("--command-config", "-c"), "Config properties file for the Admin client."),
)
PARSER = Parser(
    NAME,
    "The Kafka cluster tool.",
    commands=(
        Command("cluster-id", "Get information about the ID of a cluster.", _CONNECTION),
        Command(
            "unregister",
            "Unregister a broker.",
            (
                *_CONNECTION,
                Argument(
                    ("--id", "-i"), "The ID of the broker to unregister.", kind="Integer",
                    required=True,
                ),
            ),
        ),
        Command(
            "list-endpoints",
            "List endpoints",
            (
                *_CONNECTION,
                Argument(
                    ("--include-fenced-brokers",),
                    "Whether to include fenced brokers when listing broker endpoints",
                    STORE_TRUE,
                ),
            ),
        ),
    ),
    shows_defaults=True,
)  # fmt: skip


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        values = PARSER.parse(argv)
    except HelpWanted as wanted:
        print(wanted.text, end="")
        # As argparse4j: help ends the tool as an error does.
        return 1
    except BadArguments as error:
        near = [f"Did you mean {' or '.join(error.near)}?"] if error.near else []
        raise Stop(error.usage, " ".join([f"{NAME}: error: {error}.", *near])) from None
    try:
        with _admin(values) as admin:
            _COMMANDS[str(values["command"])](admin, values)
    except KafkaError as error:
        raise Stop(error.message, f"{NAME}: {error.advice or error.message}") from None
    return 0


def _admin(values: Mapping[str, object]) -> Admin:
    path = values["command_config"]
    if values["config"] is not None:
        if path is not None:
            raise Stop(
                "--config and --command-config cannot be specified together.",
                f"{NAME}: leave out --config, the old name.",
            )
        print(
            "Option --config has been deprecated and will be removed in a future version. "
            "Use --command-config instead."
        )
        path = values["config"]
    servers = values["bootstrap_server"] or values["bootstrap_controller"]
    properties = {} if path is None else properties_of(str(path))
    return Admin(
        str(servers),
        properties,
        notice_of(NAME),
        controllers=values["bootstrap_server"] is None,
    )


def _cluster_id(admin: Admin, _: Mapping[str, object]) -> None:
    cluster_id = describe_cluster(admin).id
    if cluster_id is None:
        print("No cluster ID found. The Kafka version is probably too old.")
    else:
        print(f"Cluster ID: {cluster_id}")


def _unregister(admin: Admin, values: Mapping[str, object]) -> None:
    broker = values["id"]
    assert isinstance(broker, int)
    try:
        unregister_broker(admin, broker)
    except Unsupported as error:
        print("The target cluster does not support the broker unregistration API.")
        print(f"{NAME}: {error.advice}", file=sys.stderr)
    else:
        print(f"Broker {broker} is no longer registered.")


def _list_endpoints(admin: Admin, values: Mapping[str, object]) -> None:
    fenced = values["include_fenced_brokers"] is True
    of_controllers = values["bootstrap_server"] is None
    if fenced and of_controllers:
        raise KafkaError(
            "The option --include-fenced-brokers is only supported with --bootstrap-server option",
            "Leave out --include-fenced-brokers: controllers are never fenced.",
        )
    try:
        nodes = describe_cluster(admin, fenced=fenced).nodes
    except Unsupported as error:
        print(error.message)
        print(f"{NAME}: {error.advice}", file=sys.stderr)
        return
    _print_nodes(hash_order(nodes, lambda node: node.id & 0xFFFFFFFF), of_controllers)


def _print_nodes(nodes: list[Node], of_controllers: bool) -> None:
    host = max((len(node.host) for node in nodes), default=100)
    rack = max((len(node.rack) for node in nodes if node.rack is not None), default=10)
    rows = [("ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE")]
    rows += [
        (
            str(node.id),
            node.host,
            str(node.port),
            "null" if node.rack is None else node.rack,
            "fenced" if node.is_fenced else "unfenced",
            "controller" if of_controllers else "broker",
        )
        for node in nodes
    ]
    for number, name, port, where, state, kind in rows:
        line = f"{number:<10} {name:<{host}} {port:<10} {where:<{rack}} "
        print(line + f"{kind:<15}" if of_controllers else line + f"{state:<10} {kind:<15}")


_COMMANDS = {
    "cluster-id": _cluster_id,
    "unregister": _unregister,
    "list-endpoints": _list_endpoints,
}
