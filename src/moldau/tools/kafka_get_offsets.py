"""kafka-get-offsets: where the logs of partitions begin and end, or were at a time.

Apache Kafka: org.apache.kafka.tools.GetOffsetShell, 4.3.1.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import NoReturn

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError
from moldau.client.near_names import nearest
from moldau.client.offsets import (
    EARLIEST,
    EARLIEST_LOCAL,
    EARLIEST_PENDING_UPLOAD,
    LATEST,
    LATEST_TIERED,
    MAX_TIMESTAMP,
    list_offsets_of_each,
)
from moldau.client.topics import list_partitions
from moldau.tools.frame import Stop, Tool, admin_properties, notice_of, run
from moldau.tools.java_text import parse_int, parse_long, split
from moldau.tools.options import BadOption, Option, Parsed, Parser

TopicPartition = tuple[str, int]
Wanted = Callable[[str, int], bool]
_TIMES = {
    "latest": LATEST,
    "earliest": EARLIEST,
    "max-timestamp": MAX_TIMESTAMP,
    "earliest-local": EARLIEST_LOCAL,
    "latest-tiered": LATEST_TIERED,
    "earliest-pending-upload": EARLIEST_PENDING_UPLOAD,
}
_RULE = re.compile(r"([^:,]*)(?::(?:([0-9]*)|(?:([0-9]*)-([0-9]*))))?")
_SERVER = re.compile(r".*?\[?([0-9a-zA-Z\-%._:]*)\]?:([0-9]+)")

TOOL = Tool(
    "kafka-get-offsets",
    "This tool shows the offsets of topics' partitions.",
    Parser(
        Option(
            "bootstrap-server",
            "REQUIRED: Brokers to ask, as HOST1:PORT1,HOST2:PORT2.",
            "String",
            "HOST1:PORT1,...,HOST3:PORT3",
        ),
        Option(
            "topic-partitions",
            "The partitions, as TOPIC:PARTITIONS divided by commas. TOPIC is a regular expression, "
            "or nothing for any topic; PARTITIONS is a number, a range FROM-TO (without TO), FROM-,"
            " -TO, or nothing for all.",
            "String",
            "topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3",
        ),
        Option(
            "topic",
            "The topics, as a regular expression; without it all. Not with --topic-partitions.",
            "String",
            "topic",
        ),
        Option(
            "partitions",
            "Only these partitions, divided by commas. Not with --topic-partitions.",
            "String",
            "partition ids",
        ),
        Option(
            "time",
            "Which offset: a name, its number, or the first record of a time in ms since 1970 "
            "(nothing is printed when that lies behind the last record).",
            "String",
            "<timestamp> / "
            + " / ".join(
                f"{number} or {name}"
                for name, number in sorted(_TIMES.items(), key=lambda item: -item[1])
            ),
            "latest",
        ),
        Option(
            "command-config",
            "Properties of the client, from a file.",
            "String",
            "config file",
        ),
        Option("exclude-internal-topics", "Leave out internal topics."),
    ),
)


class _Failed(Exception):
    """What was wrong, and what to do."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        options = TOOL.parse(argv)
        _check(options)
        _show(options)
    except BadOption as error:
        _fail(str(error), TOOL.bad_option(error))
    except _Failed as error:
        _fail(str(error), error.advice)
    except KafkaError as error:
        _fail(error.in_java, error.advice or error.message)
    return 0


def _fail(message: str, advice: str) -> NoReturn:
    raise Stop(f"Error occurred: {message}", f"{TOOL.name}: {advice}")


def _check(options: Parsed) -> None:
    TOOL.require(options, "bootstrap-server")
    servers = (options.value("bootstrap-server") or "").split(",")
    if not all(_SERVER.fullmatch(server) for server in servers):
        TOOL.usage(
            "Please provide valid host:port like host1:9091,host2:9092\n",
            "Say --bootstrap-server HOST:PORT, for instance localhost:9092.",
        )
    if options.has("topic-partitions") and (options.has("topic") or options.has("partitions")):
        raise _Failed(
            "--topic-partitions cannot be used with --topic or --partitions",
            "Leave out --topic and --partitions: --topic-partitions says both.",
        )


def _show(options: Parsed) -> None:
    when = _time(options.value("time") or "")
    given = options.value("topic-partitions")
    if given is not None:
        is_wanted = _rules(given)
    else:
        is_wanted = _topics_and_partitions(options.value("topic"), options.value("partitions"))
    servers = options.value("bootstrap-server") or ""
    properties = {**admin_properties(options), "client.id": "GetOffsetShell"}
    with Admin(servers, properties, notice_of(TOOL.name)) as admin:
        places = _chosen(admin, options, is_wanted)
        offsets = list_offsets_of_each(admin, places, when)
    found = {}
    for (topic, partition), offset in offsets.items():
        if isinstance(offset, KafkaError):
            print(
                f"Skip getting offsets for topic-partition {topic}-{partition} due to error: "
                f"{offset.in_java}",
                file=sys.stderr,
            )
        elif offset != -1:
            found[f"{topic}-{partition}"] = f"{topic}:{partition}:{offset}"
    # Sorted as text: t-10 stands before t-2.
    for _, line in sorted(found.items()):
        print(line)


def _chosen(admin: Admin, options: Parsed, is_wanted: Wanted) -> list[TopicPartition]:
    known = list_partitions(admin, internal=not options.has("exclude-internal-topics"))
    chosen = [place for place in known if is_wanted(*place)]
    if not chosen:
        raise _Failed(
            "Could not match any topic-partitions with the specified filters",
            _missing(options.value("topic"), {topic for topic, _ in known}),
        )
    return chosen


def _missing(topic: str | None, known: set[str]) -> str:
    near = nearest(topic, known) if topic and topic not in known else None
    if near:
        return f"There is no topic {topic!r}; did you mean {near!r}?"
    return "Nothing fits; `kafka-topics --describe` shows the topics and their partitions."


def _time(text: str) -> int:
    number = _TIMES.get(text, parse_long(text))
    if number is None:
        names = " / ".join(f"{number} or {name}" for name, number in _TIMES.items())
        raise _Failed(
            f"Malformed time argument {text}. Please use {names}, or a specified long format "
            "timestamp",
            "Say --time latest, --time earliest, or a time in milliseconds since 1970.",
        )
    return number


# --- which partitions


def _topics_and_partitions(topic: str | None, partitions: str | None) -> Wanted:
    fits = _topic_filter(topic if topic is not None else ".*")
    numbers = _partition_set(partitions)
    return lambda name, index: fits(name) and (not numbers or index in numbers)


def _partition_set(text: str | None) -> set[int]:
    """Empty means all."""
    words = split(text, ",") if text and text.strip(",") else []
    numbers = {parse_int(word) for word in words}
    found = {number for number in numbers if number is not None}
    if len(found) < len(numbers):
        raise _Failed(
            "--partitions expects a comma separated list of numeric partition ids, but received: "
            f"{text}",
            "Say for instance --partitions 0,1,2; ranges go with --topic-partitions TOPIC:0-3.",
        )
    return found


def _rules(text: str) -> Wanted:
    rules = [_rule(part) for part in split(text, ",")]
    return lambda name, index: any(rule(name, index) for rule in rules)


def _rule(text: str) -> Wanted:
    found = _RULE.fullmatch(text)
    if found is None:
        raise _Failed(
            f"org.apache.kafka.tools.TerseException: Invalid rule specification: {text}",
            "Write it as TOPIC:PARTITIONS, for instance orders:0-3 or orders:5.",
        )
    topic, one, low, high = found.groups()
    fits = _topic_filter(topic or ".*")
    if one:
        wanted = range(_index(one), _index(one) + 1)
    else:
        wanted = range(_index(low or "0"), _index(high or str(2**31 - 1)))
    return lambda name, index: index in wanted and fits(name)


def _index(digits: str) -> int:
    number = parse_int(digits)
    if number is None:
        raise _Failed(f'For input string: "{digits}"', "A partition is a number below 2147483648.")
    return number


def _topic_filter(text: str) -> Callable[[str], bool]:
    from moldau.tools.java_regex import BadRegex, topic_filter

    try:
        pattern = topic_filter(text)
    except BadRegex as error:
        raise _Failed(str(error), "--topic takes a regular expression: quote . and [.") from None
    return lambda name: pattern.fullmatch(name) is not None
