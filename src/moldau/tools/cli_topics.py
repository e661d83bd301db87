"""`moldau topics`: list, create, describe, grow and delete topics; report on their health."""

from __future__ import annotations

import argparse
import time
from functools import partial

from moldau.client import topics as client
from moldau.client.admin import Admin
from moldau.client.errors import KafkaError, Refused
from moldau.protocol.errors import ErrorCode
from moldau.protocol.uuids import to_text
from moldau.tools import cli_topics_describe as described
from moldau.tools import config_names
from moldau.tools.cli_frame import (
    Failure,
    add_action,
    admin,
    guarded,
    parser,
    print_json,
    show,
    with_action,
)
from moldau.tools.cli_places import is_pattern, matching
from moldau.tools.cli_values import named_values
from moldau.tools.partition_reports import parse_assignment

_SEEN_WITHIN_S, _LOOK_EVERY_S = 5.0, 0.02


def main(argv: list[str]) -> int:
    arguments = options().parse_args(with_action(argv))
    return guarded("topics", lambda: _run(arguments))


def options() -> argparse.ArgumentParser:
    top = parser("topics", "Topics of a Kafka.")
    actions = top.add_subparsers(dest="action", metavar="ACTION")

    action = partial(add_action, actions)
    listing = action("list", "the topics (what `moldau topics` alone does)")
    listing.add_argument("topic", nargs="*", help="only these; patterns such as 'log-*'")
    listing.add_argument("--internal", action="store_true", help="internal topics too")
    listing.add_argument("--overrides", action="store_true", help="only those with own configs")
    _add_create_options(action("create", "make topics"))
    described.add_describe_options(action("describe", "configs and partitions of topics"))
    described.add_health_options(
        action("health", "partitions that are unavailable, under-replicated or under min ISR")
    )
    grow = action("grow", "add partitions; which partition a key is in changes with it")
    grow.add_argument("topic")
    grow.add_argument("partitions", type=int, help="how many there shall be")
    _add_assignment(grow, "of the new partitions")
    delete = action("delete", "delete topics and all that is in them")
    delete.add_argument("topic", nargs="+", help="names, or with --yes patterns such as 'test-*'")
    delete.add_argument("--if-exists", action="store_true", help="a missing topic is no failure")
    delete.add_argument("-y", "--yes", action="store_true", help="do it for patterns, too")
    return top


def _add_create_options(create: argparse.ArgumentParser) -> None:
    create.add_argument("topic", nargs="+")
    create.add_argument("-p", "--partitions", type=int, default=-1, metavar="N")
    create.add_argument("-r", "--replication-factor", type=int, default=-1, metavar="N")
    create.add_argument(
        "-c", "--config", action="append", default=[], metavar="NAME=VALUE",
        help="may be repeated; 7d and 1GB are understood (retention.ms=7d)",
    )  # fmt: skip
    _add_assignment(create, "in the place of both numbers")
    create.add_argument("--if-not-exists", action="store_true", help="one that is there will do")
    create.add_argument("--dry-run", action="store_true", help="only ask whether it could be made")


def _add_assignment(action: argparse.ArgumentParser, about: str) -> None:
    action.add_argument(
        "--assignment",
        metavar="1:2,2:1",
        help=f"brokers, leader first, partition by partition; {about}",
    )


def _run(arguments: argparse.Namespace) -> int:
    actions = {
        "list": _list,
        "create": _create,
        "describe": described.describe,
        "health": described.health,
        "grow": _grow,
        "delete": _delete,
    }
    with admin(arguments.bootstrap_server) as connection:
        return actions[arguments.action](connection, arguments) or 0


def _list(connection: Admin, arguments: argparse.Namespace) -> None:
    shows_internal = arguments.internal or any(word.startswith("__") for word in arguments.topic)
    names = described.known_names(connection, internal=shows_internal)
    if arguments.topic:
        names = matching(arguments.topic, names, "topic")
    if arguments.overrides:
        configs = client.describe_topic_configs(connection, names)
        names = [name for name in names if any(entry.is_own for entry in configs[name])]
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
    configs = named_values(arguments.config)
    assignment = parse_assignment(arguments.assignment)
    if assignment and (arguments.partitions, arguments.replication_factor) != (-1, -1):
        raise Failure("--assignment says it all: leave --partitions and --replication-factor out.")
    for name in arguments.topic:
        try:
            client.create_topic(
                connection,
                name,
                arguments.partitions,
                arguments.replication_factor,
                assignment,
                configs,
                validate_only=arguments.dry_run,
            )
        except Refused as error:
            exists = error.code is ErrorCode.TOPIC_ALREADY_EXISTS
            if not (exists and arguments.if_not_exists):
                raise _explained(connection, error) from None
        if not arguments.dry_run:
            _await(connection, name)
        could = "could be made" if arguments.dry_run else "is there"
        _done(arguments, name, f"Topic {name} {could}.")


def _await(connection: Admin, topic: str, least: int = 1) -> None:
    """Until the broker knows what the controller has done: the next command asks it."""
    deadline = time.monotonic() + _SEEN_WITHIN_S
    while time.monotonic() < deadline:
        try:
            (found,) = client.describe_topics(connection, [topic])
        except Refused as error:
            if error.code is not ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
                raise
        else:
            if sum(partition.leader >= 0 for partition in found.partitions) >= least:
                return
        time.sleep(_LOOK_EVERY_S)


def _explained(connection: Admin, error: Refused) -> KafkaError:
    if error.code is ErrorCode.INVALID_REPLICATION_FACTOR:
        count = len(connection.brokers("listNodes"))
        return KafkaError(error.message, f"There {_are(count)}: leave --replication-factor out.")
    advice = {
        ErrorCode.TOPIC_ALREADY_EXISTS: "Choose another name, or add --if-not-exists.",
        ErrorCode.INVALID_TOPIC_EXCEPTION: "Use up to 249 of a-z A-Z 0-9 . _ -",
        ErrorCode.INVALID_PARTITIONS: "Partitions can be added, never removed.",
    }
    message = config_names.refused(error.message) or error.message
    return KafkaError(message, advice.get(error.code, ""))


def _are(count: int) -> str:
    return "is 1 broker" if count == 1 else f"are {count} brokers"


def _grow(connection: Admin, arguments: argparse.Namespace) -> None:
    (topic,) = client.describe_topics(
        connection, described.chosen_topics(connection, [arguments.topic])
    )
    new = list(parse_assignment(arguments.assignment).values())
    assignments = {topic.name: new} if new else {}
    try:
        client.create_partitions(connection, {topic.name: arguments.partitions}, assignments)
    except Refused as error:
        raise _explained(connection, error) from None
    _await(connection, topic.name, arguments.partitions)
    _done(arguments, topic.name, f"Topic {topic.name} has {arguments.partitions} partitions.")


def _delete(connection: Admin, arguments: argparse.Namespace) -> None:
    known = described.known_names(connection)
    words = arguments.topic
    if arguments.if_exists:
        words = [word for word in words if word in known or is_pattern(word)]
    names = matching(words, known, "topic")
    if any(name not in words for name in names) and not arguments.yes:
        raise Failure(f"That is {', '.join(names)}: add --yes to delete what a pattern means.")
    client.delete_topics(connection, names)
    for name in names:
        _done(arguments, name, f"Deleted {name}.")


def _done(arguments: argparse.Namespace, topic: str, text: str) -> None:
    if arguments.json:
        print_json({"done": arguments.action, "topic": topic})
    else:
        print(text)
