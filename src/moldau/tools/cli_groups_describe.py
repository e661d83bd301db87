"""`moldau groups describe`: offsets and lag, members, state."""

from __future__ import annotations

import argparse

from moldau.client.admin import Admin
from moldau.client.errors import Refused
from moldau.client.groups import GroupDescription, Member, describe_group, list_consumer_groups
from moldau.client.offsets import LATEST, committed_offsets, list_offsets_of_each
from moldau.protocol.errors import ErrorCode
from moldau.tools.cli_frame import Failure, did_you_mean, print_json, show
from moldau.tools.cli_places import matching

Rows = list[dict[str, object]]
_OFFSETS = ("topic", "partition", "offset", "end", "lag", "member", "client")
_MEMBERS = ("member", "client", "host", "partitions")
_MORE_OF_MEMBERS = ("member", "instance", "client", "host", "partitions", "assigned", "epoch")
_STATE = ("group", "state", "members", "lag", "assignor", "coordinator")


def add_options(action: argparse.ArgumentParser) -> None:
    action.add_argument("group", nargs="*", help="names, or patterns such as 'bill*'")
    action.add_argument("--all", action="store_true", help="every group")
    view = action.add_mutually_exclusive_group()
    view.add_argument("--members", action="store_true", help="who is in it, and what they have")
    view.add_argument("--state", action="store_true", help="a line each: state, members, lag")
    action.add_argument(
        "-v", "--verbose", action="store_true", help="assigned partitions, epochs, metadata too"
    )


def describe(connection: Admin, arguments: argparse.Namespace) -> int:
    names = chosen_groups(connection, arguments)
    groups = [described(connection, name) for name in names]
    if arguments.state:
        rows = [_state_row(connection, group, arguments.verbose) for group in groups]
        columns = [*_STATE, *(["epoch", "target epoch"] if arguments.verbose else [])]
        show(rows, columns, arguments.json)
        return 0
    if not groups:
        show([], _OFFSETS, arguments.json)
    for number, group in enumerate(groups):
        rows = offset_rows(connection, group)
        if arguments.json:
            print_json(_whole(group, rows))
            continue
        if number:
            print()
        print(_headline(group, rows))
        if arguments.members:
            columns = [*(_MORE_OF_MEMBERS if arguments.verbose else _MEMBERS)]
            show([_member_row(member) for member in group.members], columns, False)
        else:
            more = ["leader epoch", "metadata"] if arguments.verbose else []
            show(rows, [*_OFFSETS, *more], False)
    return 0


def known_groups(connection: Admin) -> list[str]:
    return [group.id for group in list_consumer_groups(connection)]


def chosen_groups(connection: Admin, arguments: argparse.Namespace) -> list[str]:
    """The groups that are named; patterns are looked up. Raises Failure."""
    if arguments.all == bool(arguments.group):
        raise Failure("Name groups, or say --all.")
    known = known_groups(connection)
    return known if arguments.all else matching(arguments.group, known, "group")


def described(connection: Admin, group: str) -> GroupDescription:
    """Raises Failure when it is not there, KafkaError."""
    try:
        return describe_group(connection, group)
    except Refused as error:
        if error.code is not ErrorCode.GROUP_ID_NOT_FOUND:
            raise
        raise Failure(did_you_mean(group, known_groups(connection), "group")) from None


def _headline(group: GroupDescription, rows: Rows) -> str:
    count = len(group.members)
    members = f"{count} member{'' if count == 1 else 's'}"
    return f"{group.id}  {group.state}, {members}, lag {_lag(rows)}"


def _lag(rows: Rows) -> int:
    return sum(row["lag"] for row in rows if isinstance(row["lag"], int))


def _whole(group: GroupDescription, rows: Rows) -> dict[str, object]:
    return {
        "group": group.id,
        "state": group.state,
        "assignor": group.assignor,
        "coordinator": f"{group.coordinator.host}:{group.coordinator.port}",
        "epoch": group.epoch,
        "target_epoch": group.target_epoch,
        "lag": _lag(rows),
        "members": [
            {
                "id": m.id,
                "instance": m.instance_id,
                "client": m.client_id,
                "host": m.host,
                "epoch": m.epoch,
                "partitions": _by_topic(m),
            }
            for m in group.members
        ],
        "offsets": [{name.replace(" ", "_"): value for name, value in row.items()} for row in rows],
    }


def _by_topic(member: Member) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for topic, partition in sorted(member.partitions):
        found.setdefault(topic, []).append(partition)
    return found


def _member_row(member: Member) -> dict[str, object]:
    assigned = (f"{t}:{','.join(map(str, p))}" for t, p in _by_topic(member).items())
    return {
        "member": member.id,
        "instance": member.instance_id,
        "client": member.client_id,
        "host": member.host,
        "partitions": len(member.partitions),
        "assigned": " ".join(assigned),
        "epoch": member.epoch,
    }


def _state_row(connection: Admin, group: GroupDescription, verbose: bool) -> dict[str, object]:
    row: dict[str, object] = {
        "group": group.id,
        "state": group.state,
        "members": len(group.members),
        "lag": _lag(offset_rows(connection, group)),
        "assignor": group.assignor or None,
        "coordinator": f"{group.coordinator.host}:{group.coordinator.port}",
    }
    epochs = {"epoch": group.epoch, "target epoch": group.target_epoch}
    return {**row, **epochs} if verbose else row


def offset_rows(connection: Admin, group: GroupDescription) -> Rows:
    """A row for each partition that is committed or assigned. What cannot be asked (the topic is
    gone, or has no leader) has no end."""
    committed = committed_offsets(connection, group.id)
    owners = {partition: member for member in group.members for partition in member.partitions}
    places = sorted({*committed, *owners})
    ends = list_offsets_of_each(connection, places, LATEST)
    rows: Rows = []
    for place in places:
        known, owner, found = committed.get(place), owners.get(place), ends.get(place)
        end = found if isinstance(found, int) else None
        rows.append(
            {
                "topic": place[0],
                "partition": place[1],
                "offset": known.offset if known else None,
                "end": end,
                "lag": end - known.offset if known and end is not None else None,
                "member": owner.id if owner else None,
                "client": owner.client_id if owner else None,
                "leader epoch": known.leader_epoch if known else None,
                "metadata": (known.metadata or None) if known else None,
            }
        )
    return rows
