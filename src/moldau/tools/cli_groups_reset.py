"""`moldau groups reset` and `delete-offsets`: where a group goes on reading.

Nothing is changed without --execute; what would be is shown as a table, or with --export as the
CSV that --from-file (and kafka-consumer-groups) reads.
"""

from __future__ import annotations

import argparse

from moldau.client.admin import Admin
from moldau.client.errors import Refused
from moldau.client.groups import describe_group
from moldau.client.offsets import (
    LATEST,
    commit_offsets,
    committed_offsets,
    delete_offsets,
    list_offsets,
)
from moldau.protocol.errors import ErrorCode
from moldau.tools.cli_frame import Failure, print_json, show
from moldau.tools.cli_groups_describe import chosen_groups, described
from moldau.tools.cli_places import is_pattern, partitions_of
from moldau.tools.cli_where import HELP, now_ms, parse_where, resolve, within
from moldau.tools.reset_csv import export_csv, read_plans

TopicPartition = tuple[str, int]
Plan = dict[TopicPartition, int]
_COLUMNS = ("topic", "partition", "offset", "new", "change")


def add_reset_options(action: argparse.ArgumentParser) -> None:
    action.add_argument("group", nargs="*", help="names, or patterns; a new one may be named too")
    action.add_argument("--all", action="store_true", help="every group")
    action.add_argument(
        "-t", "--topic", action="append", default=[], metavar="TOPIC[:0,1]", help="may be repeated"
    )
    action.add_argument("--all-topics", action="store_true", help="all that it has committed")
    how = action.add_mutually_exclusive_group(required=True)
    how.add_argument("--to", metavar="WHERE", help=f"current, {HELP}".replace("%", "%%"))
    how.add_argument("--shift-by", type=int, metavar="N", help="N forward, or back with -N")
    how.add_argument("--from-file", metavar="CSV", help="[group,]topic,partition,offset")
    action.add_argument("--export", action="store_true", help="print the plan as CSV")
    action.add_argument("--execute", action="store_true", help="do it")


def add_delete_options(action: argparse.ArgumentParser) -> None:
    action.add_argument("group")
    action.add_argument(
        "-t", "--topic", action="append", required=True, metavar="TOPIC[:0,1]",
        help="may be repeated",
    )  # fmt: skip


def reset(connection: Admin, arguments: argparse.Namespace) -> int:
    """Plans for all groups first: an error changes nothing."""
    if not arguments.from_file and arguments.all_topics == bool(arguments.topic):
        raise Failure("Say which topics: --topic TOPIC[:0,1], or --all-topics.")
    groups = _groups(connection, arguments)
    before = {group: _committed(connection, group) for group in groups}
    plans = _plans(connection, arguments, before)
    if arguments.execute:
        for group in plans:
            _check_empty(connection, group)
        for group, plan in plans.items():
            commit_offsets(connection, group, plan)
    if arguments.export:
        print(export_csv(plans, len(plans) == 1), end="")
        return 0
    for group, plan in plans.items():
        _show(group, plan, before[group], arguments)
    if not arguments.execute and not arguments.json:
        print("Nothing was changed: add --execute to do it.")
    return 0


def _groups(connection: Admin, arguments: argparse.Namespace) -> list[str]:
    """A group that is not there yet can be given offsets; a pattern cannot mean one."""
    if arguments.all or not arguments.group or any(map(is_pattern, arguments.group)):
        return chosen_groups(connection, arguments)
    return list(dict.fromkeys(arguments.group))


def _committed(connection: Admin, group: str) -> Plan:
    try:
        return {p: known.offset for p, known in committed_offsets(connection, group).items()}
    except Refused as error:
        if error.code is not ErrorCode.GROUP_ID_NOT_FOUND:
            raise
        return {}


def _plans(
    connection: Admin, arguments: argparse.Namespace, before: dict[str, Plan]
) -> dict[str, Plan]:
    if arguments.from_file:
        return _from_file(connection, arguments.from_file, list(before))
    named = partitions_of(connection, arguments.topic)
    plans = {}
    for group, committed in before.items():
        places = sorted(committed) if arguments.all_topics else named
        if not places:
            raise Failure(f"{group!r} has committed nothing: name its topics with --topic.")
        plans[group] = _plan(connection, arguments, group, places, committed)
    return plans


def _plan(
    connection: Admin,
    arguments: argparse.Namespace,
    group: str,
    places: list[TopicPartition],
    committed: Plan,
) -> Plan:
    if arguments.shift_by is not None:
        without = [place for place in places if place not in committed]
        if without:
            topic, partition = without[0]
            raise Failure(
                f"{group!r} has committed nothing of {topic}:{partition}, so nothing can be "
                "shifted: use --to."
            )
        return within(connection, {p: committed[p] + arguments.shift_by for p in places})
    if arguments.to == "current":
        new = [place for place in places if place not in committed]
        ends = list_offsets(connection, new, LATEST)
        return {place: committed.get(place, ends.get(place, 0)) for place in places}
    return resolve(connection, places, parse_where(arguments.to, now_ms))


def _from_file(connection: Admin, path: str, groups: list[str]) -> dict[str, Plan]:
    plans = read_plans(path, groups)
    missing = [group for group in groups if group not in plans]
    if missing:
        raise Failure(f"{path} has no line for group {missing[0]!r}: it speaks of {_list(plans)}.")
    chosen = {group: plans[group] for group in groups}
    partitions_of(connection, {f"{t}:{p}" for plan in chosen.values() for t, p in plan})
    return {group: within(connection, plan) for group, plan in chosen.items()}


def _list(names: dict[str, Plan]) -> str:
    return ", ".join(map(repr, names))


def _check_empty(connection: Admin, group: str) -> None:
    try:
        state = describe_group(connection, group).state
    except Refused as error:
        if error.code is ErrorCode.GROUP_ID_NOT_FOUND:
            return
        raise
    if state not in ("Empty", "Dead"):
        raise Failure(f"Group {group!r} is {state}: stop its consumers, then reset.")


def _show(group: str, plan: Plan, before: Plan, arguments: argparse.Namespace) -> None:
    rows: list[dict[str, object]] = [
        {
            "topic": place[0],
            "partition": place[1],
            "offset": before.get(place),
            "new": offset,
            "change": offset - before[place] if place in before else None,
        }
        for place, offset in sorted(plan.items())
    ]
    if arguments.json:
        print_json({"group": group, "executed": arguments.execute, "offsets": rows})
        return
    if len(arguments.group) != 1 or arguments.all:
        print(group)
    show(rows, _COLUMNS, False)


def delete(connection: Admin, arguments: argparse.Namespace) -> int:
    """Every partition is told; one that failed makes the exit code 1."""
    described(connection, arguments.group)  # a name that is not there gets a better sentence
    places = _of_committed(connection, arguments)
    codes = delete_offsets(connection, arguments.group, places)
    failed = {place: Refused(code) for place, code in codes.items() if code}
    rows: list[dict[str, object]] = [
        {"topic": place[0], "partition": place[1], "error": _why(failed.get(place))}
        for place in places
    ]
    show(rows, ("topic", "partition", *(["error"] if failed else [])), arguments.json)
    return 1 if failed else 0


def _of_committed(connection: Admin, arguments: argparse.Namespace) -> list[TopicPartition]:
    """The topic may be gone while its offsets are there: those that are committed are meant."""
    committed = sorted(_committed(connection, arguments.group))
    topics = {topic for topic, _ in committed}
    gone = [word for word in arguments.topic if word in topics]
    others = partitions_of(connection, [word for word in arguments.topic if word not in topics])
    chosen = [place for place in committed if place[0] in gone or place in others]
    if not chosen:
        raise Failure(
            f"Group {arguments.group!r} has committed nothing of {', '.join(arguments.topic)}: "
            f"`moldau groups describe {arguments.group}` shows what it has."
        )
    return chosen


def _why(error: Refused | None) -> str | None:
    if error is None:
        return None
    if error.code is ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC:
        return "its members read this topic: stop them first"
    return error.message
