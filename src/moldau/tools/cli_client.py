"""What `produce`, `consume` and `perf` share: configs of the client under Java's names, the
producer, and the topics that are meant."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moldau.client.admin import Admin
from moldau.client.errors import BadSettings
from moldau.client.topics import list_partitions
from moldau.tools.cli_frame import Failure
from moldau.tools.cli_places import extent, matching
from moldau.tools.cli_values import named_values

PATIENCE_S = 30.0
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
_SLICE_S = 0.1
# Configs of librdkafka that say whether what is sent again may be there twice.
_SAY_IT = {
    "enable.idempotence",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "retries",
}
TopicPartition = tuple[str, int]


def add_client_options(top: argparse.ArgumentParser) -> None:
    top.add_argument(
        "-X", "--property", action="append", default=[], metavar="NAME=VALUE",
        help="a config of the client under Java's name; may be repeated",
    )  # fmt: skip
    top.add_argument("--command-config", metavar="FILE", help="such configs, from a file")


def add_producer_options(action: argparse.ArgumentParser) -> None:
    action.add_argument("-z", "--compression", choices=CODECS, default="none")
    action.add_argument("--acks", choices=("0", "1", "all"), default="all")


def make_producer(
    arguments: argparse.Namespace,
    transactional_id: str | None = None,
    more: Mapping[str, Any] | None = None,
    *,
    sends_again_once: bool = False,
) -> Any:
    """A producer as the options say; `more` are configs of librdkafka. `sends_again_once`: where
    nothing that was typed forbids it, what is sent again is there once. Raises Failure."""
    from confluent_kafka import KafkaException, Producer

    ours = {"acks": arguments.acks, "compression.type": arguments.compression}
    if arguments.acks != "all":
        ours["enable.idempotence"] = "false"
    if transactional_id is not None:
        ours["transactional.id"] = transactional_id
    try:
        config = client_config(arguments, "producer", ours)
        if sends_again_once and config["acks"] in ("all", "-1") and not _SAY_IT & config.keys():
            config["enable.idempotence"] = True
        return Producer({**config, **(more or {})})
    except KafkaException as error:
        raise Failure(f"{error.args[0].str()}.") from None


def serve_until(producer: Any, until: float) -> None:
    """Deliveries are told until that time of time.monotonic(), and a rate is kept."""
    while (left := until - time.monotonic()) > 0.001:
        producer.poll(min(left, _SLICE_S))


def client_config(
    arguments: argparse.Namespace, kind: str, ours: Mapping[str, str]
) -> dict[str, Any]:
    """librdkafka's configuration of a producer or consumer; `ours` are the defaults. Raises
    Failure."""
    from moldau.tools.java_client import librdkafka_config

    typed = _configs_in(arguments.command_config) | named_values(arguments.property)
    defaults = {"bootstrap.servers": arguments.bootstrap_server, **ours}
    try:
        return librdkafka_config(typed, defaults, kind, note(arguments.command))
    except BadSettings as error:
        raise Failure(f"{error}") from None


def _configs_in(path: str | None) -> dict[str, str]:
    if path is None:
        return {}
    from moldau.tools.frame import properties_of

    return dict(properties_of(path))


def note(command: str) -> Callable[[str], None]:
    return lambda text: print(f"moldau {command}: {text}", file=sys.stderr)


def topics_in(connection: Admin, words: Sequence[str]) -> list[TopicPartition]:
    """All partitions of the topics. Raises Failure for one that is not there."""
    known = list_partitions(connection)
    topics = sorted({topic for topic, _ in known})
    chosen = matching(words, topics, "topic")
    return [place for place in known if place[0] in chosen]


def check_partitions(places: Sequence[TopicPartition], wanted: Sequence[int]) -> None:
    """Raises Failure when none of the topics has such a partition."""
    there = {number for _, number in places}
    for number in wanted:
        if number not in there:
            raise Failure(f"{places[0][0]} has no partition {number}: {extent(there)}.")
