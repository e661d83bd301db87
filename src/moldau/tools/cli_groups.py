"""`moldau groups`: consumer groups, their lag and members; reset and delete."""

from __future__ import annotations

import argparse

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError, Refused
from moldau.client.groups import (
    GroupDescription,
    delete_groups,
    describe_group,
    list_consumer_groups,
)
from moldau.client.offsets import (
    EARLIEST,
    LATEST,
    commit_offsets,
    committed_offsets,
    list_offsets,
)
from moldau.client.topics import describe_topics
from moldau.protocol.errors import ErrorCode
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
from moldau.tools.java_time import BadTime, parse_moment

_OFFSET_COLUMNS = ("topic", "partition", "offset", "end", "lag", "member", "client")


def main(argv: list[str]) -> int:
    arguments = options().parse_args(with_action(argv))
    return guarded("groups", lambda: _run(arguments))


def options() -> argparse.ArgumentParser:
    top = parser("groups", "Consumer groups of a Kafka.")
    actions = top.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser("list", help="the groups (what `moldau groups` alone does)")
    describe = actions.add_parser("describe", help="offsets, lag and members of a group")
    describe.add_argument("group")
    reset = actions.add_parser(
        "reset", help="set a group's offsets; shows the plan unless --execute"
    )
    reset.add_argument("group")
    reset.add_argument("-t", "--topic", required=True, action="append", help="may be repeated")
    reset.add_argument(
        "--to",
        required=True,
        metavar="WHERE",
        help="earliest, latest, an offset, or a time such as 2026-11-24T10:30:00.000",
    )
    reset.add_argument("--execute", action="store_true", help="do it")
    delete = actions.add_parser("delete", help="delete groups and what they have committed")
    delete.add_argument("group", nargs="+")
    for action in (listing, describe, reset, delete):
        add_common(action)
    return top


def _run(arguments: argparse.Namespace) -> int:
    actions = {"list": _list, "describe": _describe, "reset": _reset, "delete": _delete}
    with admin(arguments.bootstrap_server) as connection:
        return actions[arguments.action](connection, arguments)


def _list(connection: Admin, arguments: argparse.Namespace) -> int:
    rows: list[dict[str, object]] = [
        {"group": group.id, "state": group.state, "type": group.type}
        for group in list_consumer_groups(connection)
    ]
    show(rows, ("group", "state", "type"), arguments.json)
    return 0


def _described(connection: Admin, group: str) -> GroupDescription:
    try:
        return describe_group(connection, group)
    except Refused as error:
        if error.code is not ErrorCode.GROUP_ID_NOT_FOUND:
            raise
        known = [found.id for found in list_consumer_groups(connection)]
        raise Failure(did_you_mean(group, known, "group", "moldau groups")) from None


def _describe(connection: Admin, arguments: argparse.Namespace) -> int:
    group = _described(connection, arguments.group)
    rows = _offset_rows(connection, group)
    if arguments.json:
        print_json(
            {
                "group": group.id,
                "state": group.state,
                "assignor": group.assignor,
                "members": [
                    {"id": m.id, "client": m.client_id, "host": m.host} for m in group.members
                ],
                "offsets": rows,
            }
        )
        return 0
    count = len(group.members)
    print(f"{group.id}  {group.state}, {count} member{'' if count == 1 else 's'}")
    show(rows, _OFFSET_COLUMNS, False)
    return 0


def _offset_rows(connection: Admin, group: GroupDescription) -> list[dict[str, object]]:
    committed = committed_offsets(connection, group.id)
    owners = {partition: member for member in group.members for partition in member.partitions}
    places = sorted({*committed, *owners})
    ends = list_offsets(connection, places, LATEST)
    rows: list[dict[str, object]] = []
    for place in places:
        known = committed.get(place)
        owner = owners.get(place)
        rows.append(
            {
                "topic": place[0],
                "partition": place[1],
                "offset": known.offset if known else None,
                "end": ends[place],
                "lag": ends[place] - known.offset if known else None,
                "member": owner.id if owner else None,
                "client": owner.client_id if owner else None,
            }
        )
    return rows


def _reset(connection: Admin, arguments: argparse.Namespace) -> int:
    plan = _planned(connection, arguments.topic, arguments.to)
    if arguments.execute:
        _check_empty(connection, arguments.group)
        commit_offsets(connection, arguments.group, plan)
    rows: list[dict[str, object]] = [
        {"topic": topic, "partition": partition, "offset": offset}
        for (topic, partition), offset in sorted(plan.items())
    ]
    if arguments.json:
        print_json({"group": arguments.group, "executed": arguments.execute, "offsets": rows})
        return 0
    show(rows, ("topic", "partition", "offset"), False)
    if not arguments.execute:
        print("Nothing was changed: add --execute to do it.")
    return 0


def _check_empty(connection: Admin, group: str) -> None:
    try:
        state = describe_group(connection, group).state
    except Refused as error:
        if error.code is ErrorCode.GROUP_ID_NOT_FOUND:
            return
        raise
    if state not in ("Empty", "Dead"):
        raise Failure(f"Group {group!r} is {state}: stop its consumers, then reset.")


def _planned(connection: Admin, topics: list[str], where: str) -> dict[tuple[str, int], int]:
    places = []
    for name in topics:
        try:
            (topic,) = describe_topics(connection, [name])
        except Refused:
            raise Failure(
                f"There is no topic {name!r}; `moldau topics` shows what is there."
            ) from None
        places += [(topic.name, p.id) for p in topic.partitions]
    begins = list_offsets(connection, places, EARLIEST)
    ends = list_offsets(connection, places, LATEST)
    if where == "earliest":
        return begins
    if where == "latest":
        return ends
    if where.isdigit():
        return {place: max(begins[place], min(int(where), ends[place])) for place in places}
    try:
        found = list_offsets(connection, places, parse_moment(where))
    except BadTime:
        raise Failure(
            f"--to {where!r}: say earliest, latest, an offset, or a time such as "
            "2026-11-24T10:30:00.000."
        ) from None
    return {place: offset if offset >= 0 else ends[place] for place, offset in found.items()}


def _delete(connection: Admin, arguments: argparse.Namespace) -> int:
    results = delete_groups(connection, arguments.group)
    failed = {group: error for group, error in results.items() if error is not None}
    done = [group for group in results if group not in failed]
    if arguments.json:
        print_json({"deleted": done, "failed": {g: e.message for g, e in failed.items()}})
    elif done:
        print(f"Deleted {', '.join(done)}.")
    if failed:
        group, error = next(iter(failed.items()))
        raise Failure(f"Group {group!r} was not deleted: {_why(error)}")
    return 0


def _why(error: KafkaError) -> str:
    if isinstance(error, Refused) and error.code is ErrorCode.NON_EMPTY_GROUP:
        return "it has members; stop its consumers first."
    return str(error)
