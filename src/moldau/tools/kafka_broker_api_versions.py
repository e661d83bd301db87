"""kafka-broker-api-versions: the APIs of every broker and their versions.

Apache Kafka: org.apache.kafka.tools.BrokerApiVersionsCommand and NodeApiVersions, 4.3.1.
"""

from __future__ import annotations

from typing import NoReturn

from moldau.client.admin import Admin
from moldau.client.api_names import Api, apis, broker_apis
from moldau.client.cluster import ApiVersions, Node, versions_of_each
from moldau.client.errors import KafkaError
from moldau.tools.frame import Tool, admin_properties, notice_of, run
from moldau.tools.java_maps import hash_order, string_hash
from moldau.tools.options import BadOption, Option, Parsed, Parser

TOOL = Tool(
    "kafka-broker-api-versions",
    "This tool shows which APIs brokers serve, and in which versions.",
    Parser(
        Option(
            "bootstrap-server",
            "REQUIRED: Brokers to ask.",
            "String",
            "server(s) to use for bootstrapping",
        ),
        Option(
            "command-config",
            "Properties of the client, from a file.",
            "String",
            "command config property file",
        ),
    ),
)


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        options = TOOL.parse(argv)
        TOOL.require(options, "bootstrap-server")
        _show(options)
    except BadOption as error:
        TOOL.refuse(str(error), TOOL.bad_option(error))
    except KafkaError as error:
        TOOL.refuse(error.message, error.advice or error.message)
    return 0


def _show(options: Parsed) -> None:
    servers = options.value("bootstrap-server") or ""
    # Apache's tool asks each bootstrap server once.
    with Admin(servers, admin_properties(options), notice_of(TOOL.name), waits=False) as admin:
        found = versions_of_each(admin)
    for node, versions in hash_order(found, lambda pair: _node_hash(pair[0])):
        name = (
            f"{node.host}:{node.port} (id: {node.id} rack: {node.rack or 'null'} isFenced: false)"
        )
        if isinstance(versions, KafkaError):
            print(f"{name} -> ERROR: {versions.message}")
        else:
            print(f"{name} -> {_listed(versions)}")


def _node_hash(node: Node) -> int:
    """Node.hashCode; that of `false` is 1237."""
    result = 31 + string_hash(node.host)
    for part in (node.id, node.port, string_hash(node.rack or ""), 1237):
        result = 31 * result + part
    return result & 0xFFFFFFFF


def _listed(versions: ApiVersions) -> str:
    known = apis()
    keys = sorted({*versions, *broker_apis()})
    lines = (_line(key, known.get(key), versions.get(key)) for key in keys)
    return "(\n\t" + ",\n\t".join(lines) + "\n)"


def _line(key: int, api: Api | None, versions: tuple[int, int] | None) -> str:
    name = f"{api.name if api else 'UNKNOWN'}({key}): "
    if versions is None:
        return name + "UNSUPPORTED"
    low, high = versions
    line = name + (f"{low}" if low == high else f"{low} to {high}")
    if api is None:
        return line
    if api.newest < low:
        return line + " [unusable: node too new]"
    if high < api.oldest:
        return line + " [unusable: node too old]"
    return f"{line} [usable: {min(api.newest, high)}]"
