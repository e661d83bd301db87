"""`moldau topics describe` and `health`: partitions, configs, offsets; what is wrong with them."""

from __future__ import annotations

import argparse

from moldau.client import topics as client
from moldau.client.admin import Admin
from moldau.client.offsets import EARLIEST, LATEST, list_offsets_of_each
from moldau.protocol.uuids import to_text
from moldau.tools.cli_frame import Failure, print_json, show
from moldau.tools.cli_places import matching
from moldau.tools.cli_where import span
from moldau.tools.partition_reports import REPORTS, least_isr, reports_on

Rows = list[dict[str, object]]
_COLUMNS = ("partition", "leader", "replicas", "in sync")
_HEALTH = ("topic", "partition", "leader", "replicas", "in sync", "min isr", "problems")


def add_describe_options(action: argparse.ArgumentParser) -> None:
    action.add_argument("topic", nargs="*", help="names, or patterns such as 'log-*'")
    action.add_argument("--all", action="store_true", help="every topic but internal ones")
    action.add_argument("--offsets", action="store_true", help="where partitions begin and end")
    action.add_argument("--all-configs", action="store_true", help="defaults, too")


def add_health_options(action: argparse.ArgumentParser) -> None:
    action.add_argument("topic", nargs="*", help="names, or patterns; all if none is named")
    for report in REPORTS:
        action.add_argument(f"--{report}", action="store_true", help=f"only {report} partitions")


def known_names(connection: Admin, *, internal: bool = True) -> list[str]:
    return [t.name for t in client.list_topics(connection) if internal or not t.internal]


def chosen_topics(connection: Admin, words: list[str]) -> list[str]:
    """Raises Failure."""
    return matching(words, known_names(connection), "topic")


def describe(connection: Admin, arguments: argparse.Namespace) -> None:
    if arguments.all == bool(arguments.topic):
        raise Failure("Name topics, or say --all.")
    if arguments.all:
        names = known_names(connection, internal=False)
    else:
        names = chosen_topics(connection, arguments.topic)
    configs = client.describe_topic_configs(connection, names)
    for number, topic in enumerate(client.describe_topics(connection, names)):
        entries = configs[topic.name]
        own = {e.name: e.value for e in entries if arguments.all_configs or not e.is_default}
        rows = _rows(connection, topic, arguments.offsets)
        if arguments.json:
            print_json(
                {"topic": topic.name, "id": to_text(topic.id), "configs": own, "partitions": rows}
            )
            continue
        if number:
            print()
        print(f"{topic.name}  {to_text(topic.id)}")
        for name, value in own.items():
            print(f"  {name} = {value}")
        more = ("begin", "end", "records") if arguments.offsets else ()
        show(rows, [*_COLUMNS, *more], False)


def _rows(connection: Admin, topic: client.TopicDescription, with_offsets: bool) -> Rows:
    rows: Rows = [_row(partition) for partition in sorted(topic.partitions)]
    if with_offsets:
        places = [(topic.name, p.id) for p in sorted(topic.partitions)]
        begins = list_offsets_of_each(connection, places, EARLIEST)
        ends = list_offsets_of_each(connection, places, LATEST)
        for place, row in zip(places, rows, strict=True):
            row |= span(begins[place], ends[place])
    return rows


def _row(partition: client.Partition) -> dict[str, object]:
    return {
        "partition": partition.id,
        "leader": None if partition.leader < 0 else partition.leader,
        "replicas": partition.replicas,
        "in sync": partition.isr,
    }


def health(connection: Admin, arguments: argparse.Namespace) -> int:
    """Exit code 1 when there is something to show. A topic with as many in sync as it must have is
    named only when that is asked for: with one replica that is always so."""
    asked = [report for report in REPORTS if getattr(arguments, report.replace("-", "_"))]
    wanted = set(asked or REPORTS[:-1])
    words = arguments.topic
    names = chosen_topics(connection, words) if words else known_names(connection)
    topics = client.describe_topics(connection, names)
    configs = client.describe_topic_configs(connection, names)
    places = [(t.name, p.id) for t in topics for p in t.partitions]
    moving = client.list_reassignments(connection, places)
    alive = {broker.id for broker in connection.brokers("listNodes")}
    rows: Rows = []
    for topic in topics:
        least = least_isr(configs[topic.name])
        for partition in sorted(topic.partitions):
            change = moving.get((topic.name, partition.id))
            found = [r for r in reports_on(partition, change, least, alive) if r in wanted]
            if found:
                about = {"topic": topic.name, **_row(partition), "min isr": least}
                rows.append({**about, "problems": found})
    if rows or arguments.json:
        show(rows, _HEALTH, arguments.json)
    else:
        print(f"{len(places)} partitions of {len(topics)} topics: nothing to report.")
    return 1 if rows else 0
