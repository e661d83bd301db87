"""What can be asked of a mirror."""

from __future__ import annotations

import argparse
from typing import NamedTuple

from moldau.client.command_line import Parser


class MirrorOptions(NamedTuple):
    source: str
    target: str
    topics: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    follow: bool = False
    replication_factor: int = -1
    name: str | None = None
    plain: bool = False


def options() -> argparse.ArgumentParser:
    parser = Parser(
        "moldau mirror",
        description="Copies topics, records and the offsets of groups from one Kafka to another. "
        "Stopped or killed at any moment and started again, it goes on where the target says.",
    )
    add = parser.add_argument
    add("--from", dest="source", required=True, metavar="HOST:PORT", help="the Kafka to copy")
    add("--to", dest="target", required=True, metavar="HOST:PORT", help="the Kafka to copy to")
    add(
        "--topics",
        action="append",
        default=[],
        metavar="REGEX",
        help="topics whose whole name matches; may be repeated (default: all but internal ones)",
    )
    add(
        "--groups",
        action="append",
        default=[],
        metavar="REGEX",
        help="consumer groups whose whole name matches; may be repeated (default: all)",
    )
    add(
        "--follow",
        action="store_true",
        help="go on with what is produced meanwhile, until Ctrl-C; then check and end",
    )
    add(
        "--replication-factor",
        type=_replicas,
        default=-1,
        metavar="N",
        help="of the topics that are created (default: the target's)",
    )
    add(
        "--name",
        help="of this mirror, where several go on between two clusters at the same time "
        "(default: the id of the cluster that is copied)",
    )
    add("--plain", action="store_true", help="print lines, even on a terminal")
    return parser


def parsed(arguments: argparse.Namespace) -> MirrorOptions:
    return MirrorOptions(
        arguments.source,
        arguments.target,
        tuple(arguments.topics),
        tuple(arguments.groups),
        arguments.follow,
        arguments.replication_factor,
        arguments.name,
        arguments.plain,
    )


def _replicas(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 0x7FFF:
        raise argparse.ArgumentTypeError(f"{text} is no number of replicas: use 1 or more")
    return value
