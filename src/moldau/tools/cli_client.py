"""What `produce`, `consume` and `perf` share: configs of the client under Java's names, and the
topics that are meant."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moldau.client.errors import BadSettings
from moldau.client.topics import list_partitions
from moldau.tools.cli_frame import Failure, admin
from moldau.tools.cli_places import extent, matching
from moldau.tools.cli_values import named_values

PATIENCE_S = 30.0
TopicPartition = tuple[str, int]


def add_client_options(top: argparse.ArgumentParser) -> None:
    top.add_argument(
        "-X", "--property", action="append", default=[], metavar="NAME=VALUE",
        help="a config of the client under Java's name; may be repeated",
    )  # fmt: skip
    top.add_argument("--command-config", metavar="FILE", help="such configs, from a file")


def client_config(
    arguments: argparse.Namespace, kind: str, ours: Mapping[str, str]
) -> dict[str, Any]:
    """librdkafka's configuration of a producer or consumer; `ours` are the defaults. Raises
    Failure."""
    from moldau.tools.frame import properties_of
    from moldau.tools.java_client import librdkafka_config

    typed = dict(properties_of(arguments.command_config)) if arguments.command_config else {}
    typed |= named_values(arguments.property)
    defaults = {"bootstrap.servers": arguments.bootstrap_server, **ours}
    try:
        return librdkafka_config(typed, defaults, kind, note(arguments.command))
    except BadSettings as error:
        raise Failure(f"{error}") from None


def note(command: str) -> Callable[[str], None]:
    return lambda text: print(f"moldau {command}: {text}", file=sys.stderr)


def topics_in(arguments: argparse.Namespace, words: Sequence[str]) -> list[TopicPartition]:
    """All partitions of the topics. Raises Failure for one that is not there."""
    with admin(arguments.bootstrap_server) as connection:
        known = list_partitions(connection)
    topics = sorted({topic for topic, _ in known})
    chosen = matching(words, topics, "topic", "moldau topics")
    return [place for place in known if place[0] in chosen]


def check_partitions(places: Sequence[TopicPartition], wanted: Sequence[int]) -> None:
    """Raises Failure when none of the topics has such a partition."""
    there = {number for _, number in places}
    for number in wanted:
        if number not in there:
            raise Failure(f"{places[0][0]} has no partition {number}: {extent(there)}.")
