"""kafka-log-dirs: the log directories of brokers and the size of each replica, as JSON.

Apache Kafka: org.apache.kafka.tools.LogDirsCommand, 4.3.1. Its JSON is in the order of Java's
hash maps, and so is this.
"""

from __future__ import annotations

import json
from typing import NoReturn

from moldau.client.admin import Admin
from moldau.client.cluster import describe_cluster
from moldau.client.errors import KafkaError
from moldau.client.log_dirs import LogDir, TopicPartition, describe_log_dirs
from moldau.tools.frame import Tool, admin_properties, notice_of, run
from moldau.tools.java_maps import hash_order, partition_hash, string_hash
from moldau.tools.java_text import parse_int, split
from moldau.tools.options import BadOption, Option, Parsed, Parser

TOOL = Tool(
    "kafka-log-dirs",
    "This tool shows the log directories of brokers and what lies in them.",
    Parser(
        Option(
            "bootstrap-server",
            "REQUIRED: Brokers to ask.",
            "String",
            "The server(s) to use for bootstrapping",
        ),
        Option(
            "command-config",
            "Properties of the client, from a file.",
            "String",
            "Admin client property file",
        ),
        Option("describe", "REQUIRED: Show the directories."),
        Option("topic-list", "Only these topics, divided by commas.", "String", "Topic list", ""),
        Option("broker-list", "Only these brokers: their ids.", "String", "Broker list", ""),
    ),
)


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        options = TOOL.parse(argv)
        TOOL.require(options, "bootstrap-server", "describe")
        _describe(options)
    except BadOption as error:
        TOOL.refuse(str(error), TOOL.bad_option(error))
    except KafkaError as error:
        TOOL.refuse(error.message, error.advice or error.message)
    return 0


def _describe(options: Parsed) -> None:
    properties = {"client.id": "log-dirs-tool", **admin_properties(options)}
    servers = options.value("bootstrap-server") or ""
    with Admin(servers, properties, notice_of(TOOL.name)) as admin:
        topics = set(_words(options.value("topic-list")))
        alive = _in_order([node.id for node in describe_cluster(admin).nodes])
        wanted = _in_order(_broker_ids(options.value("broker-list")))
        missing = [broker for broker in wanted if broker not in alive]
        if missing:
            TOOL.refuse(
                f"ERROR: The given brokers do not exist from --broker-list: {_listed(missing)}. "
                f"Current existent brokers: {_listed(alive)}",
                f"Choose of {_listed(alive)}, or leave out --broker-list for all.",
            )
        brokers = [broker for broker in alive if not wanted or broker in wanted]
        print("Querying brokers for log directories information")
        found = describe_log_dirs(admin, brokers)
    print(f"Received log directory information from brokers {_listed(brokers)}")
    print(_as_json(found, topics))


def _words(text: str | None) -> list[str]:
    return [word for word in split(text or "", ",") if word]


def _broker_ids(text: str | None) -> list[int]:
    numbers = []
    for word in _words(text):
        number = parse_int(word)
        if number is None:
            TOOL.refuse(f'For input string: "{word}"', "--broker-list takes ids, such as 1,2.")
        numbers.append(number)
    return numbers


def _in_order(brokers: list[int]) -> list[int]:
    return hash_order(dict.fromkeys(brokers), lambda broker: broker & 0xFFFFFFFF)


def _listed(brokers: list[int]) -> str:
    return ",".join(map(str, brokers))


def _as_json(found: dict[int, list[LogDir]], topics: set[str]) -> str:
    brokers = [
        {
            "broker": broker,
            "logDirs": [_directory(d, topics) for d in _dirs_in_order(found[broker])],
        }
        for broker in hash_order(found, lambda broker: broker & 0xFFFFFFFF, len(found))
    ]
    everything = {"brokers": brokers, "version": 1}
    return json.dumps(everything, separators=(",", ":"), ensure_ascii=False)


def _dirs_in_order(directories: list[LogDir]) -> list[LogDir]:
    return hash_order(directories, lambda d: string_hash(d.path), len(directories))


def _directory(directory: LogDir, topics: set[str]) -> dict[str, object]:
    places = hash_order(directory.replicas, partition_hash)
    chosen = [place for place in places if not topics or place[0] in topics]
    return {
        "partitions": [_replica(directory, p) for p in hash_order(chosen, partition_hash)],
        "error": directory.error.java_class if directory.error else None,
        "logDir": directory.path,
    }


def _replica(directory: LogDir, place: TopicPartition) -> dict[str, object]:
    replica = directory.replicas[place]
    return {
        "partition": "{}-{}".format(*place),
        "size": replica.size,
        "offsetLag": replica.lag,
        "isFuture": replica.is_future,
    }
