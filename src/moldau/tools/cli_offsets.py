"""`moldau offsets`: where logs begin and end, or were at a time; deleting what is old."""

from __future__ import annotations

import argparse

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError
from moldau.client.offsets import EARLIEST, LATEST, list_offsets_of_each
from moldau.client.records import delete_records
from moldau.client.topics import list_partitions
from moldau.tools.cli_frame import (
    Failure,
    add_common,
    admin,
    guarded,
    parser,
    show,
    with_action,
)
from moldau.tools.cli_places import partitions_of
from moldau.tools.cli_where import now_ms, parse_time, span

TopicPartition = tuple[str, int]


def main(argv: list[str]) -> int:
    arguments = options().parse_args(with_action(argv))
    return guarded("offsets", lambda: _run(arguments))


def options() -> argparse.ArgumentParser:
    top = parser("offsets", "Where the logs of partitions begin and end.")
    actions = top.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser(
        "list", help="begin, end and number of records (what `moldau offsets` alone does)"
    )
    listing.add_argument(
        "topic", nargs="*", help="names, TOPIC:0,1, patterns; all but internal if none is named"
    )
    listing.add_argument(
        "--at",
        metavar="TIME",
        help="the offsets at a time: 2026-11-24T10:30, 1700000000000 or @-2h",
    )
    delete = actions.add_parser("delete", help="delete the records before an offset, for good")
    delete.add_argument("topic")
    delete.add_argument("-p", "--partition", type=int, action="append", help="may be repeated")
    delete.add_argument(
        "--before", required=True, metavar="OFFSET", help="an offset, or latest for everything"
    )
    for action in (listing, delete):
        add_common(action)
    return top


def _run(arguments: argparse.Namespace) -> int:
    actions = {"list": _list, "delete": _delete}
    with admin(arguments.bootstrap_server) as connection:
        return actions[arguments.action](connection, arguments)


def _places(connection: Admin, topics: list[str]) -> list[TopicPartition]:
    if not topics:
        return list_partitions(connection, internal=False)
    return sorted(partitions_of(connection, topics))


def _list(connection: Admin, arguments: argparse.Namespace) -> int:
    places = _places(connection, arguments.topic)
    begins = list_offsets_of_each(connection, places, EARLIEST)
    ends = list_offsets_of_each(connection, places, LATEST)
    wanted = None if arguments.at is None else parse_time(arguments.at, now_ms)
    at = {} if wanted is None else list_offsets_of_each(connection, places, wanted)
    rows: list[dict[str, object]] = []
    failed = 0
    for place in places:
        begin, end, then = begins[place], ends[place], at.get(place)
        bad = next((x for x in (begin, end, then) if isinstance(x, KafkaError)), None)
        failed += bad is not None
        row = {"topic": place[0], "partition": place[1], **span(begin, end)}
        if wanted is not None:
            # Behind the last record there is none: what comes next will be at the end.
            row["at"] = row["end"] if then == -1 else None if bad else then
        if bad is not None:
            row["error"] = bad.message
        rows.append(row)
    columns = ["topic", "partition", "begin", "end", "records"]
    columns += ["at"] if wanted is not None else []
    columns += ["error"] if failed else []
    show([{"error": None, **row} for row in rows] if failed else rows, columns, arguments.json)
    return 1 if failed else 0


def _delete(connection: Admin, arguments: argparse.Namespace) -> int:
    places = _places(connection, [arguments.topic])
    if arguments.partition is not None:
        missing = [p for p in arguments.partition if (arguments.topic, p) not in places]
        if missing:
            raise Failure(
                f"{arguments.topic} has no partition {missing[0]}; it has 0 to {len(places) - 1}."
            )
        places = [place for place in places if place[1] in arguments.partition]
    if arguments.before != "latest" and not arguments.before.isdigit():
        raise Failure(f"--before {arguments.before}: give an offset, or latest.")
    before = -1 if arguments.before == "latest" else int(arguments.before)
    results = delete_records(connection, dict.fromkeys(places, before))
    rows: list[dict[str, object]] = [
        {
            "topic": topic,
            "partition": partition,
            "begin": None if isinstance(result, KafkaError) else result,
            "error": result.message if isinstance(result, KafkaError) else None,
        }
        for (topic, partition), result in sorted(results.items())
    ]
    failed = any(row["error"] for row in rows)
    columns = ("topic", "partition", "begin", *(("error",) if failed else ()))
    show(rows, columns, arguments.json)
    return 1 if failed else 0
