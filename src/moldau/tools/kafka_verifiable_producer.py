"""kafka-verifiable-producer: rising numbers into a topic, and a line of JSON for each.

Apache Kafka: org.apache.kafka.tools.VerifiableProducer, 4.3.1.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from moldau.client.errors import BadSettings, KafkaError
from moldau.tools.argparse4j import Argument, Parser
from moldau.tools.frame import Stop, notice_of, run
from moldau.tools.verifiable import FILE, config_file, connection, event, parsed, properties

if TYPE_CHECKING:
    from moldau.tools.java_producer import OnDelivery

NAME = "kafka-verifiable-producer"
PARSER = Parser(
    "verifiable-producer",
    'This tool produces increasing integers to the specified topic and prints JSON metadata to '
    'stdout on each "send" request, making externally visible which messages have been acked and '
    "which have not.",
    (
        Argument(("--topic",), "Produce messages to this topic.", required=True, metavar="TOPIC"),
        Argument(("--max-messages",), "Produce this many messages. If -1, produce messages until "
                 "the process is killed externally.", kind="Integer", default=-1,
                 metavar="MAX-MESSAGES"),
        Argument(("--throughput",), "If set >= 0, throttle maximum message throughput to "
                 "*approximately* THROUGHPUT messages/sec.", kind="Integer", default=-1,
                 metavar="THROUGHPUT"),
        Argument(("--acks",), "Acks required on each produced message. See Kafka docs on acks for "
                 "details.", kind="Integer", default=-1, choices=("0", "1", "-1"), metavar="ACKS"),
        Argument(("--producer.config",), "(DEPRECATED) Producer config properties file. This "
                 "option will be removed in a future version. Use --command-config instead.",
                 metavar=FILE),
        Argument(("--message-create-time",), "Send messages with creation time starting at the "
                 "arguments value, in milliseconds since epoch", kind="Long", default=-1,
                 metavar="CREATE-TIME"),
        Argument(("--value-prefix",), "If specified, each produced value will have this prefix "
                 "with a dot separator", kind="Integer", metavar="VALUE-PREFIX"),
        Argument(("--repeating-keys",), "If specified, each produced record will have a key "
                 "starting at 0 increment by 1 up to the number specified (exclusive), then the "
                 "key is set to 0 again", kind="Integer", metavar="REPEATING-KEYS"),
        config_file(),
        connection("REQUIRED: The server(s) to connect to."),
    ),
    shows_defaults=True,
)  # fmt: skip


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    values = parsed(PARSER, NAME, argv)
    if isinstance(values, int):
        return values
    typed = properties(values, "producer.config", NAME)
    defaults = {
        "bootstrap.servers": values["bootstrap_server"],
        "acks": str(values["acks"]),
        "retries": "0",
    }
    try:
        return _Producer(values, typed, defaults).run()
    except BadSettings as error:
        raise Stop(f"{NAME}: {error}") from None


class _Producer:
    def __init__(
        self, values: Mapping[str, Any], typed: dict[str, str], defaults: dict[str, str]
    ) -> None:
        """Raises BadSettings."""
        from moldau.tools.java_producer import JavaProducer

        self._values = values
        ours = {name: value for name, value in typed.items() if name not in defaults}
        self._producer = JavaProducer(ours, defaults, notice_of(NAME))
        self._sent = self._acked = 0
        self._is_ending = False

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)
        event("startup_complete")
        began = time.monotonic()
        most, rate = self._values["max_messages"], self._values["throughput"]
        while not self._is_ending and (most < 0 or self._sent < most):
            self._send(self._sent)
            self._wait(began + self._sent / rate if rate > 0 else 0)
        self._producer.flush()
        event("shutdown_complete")
        elapsed = max(time.monotonic() - began, 0.001)
        event(
            "tool_data",
            sent=self._sent,
            acked=self._acked,
            target_throughput=rate,
            avg_throughput=self._acked / elapsed,
        )
        return 0

    def _send(self, number: int) -> None:
        prefix, keys = self._values["value_prefix"], self._values["repeating_keys"]
        created = self._values["message_create_time"]
        value = str(number) if prefix is None else f"{prefix}.{number}"
        key = None if keys is None else str(number % keys)
        self._sent += 1
        self._producer.send(
            self._values["topic"],
            value.encode(),
            None if key is None else key.encode(),
            self._told(key, value),
            timestamp=None if created < 0 else created + number,
        )

    def _told(self, key: str | None, value: str) -> OnDelivery:
        def tell(why: KafkaError | None, message: Any) -> None:
            topic = self._values["topic"]
            if why is not None:
                event(
                    "producer_send_error",
                    topic=topic,
                    key=key,
                    value=value,
                    exception=f"class {why.java_class}",
                    message=why.message,
                )
                return
            self._acked += 1
            event(
                "producer_send_success",
                key=key,
                value=value,
                # With --acks 0 nobody knows.
                offset=-1 if message.offset() is None else message.offset(),
                partition=message.partition(),
                topic=topic,
            )

        return tell

    def _wait(self, until: float) -> None:
        while not self._is_ending and (left := until - time.monotonic()) > 0.001:
            self._producer.handle.poll(min(left, 0.1))

    def _end(self, *_: object) -> None:
        self._is_ending = True
