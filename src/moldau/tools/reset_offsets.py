"""kafka-consumer-groups --reset-offsets: which partitions, and to which offsets.

Apache Kafka: org.apache.kafka.tools.OffsetsUtils and CsvUtils, 4.3.1.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping

from moldau.client.admin import Admin
from moldau.client.errors import KafkaError, Refused
from moldau.client.near_names import nearest
from moldau.client.offsets import EARLIEST, LATEST, committed_offsets, list_offsets
from moldau.client.topics import describe_topics
from moldau.protocol.errors import ErrorCode
from moldau.tools.java_maps import (
    copied_order,
    described_order,
    hash_order,
    partition_hash,
    string_hash,
)
from moldau.tools.java_text import parse_int, split
from moldau.tools.java_time import BadTime, parse_duration, parse_moment
from moldau.tools.options import Parsed
from moldau.tools.reset_csv import read_plans

TopicPartition = tuple[str, int]
Plan = dict[TopicPartition, int]
SCENARIOS = (
    "by-duration",
    "from-file",
    "shift-by",
    "to-current",
    "to-datetime",
    "to-earliest",
    "to-latest",
    "to-offset",
)
_UNKNOWN_TOPIC = "org.apache.kafka.common.errors.UnknownTopicOrPartitionException"


class BadArgument(Exception):
    """An IllegalArgumentException in Java: the tool ends with its usage."""


def wrapped(error: KafkaError) -> KafkaError:
    """Java's RuntimeException around an ExecutionException around the error."""
    text = f"java.util.concurrent.ExecutionException: {error.in_java}"
    return KafkaError(text, advice_on(error))


def advice_on(error: KafkaError) -> str:
    if isinstance(error, Refused) and error.code is ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
        return "`kafka-topics --describe` shows which topics and partitions there are."
    return error.advice or error.message


class Reset:
    """One run of --reset-offsets."""

    def __init__(self, admin: Admin, options: Parsed, timeout_ms: int) -> None:
        self._admin = admin
        self._options = options
        self._timeout_ms = timeout_ms

    def plan(self, group: str) -> Plan:
        """The new offsets of a group that has no members. Raises KafkaError, BadArgument."""
        partitions = self._partitions(group)
        self._check(partitions)
        for scenario in (
            "to-offset",
            "to-earliest",
            "to-latest",
            "shift-by",
            "to-datetime",
            "by-duration",
            "from-file",
            "to-current",
        ):
            if self._options.has(scenario):
                return self._ways()[scenario](group, partitions)
        listed = ", ".join(f"[{scenario}]" for scenario in SCENARIOS)
        raise BadArgument(
            f"Option '[reset-offsets]' requires one of the following scenarios: [{listed}]"
        )

    def _ways(self) -> Mapping[str, Callable[[str, list[TopicPartition]], Plan]]:
        return {
            "to-offset": self._to_offset,
            "to-earliest": lambda _, partitions: self._to_end(partitions, EARLIEST),
            "to-latest": lambda _, partitions: self._to_end(partitions, LATEST),
            "shift-by": self._shift_by,
            "to-datetime": self._to_datetime,
            "by-duration": self._by_duration,
            "from-file": self._from_file,
            "to-current": self._to_current,
        }

    # --- which partitions

    def _partitions(self, group: str) -> list[TopicPartition]:
        options = self._options
        if options.has("all-topics"):
            return list(self._committed(group))
        if options.has("topic"):
            return self._of_topics(options.values("topic"))
        if not options.has("from-file"):
            raise BadArgument("One of the reset scopes should be defined: --all-topics, --topic.")
        return []

    def _of_topics(self, arguments: list[str]) -> list[TopicPartition]:
        chosen = [tp for a in arguments if ":" in a for tp in parse_topic_partitions(a)]
        whole = [a for a in arguments if ":" not in a]
        described = describe_topics(
            self._admin, list(dict.fromkeys(whole)), timeout_ms=self._timeout_ms
        )
        topics = described_order(described, lambda topic: string_hash(topic.name))
        return chosen + [(topic.name, p.id) for topic in topics for p in topic.partitions]

    def _check(self, partitions: list[TopicPartition]) -> None:
        """Every partition must be there and have a leader."""
        topics = sorted({topic for topic, _ in partitions})
        try:
            described = describe_topics(self._admin, topics, timeout_ms=self._timeout_ms)
        except KafkaError as error:
            raise wrapped(error) from None
        leaders = {(topic.name, p.id): p.leader for topic in described for p in topic.partitions}
        missing = [f"{t}-{p}" for t, p in partitions if (t, p) not in leaders]
        if missing:
            raise KafkaError(
                f'The partitions "{",".join(missing)}" do not exist',
                "`kafka-topics --describe` shows the partitions of a topic.",
                java_class=_UNKNOWN_TOPIC,
            )
        leaderless = [f"{t}-{p}" for t, p in partitions if leaders[t, p] < 0]
        if leaderless:
            raise KafkaError(f'The partitions "{",".join(leaderless)}" have no leader')

    # --- to which offsets

    def _committed(self, group: str) -> Plan:
        try:
            found = committed_offsets(self._admin, group, self._timeout_ms)
        except KafkaError as error:
            raise wrapped(error) from None
        return {partition: committed.offset for partition, committed in found.items()}

    def _at(self, partitions: Iterable[TopicPartition], when: int) -> Plan:
        try:
            return list_offsets(self._admin, partitions, when, self._timeout_ms)
        except KafkaError as error:
            raise wrapped(error) from None

    def _to_end(self, partitions: list[TopicPartition], which: int) -> Plan:
        _refuse_twice(partitions, lambda _: "its offset")
        return _ordered(self._at(partitions, which))

    def _to_offset(self, _: str, partitions: list[TopicPartition]) -> Plan:
        offset = self._options.numbers("to-offset")[0]
        _refuse_twice(partitions, lambda _: str(offset))
        return self._within_log(dict.fromkeys(partitions, offset))

    def _shift_by(self, group: str, partitions: list[TopicPartition]) -> Plan:
        by = self._options.number("shift-by") or 0
        committed = self._committed(group)
        for topic, partition in partitions:
            if (topic, partition) not in committed:
                raise BadArgument(
                    f"Cannot shift offset for partition {topic}-{partition} "
                    "since there is no current committed offset"
                )
        _refuse_twice(partitions, lambda tp: str(committed[tp] + by))
        return self._within_log({tp: committed[tp] + by for tp in partitions})

    def _to_datetime(self, _: str, partitions: list[TopicPartition]) -> Plan:
        try:
            when = parse_moment(self._options.values("to-datetime")[0])
        except BadTime as error:
            raise KafkaError(
                f"{error.java_class}: {error}", "Write it as 2026-11-24T10:30:00.000."
            ) from None
        return self._at_time(partitions, when)

    def _by_duration(self, _: str, partitions: list[TopicPartition]) -> Plan:
        try:
            ago = parse_duration(self._options.value("by-duration") or "")
        except BadTime as error:
            raise KafkaError(
                str(error), "Write it as P1DT2H30M: a day, 2 hours, 30 minutes."
            ) from None
        return self._at_time(partitions, time.time_ns() // 1_000_000 - ago)

    def _at_time(self, partitions: list[TopicPartition], when: int) -> Plan:
        _refuse_twice(partitions, lambda _: "its offset")
        found = self._at(partitions, when)
        behind = [partition for partition, offset in found.items() if offset < 0]
        for topic, partition in hash_order(behind, partition_hash):
            print(
                f"\nWarn: Partition {partition} from topic {topic} is empty. "
                "Falling back to latest known offset."
            )
        return _ordered(found | self._at(behind, LATEST))

    def _to_current(self, group: str, partitions: list[TopicPartition]) -> Plan:
        committed = self._committed(group)
        kept = [partition for partition in partitions if partition in committed]
        _refuse_twice(
            kept,
            lambda tp: (
                f"OffsetAndMetadata{{offset={committed[tp]}, leaderEpoch=null, metadata=''}}"
            ),
        )
        without = [partition for partition in partitions if partition not in committed]
        _refuse_twice(without, lambda _: "its offset")
        ends = _ordered(self._at(without, LATEST))
        if not kept:
            return {tp: ends[tp] for tp in copied_order(ends, partition_hash)}
        return _ordered({tp: committed[tp] for tp in kept} | ends)

    def _from_file(self, group: str, _: list[TopicPartition]) -> Plan:
        plans = read_plans(self._options.values("from-file")[0], self._options.values("group"))
        if any(offset < 0 for plan in plans.values() for offset in plan.values()):
            raise BadArgument("Invalid negative offset")
        if group not in plans:
            print(f"\nError: No reset plan for group {group} found")
            near = nearest(group, plans)
            hint = f"the file speaks of {near!r}" if near else "the file does not name it"
            print(
                f"kafka-consumer-groups: nothing is reset for {group!r}: {hint}.", file=sys.stderr
            )
            return {}
        return self._within_log(plans[group])

    def _within_log(self, wanted: Plan) -> Plan:
        """Offsets outside of a log are moved to its ends."""
        begin, end = self._at(wanted, EARLIEST), self._at(wanted, LATEST)
        moved = {}
        for partition, offset in wanted.items():
            moved[partition] = max(begin[partition], min(offset, end[partition]))
            if offset != moved[partition]:
                name = "{}-{}".format(*partition)
                print(
                    f"kafka-consumer-groups: offset {offset} is outside of {name}; "
                    f"{moved[partition]} is taken.",
                    file=sys.stderr,
                )
        return _ordered(moved)


def _ordered(plan: Plan) -> Plan:
    """In the order in which Java's hash map gives it."""
    return {tp: plan[tp] for tp in hash_order(plan, partition_hash)}


def _refuse_twice(partitions: list[TopicPartition], value: Callable[[TopicPartition], str]) -> None:
    """A partition that is named twice is an error in Java; the text has both values."""
    seen: set[TopicPartition] = set()
    for topic, partition in partitions:
        if (topic, partition) in seen:
            text = value((topic, partition))
            raise KafkaError(
                f"Duplicate key {topic}-{partition} (attempted merging values {text} and {text})",
                "Name each partition once.",
                java_class="java.lang.IllegalStateException",
            )
        seen.add((topic, partition))


def parse_topic_partitions(argument: str) -> list[TopicPartition]:
    """`topic:0,1`. Raises BadArgument."""
    parts = split(argument, ":")
    if len(parts) != 2:
        raise BadArgument(f"Invalid topic arg '{argument}', expected topic name and partitions")
    topic, partitions = parts
    chosen = []
    for partition in split(partitions, ","):
        number = parse_int(partition)
        if number is None:
            # The two quotes at the end are Kafka's.
            raise BadArgument(
                f"Invalid partition '{partition}' specified in topic arg '{argument}''"
            )
        chosen.append((topic, number))
    return chosen
