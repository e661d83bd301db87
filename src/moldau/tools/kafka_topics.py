"""kafka-topics: list, create, describe, alter and delete topics.

Apache Kafka: org.apache.kafka.tools.TopicCommand, 4.3.1.
"""

from __future__ import annotations

import sys
from typing import NamedTuple, NoReturn

from moldau.client import topics as client
from moldau.client.admin import Admin
from moldau.client.errors import BadSettings, KafkaError, Refused
from moldau.client.near_names import nearest
from moldau.protocol.errors import ErrorCode
from moldau.protocol.uuids import ZERO, to_text
from moldau.tools import config_names
from moldau.tools.frame import Stop, Tool, admin_properties, notice_of, run
from moldau.tools.java_maps import described_order, string_hash
from moldau.tools.java_text import split
from moldau.tools.options import BadOption, Option, Parsed, Parser
from moldau.tools.partition_reports import (
    REPORTS,
    least_isr,
    parse_assignment,
    replication_factor,
    reports_on,
)

_ACTIONS = ("alter", "create", "describe", "list", "delete")
_REPORTS = tuple(f"{report}-partitions" for report in REPORTS)
_INTERNAL = ("__consumer_offsets", "__transaction_state", "__share_group_state")
_SEE_CONFIGS = " (To alter topic configurations, the kafka-configs tool can be used.)"
_COLLISION = (
    "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') "
    "could collide. To avoid issues it is best to use either, but not both."
)

TOOL = Tool(
    "kafka-topics",
    "This tool helps to create, delete, describe, or change a topic.",
    Parser(
        Option("bootstrap-server", "REQUIRED: Brokers to ask.", "String", "server to connect to"),
        Option(
            "command-config",
            "Properties of the client, from a file.",
            "String",
            "command config property file",
        ),
        Option("list", "List the topics."),
        Option("create", "Create a topic."),
        Option("delete", "Delete topics."),
        Option("alter", "Change the number of partitions and their replicas." + _SEE_CONFIGS),
        Option("describe", "Show topics and their partitions."),
        Option(
            "topic",
            "The topic. Except with --create it is a regular expression.",
            "String",
            "topic",
        ),
        Option("topic-id", "The id of the topic to describe.", "String", "topic-id"),
        Option(
            "config",
            "A config of the topic to be created, more than one by repetition." + _SEE_CONFIGS,
            "String",
            "name=value",
        ),
        Option("delete-config", "Without effect since Kafka 4.0.", "String", "name"),
        Option(
            "partitions",
            "How many partitions the topic gets; the broker's num.partitions if not given. "
            "More partitions for a topic with keys: keys move to other partitions.",
            "Integer",
            "# of partitions",
        ),
        Option(
            "replication-factor",
            "How many replicas each partition gets; the broker's default if not given.",
            "Integer",
            "replication factor",
        ),
        Option(
            "replica-assignment",
            "Which brokers hold the replicas of each partition.",
            "String",
            "broker_id_for_part1_replica1 : broker_id_for_part1_replica2 , "
            "broker_id_for_part2_replica1 : broker_id_for_part2_replica2 , ...",
        ),
        Option("under-replicated-partitions", "Describe only partitions that lack replicas."),
        Option("unavailable-partitions", "Describe only partitions without a leader that is up."),
        Option("under-min-isr-partitions", "Describe only partitions below min.insync.replicas."),
        Option("at-min-isr-partitions", "Describe only partitions just at min.insync.replicas."),
        Option("topics-with-overrides", "Describe only topics that have configs of their own."),
        Option("if-exists", "With alter, delete, describe: a missing topic is no error."),
        Option("if-not-exists", "With create: an existing topic is no error."),
        Option("exclude-internal", "With list and describe: leave internal topics out."),
        Option(
            "partition-size-limit-per-response",
            "How many partitions one answer may describe (default: 2000).",
            "Integer",
            "maximum number of partitions per response",
        ),
    ),
)


class _NewTopic(NamedTuple):
    name: str
    partitions: int | None
    replication_factor: int | None
    assignment: dict[int, list[int]]
    configs: dict[str, str]


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        options = TOOL.parse(argv, "Create, delete, describe, or change a topic.")
        _check(options)
        properties = admin_properties(options)
        servers = options.value("bootstrap-server") or ""
        admin = Admin(servers, properties, notice_of(TOOL.name))
    except BadOption as error:
        TOOL.refuse(str(error), TOOL.bad_option(error))
    except KafkaError as error:
        TOOL.refuse(error.message, error.advice or error.message)
    with admin:
        return _execute(admin, options)


def _execute(admin: Admin, options: Parsed) -> int:
    action = next(a for a in _ACTIONS if options.has(a))
    try:
        {
            "create": _create,
            "alter": _alter,
            "list": _list,
            "describe": _describe,
            "delete": _delete,
        }[action](admin, options)
    except BadOption as error:
        message, advice = str(error), TOOL.bad_option(error)
    except KafkaError as error:
        message, advice = error.message, _advice(error, admin, options)
    else:
        return 0
    print(f"Error while executing topic command : {message}")
    raise Stop(f"{TOOL.name}: {advice}")


# --- the command line


def _check(options: Parsed) -> None:
    if sum(options.has(action) for action in _ACTIONS) != 1:
        TOOL.usage(
            "Command must include exactly one action: "
            "--list, --describe, --create, --alter or --delete",
            "Give one of them; for instance: kafka-topics --bootstrap-server localhost:9092 --list",
        )
    if options.has("delete-config"):
        print("delete-config has no effect since Kafka 4.0: leave it out.", file=sys.stderr)
    _check_required(options)
    _check_combinations(options)


def _check_required(options: Parsed) -> None:
    if not options.has("bootstrap-server"):
        TOOL.refuse(
            "--bootstrap-server must be specified", "Add --bootstrap-server localhost:9092."
        )
    if options.has("describe") and options.has("if-exists"):
        if not options.has("topic") and not options.has("topic-id"):
            TOOL.usage("--topic or --topic-id is required to describe a topic", "Add --topic NAME.")
        if options.has("topic") and options.has("topic-id"):
            print(
                "Only topic id will be used when both --topic and --topic-id are specified "
                "and topicId is not Uuid.ZERO_UUID"
            )
    if not options.has("list") and not options.has("describe"):
        TOOL.require(options, "topic")
    if options.has("alter"):
        if options.has("config"):
            TOOL.usage(
                'Option combination "[[bootstrap-server], [config]]" can\'t be used with option '
                f'"[alter]"{_SEE_CONFIGS}',
                "Configs are changed by kafka-configs --alter --entity-type topics.",
            )
        TOOL.require(options, "partitions")


def _check_combinations(options: Parsed) -> None:
    def only_with(name: str, *actions: str) -> None:
        TOOL.exclude(options, name, [a for a in _ACTIONS if a not in actions])

    only_with("config", "alter", "create")
    only_with("partitions", "alter", "create")
    only_with("replication-factor", "create")
    only_with("replica-assignment", "alter", "create")
    if options.has("create"):
        TOOL.exclude(options, "replica-assignment", ("partitions", "replication-factor"))
    for report in _REPORTS:
        only_with(report, "describe")
        TOOL.exclude(options, report, ("topics-with-overrides",))
    only_with("topics-with-overrides", "describe")
    only_with("if-exists", "alter", "delete", "describe")
    only_with("if-not-exists", "create")
    only_with("exclude-internal", "list", "describe")


# --- the actions


def _create(admin: Admin, options: Parsed) -> None:
    topic = _new_topic(options)
    if "." in topic.name or "_" in topic.name:
        print(_COLLISION)
    if topic.replication_factor is not None and not 1 <= topic.replication_factor <= 32767:
        raise KafkaError("The replication factor must be between 1 and 32767 inclusive")
    if topic.partitions is not None and topic.partitions < 1:
        raise KafkaError("The partitions must be greater than 0")
    try:
        client.create_topic(
            admin,
            topic.name,
            -1 if topic.partitions is None else topic.partitions,
            -1 if topic.replication_factor is None else topic.replication_factor,
            topic.assignment,
            topic.configs,
        )
    except Refused as error:
        exists = error.code is ErrorCode.TOPIC_ALREADY_EXISTS
        if exists and options.has("if-not-exists"):
            return
        raise
    print(f"Created topic {topic.name}.")


def _list(admin: Admin, options: Parsed) -> None:
    print("\n".join(_topics(admin, options)))


def _alter(admin: Admin, options: Parsed) -> None:
    wanted = _new_topic(options)
    names = _topics(admin, options)
    _ensure_found(names, options)
    if not names:
        return
    assignments = {}
    for topic in client.describe_topics(admin, names) if wanted.assignment else ():
        assignments[topic.name] = list(wanted.assignment.values())[len(topic.partitions) :]
    counts = dict.fromkeys(names, wanted.partitions or 0)
    client.create_partitions(admin, counts, assignments)


def _delete(admin: Admin, options: Parsed) -> None:
    names = _topics(admin, options)
    _ensure_found(names, options)
    client.delete_topics(admin, names)


def _describe(admin: Admin, options: Parsed) -> None:
    topics = _described(admin, options)
    configs = client.describe_topic_configs(admin, [topic.name for topic in topics])
    alive = {broker.id for broker in admin.brokers("listNodes")}
    moving = client.list_reassignments(
        admin, [(t.name, p.id) for t in topics for p in t.partitions]
    )
    for topic in described_order(topics, lambda topic: string_hash(topic.name)):
        entries = configs[topic.name]
        partitions = sorted(topic.partitions)
        is_wanted = not options.has("topics-with-overrides") or any(
            not e.is_default for e in entries
        )
        if is_wanted and not any(options.has(report) for report in _REPORTS):
            _print_topic(topic, entries, moving.get((topic.name, partitions[0].id)))
        if options.has("topics-with-overrides"):
            continue
        for partition in partitions:
            change = moving.get((topic.name, partition.id))
            if _is_wanted(options, partition, change, entries, alive):
                _print_partition(topic.name, partition, change)


def _described(admin: Admin, options: Parsed) -> list[client.TopicDescription]:
    given = options.value("topic-id")
    topic_id = ZERO if given is None else _uuid(given)
    if topic_id != ZERO:
        known = [topic.id for topic in client.list_topics(admin)]
        if topic_id not in known:
            if options.has("if-exists"):
                return []
            raise KafkaError(f"TopicId '{to_text(topic_id)}' does not exist as expected")
        return client.describe_topics_by_id(admin, [topic_id])
    names = _topics(admin, options)
    _ensure_found(names, options)
    limit = options.number("partition-size-limit-per-response")
    return client.describe_topics(
        admin, names, partitions_per_answer=2000 if limit is None else limit
    )


def _topics(admin: Admin, options: Parsed) -> list[str]:
    """The names that --topic means, sorted."""
    names = [
        topic.name
        for topic in client.list_topics(admin)
        if not (options.has("exclude-internal") and topic.name in _INTERNAL)
    ]
    wanted = options.value("topic")
    return names if wanted is None else _matching(wanted, names)


def _matching(wanted: str, names: list[str]) -> list[str]:
    from moldau.tools.java_regex import BadRegex, topic_filter

    try:
        pattern = topic_filter(wanted)
    except BadRegex as error:
        advice = f"--topic is a regular expression, and {wanted!r} is none: a backslash before a "
        raise KafkaError(str(error), f"{advice}special character takes it literally.") from None
    return [name for name in names if pattern.fullmatch(name)]


def _ensure_found(names: list[str], options: Parsed) -> None:
    wanted = options.value("topic")
    if wanted and not names and not options.has("if-exists"):
        raise KafkaError(f"Topic '{wanted}' does not exist as expected")


# --- what is asked for


def _new_topic(options: Parsed) -> _NewTopic:
    return _NewTopic(
        options.value("topic") or "",
        options.number("partitions"),
        options.number("replication-factor"),
        parse_assignment(options.value("replica-assignment")),
        _configs(options.values("config")),
    )


def _configs(words: list[str]) -> dict[str, str]:
    configs = {}
    for word in words:
        parts = [part.strip() for part in split(word, "=")]
        if len(parts) != 2:
            raise KafkaError(
                "requirement failed: Invalid topic config: all configs to be added must be in "
                'the format "key=val".',
                f"{word!r} is not: write it as --config retention.ms=60000.",
            )
        configs[parts[0]] = parts[1]
    if configs:
        from moldau.protocol.config.definition import InvalidConfig
        from moldau.protocol.config.topic import validate_topic_configs

        try:
            validate_topic_configs(configs)
        except InvalidConfig as error:
            raise BadSettings(str(error)) from None
    return configs


def _uuid(text: str) -> bytes:
    """Raises KafkaError with Java's words for what is no uuid."""
    if len(text) > 24:
        raise KafkaError(
            f"Input string with prefix `{text[:24]}` is too long to be decoded as a base64 UUID"
        )
    for character in text:
        if not (character.isascii() and (character.isalnum() or character in "-_")):
            raise KafkaError(f"Illegal base64 character {ord(character):x}")
    if len(text) % 4 == 1:
        raise KafkaError("Last unit does not have enough valid bits")
    if len(text) != 22:
        raise KafkaError(
            f"Input string `{text}` decoded as {len(text) * 3 // 4} bytes, which is not equal to "
            "the expected 16 bytes of a base64-encoded UUID"
        )
    from moldau.protocol.uuids import from_text

    return from_text(text)


# --- what is shown


def _is_wanted(
    options: Parsed,
    partition: client.Partition,
    change: client.Reassignment | None,
    entries: list[client.ConfigEntry],
    alive: set[int],
) -> bool:
    wanted = [report for report in REPORTS if options.has(f"{report}-partitions")]
    if not wanted:
        return True
    return not {*wanted}.isdisjoint(reports_on(partition, change, least_isr(entries), alive))


def _print_topic(
    topic: client.TopicDescription,
    entries: list[client.ConfigEntry],
    change: client.Reassignment | None,
) -> None:
    fields = [f"Topic: {topic.name}"]
    if topic.id != ZERO:
        fields.append(f"TopicId: {to_text(topic.id)}")
    first = min(topic.partitions)
    own = ",".join(f"{e.name}={e.value}" for e in entries if not e.is_default)
    fields += [
        f"PartitionCount: {len(topic.partitions)}",
        f"ReplicationFactor: {replication_factor(first, change)}",
        f"Configs: {own}",
    ]
    print("\t".join(fields))


def _ids(replicas: list[int]) -> str:
    return ",".join(map(str, replicas))


def _print_partition(
    topic: str, partition: client.Partition, change: client.Reassignment | None
) -> None:
    fields = [
        f"Topic: {topic}",
        f"Partition: {partition.id}",
        f"Leader: {partition.leader if partition.leader >= 0 else 'none'}",
        f"Replicas: {_ids(partition.replicas)}",
        f"Isr: {_ids(partition.isr)}",
    ]
    if change is not None:
        fields += [
            f"Adding Replicas: {_ids(change.adding)}",
            f"Removing Replicas: {_ids(change.removing)}",
        ]
    eligible, last = partition.eligible_leaders, partition.last_known_leaders
    fields += [
        f"Elr: {'N/A' if eligible is None else _ids(eligible)}",
        f"LastKnownElr: {'N/A' if last is None else _ids(last)}",
    ]
    print("\t" + "\t".join(fields))


# --- what to do about it


def _advice(error: KafkaError, admin: Admin, options: Parsed) -> str:
    if error.advice:
        return error.advice
    if options.has("topic-id"):
        return "No topic has this id; `kafka-topics --describe` shows the ids."
    if "does not exist as expected" in error.message:
        return _missing(admin, options.value("topic") or "")
    if isinstance(error, BadSettings):
        return _bad_config(error.message)
    if isinstance(error, Refused):
        return _refused(error, admin, options)
    return error.message


def _missing(admin: Admin, topic: str) -> str:
    near = nearest(topic, [t.name for t in client.list_topics(admin)])
    if near:
        return f"There is no topic {topic!r}; did you mean {near!r}?"
    return f"There is no topic {topic!r}; `kafka-topics --list` shows what is there."


def _bad_config(message: str) -> str:
    near = config_names.refused(message)
    if near:
        return near
    if message.startswith("Unknown topic config name: "):
        return f"{message}; https://kafka.apache.org/documentation/#topicconfigs has them all."
    return f"{message}."


def _refused(error: Refused, admin: Admin, options: Parsed) -> str:
    topic = options.value("topic")
    if error.code is ErrorCode.INVALID_REPLICATION_FACTOR:
        return _too_many_replicas(admin)
    return {
        ErrorCode.TOPIC_ALREADY_EXISTS: f"Choose another name, or add --if-not-exists; "
        f"`kafka-topics --describe --topic {topic}` shows it.",
        ErrorCode.INVALID_TOPIC_EXCEPTION: "A name has up to 249 of the characters "
        "a-z A-Z 0-9 . _ - and may not differ from another only in . and _.",
        ErrorCode.INVALID_PARTITIONS: "Partitions can be added, never removed: "
        "give a number above the present one.",
        ErrorCode.INVALID_REPLICA_ASSIGNMENT: "Name brokers that are up, by their ids.",
    }.get(error.code, error.message)


def _too_many_replicas(admin: Admin) -> str:
    count = len(admin.brokers("listNodes"))
    brokers = "There is 1 broker" if count == 1 else f"There are {count} brokers"
    return (
        f"{brokers}, and each replica needs a broker of its own: "
        f"use --replication-factor {count}, or leave it out."
    )
