"""`moldau groups`: consumer groups, their lag and members; reset and delete."""

from __future__ import annotations

import argparse
from functools import partial

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError, Refused
from moldau.client.groups import delete_groups, list_consumer_groups
from moldau.protocol.errors import ErrorCode
from moldau.tools import cli_groups_describe, cli_groups_reset
from moldau.tools.cli_frame import (
    Failure,
    add_action,
    admin,
    did_you_mean,
    guarded,
    parser,
    print_json,
    show,
    with_action,
)
from moldau.tools.cli_places import is_pattern, matching

_STATES = (
    "Stable", "Empty", "PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling",
    "Dead",
)  # fmt: skip
_TYPES = ("classic", "consumer")


def main(argv: list[str]) -> int:
    arguments = options().parse_args(with_action(argv))
    return guarded("groups", lambda: _run(arguments))


def options() -> argparse.ArgumentParser:
    top = parser("groups", "Consumer groups of a Kafka.")
    actions = top.add_subparsers(dest="action", metavar="ACTION")

    action = partial(add_action, actions)
    listing = action("list", "the groups (what `moldau groups` alone does)")
    listing.add_argument("group", nargs="*", help="only these; patterns such as 'bill*'")
    listing.add_argument("--state", action="append", choices=_STATES, help="only these; repeatable")
    listing.add_argument("--type", action="append", choices=_TYPES, help="only these; repeatable")
    cli_groups_describe.add_options(action("describe", "offsets, lag, members or state of groups"))
    cli_groups_reset.add_reset_options(
        action("reset", "set offsets of groups; shows the plan unless --execute")
    )
    cli_groups_reset.add_delete_options(
        action("delete-offsets", "forget what a group has committed of some topics")
    )
    delete = action("delete", "delete groups and what they have committed")
    delete.add_argument("group", nargs="+", help="names, or patterns such as 'test-*'")
    return top


def _run(arguments: argparse.Namespace) -> int:
    actions = {
        "list": _list,
        "describe": cli_groups_describe.describe,
        "reset": cli_groups_reset.reset,
        "delete-offsets": cli_groups_reset.delete,
        "delete": _delete,
    }
    with admin(arguments.bootstrap_server) as connection:
        return actions[arguments.action](connection, arguments)


def _list(connection: Admin, arguments: argparse.Namespace) -> int:
    groups = list_consumer_groups(connection, arguments.state or (), arguments.type or ())
    names = [group.id for group in groups]
    if arguments.group:
        names = matching(arguments.group, names, "group")
    rows: list[dict[str, object]] = [
        {"group": group.id, "state": group.state, "type": group.type}
        for group in groups
        if group.id in names
    ]
    show(rows, ("group", "state", "type"), arguments.json)
    return 0


def _delete(connection: Admin, arguments: argparse.Namespace) -> int:
    names = arguments.group
    if any(map(is_pattern, names)):
        names = matching(names, cli_groups_describe.known_groups(connection), "group")
    results = delete_groups(connection, names)
    failed = {group: error for group, error in results.items() if error is not None}
    done = [group for group in results if group not in failed]
    if arguments.json:
        print_json({"deleted": done, "failed": {g: e.message for g, e in failed.items()}})
    elif done:
        print(f"Deleted {', '.join(done)}.")
    if failed:
        whys = [f"{g!r} was not deleted: {_why(connection, g, e)}" for g, e in failed.items()]
        raise Failure(f"Group {'; '.join(whys)}")
    return 0


def _why(connection: Admin, group: str, error: KafkaError) -> str:
    code = error.code if isinstance(error, Refused) else None
    if code is ErrorCode.NON_EMPTY_GROUP:
        return "it has members; stop its consumers first."
    if code is ErrorCode.GROUP_ID_NOT_FOUND:
        return did_you_mean(group, cli_groups_describe.known_groups(connection), "group")
    return str(error)
