"""`moldau topics`: list, create, describe, grow and delete topics."""

from __future__ import annotations

import argparse

from moldau.client import topics as client
from moldau.client.admin import Admin
from moldau.client.errors import KafkaError, Refused
from moldau.protocol.errors import ErrorCode
from moldau.protocol.uuids import to_text
from moldau.tools.cli_frame import (
    Failure,
    add_common,
    admin,
    did_you_mean,
    guarded,
    parser,
    print_json,
    show,
    with_action,
)


def main(argv: list[str]) -> int:
    arguments = options().parse_args(with_action(argv))
    return guarded("topics", lambda: _run(arguments))


def options() -> argparse.ArgumentParser:
    top = parser("topics", "Topics of a Kafka.")
    actions = top.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser("list", help="the topics (what `moldau topics` alone does)")
    listing.add_argument("--internal", action="store_true", help="internal topics too")
    create = actions.add_parser("create", help="make a topic")
    create.add_argument("topic")
    create.add_argument("-p", "--partitions", type=int, default=-1, metavar="N")
    create.add_argument("-r", "--replication-factor", type=int, default=-1, metavar="N")
    create.add_argument(
        "-c", "--config", action="append", default=[], metavar="NAME=VALUE", help="may be repeated"
    )
    create.add_argument("--if-not-exists", action="store_true")
    describe = actions.add_parser("describe", help="one topic, its configs and partitions")
    describe.add_argument("topic")
    grow = actions.add_parser("grow", help="add partitions")
    grow.add_argument("topic")
    grow.add_argument("partitions", type=int, help="how many there shall be")
    delete = actions.add_parser("delete", help="delete topics and all that is in them")
    delete.add_argument("topic", nargs="+")
    for action in (listing, create, describe, grow, delete):
        add_common(action)
    return top


def _run(arguments: argparse.Namespace) -> int:
    actions = {
        "list": _list,
        "create": _create,
        "describe": _describe,
        "grow": _grow,
        "delete": _delete,
    }
    with admin(arguments.bootstrap_server) as connection:
        actions[arguments.action](connection, arguments)
    return 0


def _list(connection: Admin, arguments: argparse.Namespace) -> None:
    names = [
        topic.name
        for topic in client.list_topics(connection)
        if arguments.internal or not topic.internal
    ]
    rows: list[dict[str, object]] = [
        {
            "topic": topic.name,
            "partitions": len(topic.partitions),
            "replicas": len(topic.partitions[0].replicas),
            "id": to_text(topic.id),
        }
        for topic in client.describe_topics(connection, names)
    ]
    show(rows, ("topic", "partitions", "replicas", "id"), arguments.json)


def _create(connection: Admin, arguments: argparse.Namespace) -> None:
    configs = {}
    for word in arguments.config:
        name, equals, value = word.partition("=")
        if not equals:
            raise Failure(f"--config {word!r}: write it as NAME=VALUE.")
        configs[name] = value
    try:
        client.create_topic(
            connection,
            arguments.topic,
            arguments.partitions,
            arguments.replication_factor,
            configs=configs,
        )
    except Refused as error:
        exists = error.code is ErrorCode.TOPIC_ALREADY_EXISTS
        if not (exists and arguments.if_not_exists):
            raise _explained(connection, error) from None
    _done(arguments, f"Topic {arguments.topic} is there.")


def _explained(connection: Admin, error: Refused) -> KafkaError:
    if error.code is ErrorCode.INVALID_REPLICATION_FACTOR:
        count = len(connection.brokers("listNodes"))
        return KafkaError(error.message, f"There {_are(count)}: leave --replication-factor out.")
    advice = {
        ErrorCode.TOPIC_ALREADY_EXISTS: "Choose another name, or add --if-not-exists.",
        ErrorCode.INVALID_TOPIC_EXCEPTION: "Use up to 249 of a-z A-Z 0-9 . _ -",
        ErrorCode.INVALID_PARTITIONS: "Partitions can be added, never removed.",
    }
    return KafkaError(error.message, advice.get(error.code, ""))


def _are(count: int) -> str:
    return "is 1 broker" if count == 1 else f"are {count} brokers"


def _describe(connection: Admin, arguments: argparse.Namespace) -> None:
    _check_known(connection, [arguments.topic])
    (topic,) = client.describe_topics(connection, [arguments.topic])
    entries = client.describe_topic_configs(connection, [topic.name])[topic.name]
    own = {e.name: e.value for e in entries if not e.is_default}
    rows: list[dict[str, object]] = [
        {
            "partition": p.id,
            "leader": None if p.leader < 0 else p.leader,
            "replicas": p.replicas,
            "in sync": p.isr,
        }
        for p in sorted(topic.partitions)
    ]
    if arguments.json:
        print_json(
            {"topic": topic.name, "id": to_text(topic.id), "configs": own, "partitions": rows}
        )
        return
    print(f"{topic.name}  {to_text(topic.id)}")
    for name, value in own.items():
        print(f"  {name} = {value}")
    show(rows, ("partition", "leader", "replicas", "in sync"), False)


def _grow(connection: Admin, arguments: argparse.Namespace) -> None:
    _check_known(connection, [arguments.topic])
    try:
        client.create_partitions(connection, {arguments.topic: arguments.partitions}, {})
    except Refused as error:
        raise _explained(connection, error) from None
    _done(arguments, f"Topic {arguments.topic} has {arguments.partitions} partitions.")


def _delete(connection: Admin, arguments: argparse.Namespace) -> None:
    _check_known(connection, arguments.topic)
    client.delete_topics(connection, arguments.topic)
    _done(arguments, f"Deleted {', '.join(arguments.topic)}.")


def _check_known(connection: Admin, names: list[str]) -> None:
    known = [topic.name for topic in client.list_topics(connection)]
    for name in names:
        if name not in known:
            raise Failure(did_you_mean(name, known, "topic", "moldau topics"))


def _done(arguments: argparse.Namespace, text: str) -> None:
    if arguments.json:
        print_json({"done": arguments.action, "topic": arguments.topic})
    else:
        print(text)
