"""kafka-verifiable-consumer: what a member of a group sees, as lines of JSON.

Apache Kafka: org.apache.kafka.tools.VerifiableConsumer, 4.3.1.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any, NoReturn

from moldau.client.errors import BadSettings
from moldau.tools.argparse4j import STORE_TRUE, Argument, Parser
from moldau.tools.consumer_errors import End, any_missing
from moldau.tools.frame import Stop, notice_of, run
from moldau.tools.java_text import utf8
from moldau.tools.topic_maker import TopicMaker
from moldau.tools.verifiable import FILE, config_file, connection, event, parsed, properties

NAME = "kafka-verifiable-consumer"
_POLL_S = 0.2
_BATCH = 500
_RANGE = "org.apache.kafka.clients.consumer.RangeAssignor"
PARSER = Parser(
    "verifiable-consumer",
    "This tool consumes messages from a specific topic and emits consumer events (e.g. group "
    "rebalances, received messages, and offsets committed) as JSON objects to STDOUT.",
    (
        Argument(("--topic",), "Consumes messages from this topic.", required=True,
                 metavar="TOPIC"),
        Argument(("--group-protocol",), "Group protocol (must be one of CLASSIC, CONSUMER)",
                 default="classic", metavar="GROUP-PROTOCOL"),
        Argument(("--group-remote-assignor",), "Group remote assignor; only used if the group "
                 "protocol is CONSUMER", metavar="GROUP-REMOTE-ASSIGNOR"),
        Argument(("--group-id",), "The group id of the consumer group", required=True,
                 metavar="GROUP-ID"),
        Argument(("--group-instance-id",), "A unique identifier of the consumer instance",
                 metavar="GROUP-INSTANCE-ID"),
        Argument(("--max-messages",), "Consume this many messages. If -1 (the default), the "
                 "consumer will consume until the process is killed externally", kind="Integer",
                 default=-1, metavar="MAX-MESSAGES"),
        Argument(("--session-timeout",), "Set the consumer's session timeout, note that this "
                 "configuration is not supported when group protocol is consumer", kind="Integer",
                 metavar="TIMEOUT-MS"),
        Argument(("--verbose",), "Enable to log individual consumed records", STORE_TRUE),
        Argument(("--enable-autocommit",), "Enable offset auto-commit on consumer", STORE_TRUE),
        Argument(("--reset-policy",), "Set reset policy (must be either 'earliest', 'latest', or "
                 "'none')", default="earliest", metavar="RESET-POLICY"),
        Argument(("--assignment-strategy",), "Set assignment strategy (e.g. "
                 "org.apache.kafka.clients.consumer.RoundRobinAssignor); only used if the group "
                 "protocol is CLASSIC", default=_RANGE, metavar="ASSIGNMENT-STRATEGY"),
        Argument(("--consumer.config",), "(DEPRECATED) Consumer config properties file. This "
                 "option will be removed in a future version. Use --command-config instead",
                 metavar=FILE),
        config_file(),
        connection("The server(s) to connect to."),
    ),
    shows_defaults=True,
)  # fmt: skip


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    values = parsed(PARSER, NAME, argv)
    if isinstance(values, int):
        return values
    typed = properties(values, "consumer.config", NAME)
    tools = _tools_own(values)
    ours = {name: value for name, value in typed.items() if name not in tools}
    try:
        return _Consumer(values, ours, tools).run()
    except BadSettings as error:
        raise Stop(f"{NAME}: {error}") from None


def _tools_own(values: Mapping[str, Any]) -> dict[str, str]:
    """What the options say, by Java's names; it wins over a file."""
    tools = {
        "bootstrap.servers": values["bootstrap_server"],
        "group.id": values["group_id"],
        "group.protocol": values["group_protocol"].lower(),
        "auto.offset.reset": values["reset_policy"],
        "enable.auto.commit": "true" if values["enable_autocommit"] else "false",
    }
    if tools["group.protocol"] == "consumer":
        if values["group_remote_assignor"] is not None:
            tools["group.remote.assignor"] = values["group_remote_assignor"]
    else:
        tools["partition.assignment.strategy"] = values["assignment_strategy"]
        if values["session_timeout"] is not None:
            tools["session.timeout.ms"] = str(values["session_timeout"])
    if values["group_instance_id"] is not None:
        tools["group.instance.id"] = values["group_instance_id"]
    return tools


class _Consumer:
    def __init__(
        self, values: Mapping[str, Any], typed: dict[str, str], tools: dict[str, str]
    ) -> None:
        """Raises BadSettings."""
        from confluent_kafka import Consumer, KafkaException

        from moldau.tools.java_client import librdkafka_config

        self._topic = values["topic"]
        self._most = values["max_messages"]
        self._say = notice_of(NAME)
        self._is_verbose = values["verbose"]
        self._commits = not values["enable_autocommit"]
        self._count = 0
        self._is_ending = False
        try:
            config = librdkafka_config(typed, tools, "consumer", self._say)
            self._maker = TopicMaker(config)
            self._consumer = Consumer(config)
        except KafkaException as error:
            raise BadSettings(error.args[0].str()) from None

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)
        event("startup_complete")
        self._subscribe()
        end = End(self._consumer, [self._topic])
        while not self._is_ending and (self._most < 0 or self._count < self._most):
            room = _BATCH if self._most < 0 else min(_BATCH, self._most - self._count)
            messages = self._consumer.consume(room, _POLL_S)
            good = [message for message in messages if message.error() is None]
            if good:
                self._tell(good)
            elif (why := end.why(messages)) is not None:
                self._say(why)
                break
            elif any_missing(messages) and self._maker.make([self._topic]):
                self._subscribe()
        self._consumer.close()
        event("shutdown_complete")
        event("shutdown_requested")
        return 0

    def _subscribe(self) -> None:
        callbacks = {"on_assign": self._on_assign, "on_revoke": self._on_revoke}
        self._consumer.subscribe([self._topic], **callbacks)

    def _tell(self, messages: list[Any]) -> None:
        self._count += len(messages)
        if self._is_verbose:
            for message in messages:
                event(
                    "record_data",
                    key=_text(message.key()),
                    value=_text(message.value()),
                    topic=message.topic(),
                    partition=message.partition(),
                    offset=message.offset(),
                )
        found: dict[tuple[str, int], list[int]] = {}
        for message in messages:
            found.setdefault((message.topic(), message.partition()), []).append(message.offset())
        partitions = [
            {
                "topic": topic,
                "partition": partition,
                "count": len(offsets),
                "minOffset": min(offsets),
                "maxOffset": max(offsets),
            }
            for (topic, partition), offsets in found.items()
        ]
        event("records_consumed", count=len(messages), partitions=partitions)
        if self._commits:
            self._commit({place: max(offsets) + 1 for place, offsets in found.items()})

    def _commit(self, ends: Mapping[tuple[str, int], int]) -> None:
        from confluent_kafka import KafkaException, TopicPartition

        offsets = [TopicPartition(*place, end) for place, end in ends.items()]
        said = [{"topic": t, "partition": p, "offset": end} for (t, p), end in ends.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            event("offsets_committed", offsets=said, error=error.args[0].str(), success=False)
        else:
            event("offsets_committed", offsets=said, success=True)

    def _on_assign(self, _consumer: Any, partitions: list[Any]) -> None:
        event("partitions_assigned", partitions=_places(partitions))

    def _on_revoke(self, _consumer: Any, partitions: list[Any]) -> None:
        event("partitions_revoked", partitions=_places(partitions))

    def _end(self, *_: object) -> None:
        self._is_ending = True


def _places(partitions: list[Any]) -> list[dict[str, Any]]:
    return [{"topic": p.topic, "partition": p.partition} for p in partitions]


def _text(data: bytes | None) -> str | None:
    return None if data is None else utf8(data)
