"""kafka-producer-perf-test: how many records a second, and how late they are acknowledged.

Apache Kafka: org.apache.kafka.tools.ProducerPerformance, 4.3.1. As there, a record that could not
be delivered is told on stderr and does not count, nor change the exit code.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from moldau.client.errors import BadSettings, KafkaError
from moldau.tools.argparse4j import (
    STORE_TRUE,
    Argument,
    BadArguments,
    HelpWanted,
    OneOf,
    Parser,
)
from moldau.tools.frame import Stop, load_properties, notice_of, run
from moldau.tools.java_text import split
from moldau.tools.latencies import Latencies

if TYPE_CHECKING:
    from moldau.tools.java_producer import OnDelivery

NAME = "kafka-producer-perf-test"
_TRANSACTION_MS = 3000
_EXACTLY_ONE = (
    "Note that you must provide exactly one of --record-size, --payload-file or "
    "--payload-monotonic."
)
_PRECEDENCE = (
    "Kafka producer related configuration properties like client.id. These configs take precedence "
    "over those passed via --command-config or --producer.config. "
)
_EXAMPLE = "Example: --command-property linger.ms=10 batch.size=32768"


def _property(flag: str, text: str) -> Argument:
    return Argument((flag,), text, nargs="+", metavar="PROP-NAME=PROP-VALUE")


PARSER = Parser(
    NAME,
    "This tool is used to verify the producer performance. To enable transactions, you can specify "
    "a transactional id or set a transaction duration using --transaction-duration-ms. There are "
    "three ways to specify the transactional id: set transactional.id=<id> via --command-property, "
    "set transactional.id=<id> in the config file via --command-config, or use --transactional-id "
    "<id>.",
    (
        Argument(
            ("--bootstrap-server",),
            "The server(s) to connect to. This config takes precedence over bootstrap.servers "
            "specified via --command-property or --command-config.",
            metavar="BOOTSTRAP-SERVER",
        ),
        Argument(("--topic",), "Produce records to this topic.", required=True, metavar="TOPIC"),
        Argument(
            ("--num-records",),
            "Number of records to produce.",
            kind="Long",
            required=True,
            metavar="NUM-RECORDS",
        ),
        Argument(
            ("--payload-delimiter",),
            "Provides the delimiter to be used when --payload-file is provided. Defaults to new "
            "line. Note that this parameter will be ignored if --payload-file is not provided.",
            default="\\n",
            metavar="PAYLOAD-DELIMITER",
        ),
        Argument(
            ("--throughput",),
            "Throttle maximum record throughput to *approximately* THROUGHPUT records/sec. Set "
            "this to -1 to disable throttling.",
            kind="Double",
            required=True,
            metavar="THROUGHPUT",
        ),
        _property(
            "--producer-props",
            f"(DEPRECATED) {_PRECEDENCE}This option will be removed in a future version. Use "
            f"--command-property instead. {_EXAMPLE}",
        ),
        _property("--command-property", _PRECEDENCE + _EXAMPLE),
        Argument(
            ("--producer.config",),
            "(DEPRECATED) Producer config properties file. This option will be removed in a future "
            "version. Use --command-config instead.",
            metavar="CONFIG-FILE",
        ),
        Argument(("--command-config",), "Producer config properties file.", metavar="CONFIG-FILE"),
        Argument(("--print-metrics",), "Print out metrics at the end of the test.", STORE_TRUE),
        Argument(
            ("--transactional-id",),
            "The transactional id to use. This config takes precedence over the transactional.id "
            "specified via --command-property or --command-config. Note that if the transactional "
            "id is not specified while --transaction-duration-ms is provided, the default value "
            "for the transactional id will be performance-producer- followed by a random uuid.",
            metavar="TRANSACTIONAL-ID",
        ),
        Argument(
            ("--transaction-duration-ms",),
            "The maximum duration of each transaction. The commitTransaction will be called after "
            "this time has elapsed. The value should be greater than 0. If the transactional id is "
            "specified via --command-property, --command-config or --transactional-id but "
            "--transaction-duration-ms is not specified, the default value will be 3000.",
            kind="Long",
            metavar="TRANSACTION-DURATION",
        ),
        Argument(
            ("--warmup-records",),
            "The number of records to treat as warmup. These initial records will not be included "
            "in steady-state statistics. An additional summary line will be printed describing the "
            "steady-state statistics.",
            kind="Long",
            default=0,
            metavar="WARMUP-RECORDS",
        ),
        Argument(
            ("--reporting-interval",),
            "Interval in milliseconds at which to print progress info.",
            kind="Long",
            default=5000,
            metavar="INTERVAL-MS",
        ),
        OneOf(
            (
                Argument(
                    ("--record-size",),
                    f"Record size in bytes. {_EXACTLY_ONE}",
                    kind="Integer",
                    metavar="RECORD-SIZE",
                ),
                Argument(
                    ("--payload-file",),
                    "File to read the record payloads from. This works only for UTF-8 encoded text "
                    "files. Payloads will be read from this file and a payload will be randomly "
                    f"selected when sending records. {_EXACTLY_ONE}",
                    metavar="PAYLOAD-FILE",
                ),
                Argument(
                    ("--payload-monotonic",),
                    f"Payload is a monotonically increasing integer. {_EXACTLY_ONE}",
                    STORE_TRUE,
                ),
            ),
            required=True,
            description=_EXACTLY_ONE,
        ),
    ),
    shows_defaults=True,
)


class Stats:
    """Latencies of one run, and of the interval under way. Times are milliseconds."""

    def __init__(self, records: int, interval_ms: int, steady: bool = False) -> None:
        self._start = self._window_start = now_ms()
        self._interval = interval_ms
        self._latencies = Latencies(records)
        self._is_steady = steady
        self.size = 0
        self._window = [0, 0, 0, 0]
        self.is_quiet = False

    @property
    def count(self) -> int:
        return self._latencies.count

    def record(self, latency: int, size: int, now: int) -> None:
        self._latencies.record(latency)
        self.size += size
        window = self._window
        window[0] += 1
        window[1] += size
        window[2] += latency
        window[3] = max(window[3], latency)
        if now - self._window_start >= self._interval:
            if self._is_steady and self.count == window[0]:
                print("In steady state.")
            if not self.is_quiet:
                self._print_window()
            self._window_start, self._window = now_ms(), [0, 0, 0, 0]

    def _print_window(self) -> None:
        count, size, total, most = self._window
        elapsed = (now_ms() - self._window_start) / 1000
        print(
            f"{count} records sent, {count / elapsed:.1f} records/sec "
            f"({size / elapsed / 1048576:.2f} MB/sec), {total / count:.1f} ms avg latency, "
            f"{most:.1f} ms max latency.",
            flush=True,
        )

    def print_total(self) -> None:
        elapsed = max(now_ms() - self._start, 1) / 1000
        at = self._latencies.percentiles()
        mean, most = self._latencies.average, self._latencies.most
        average = "NaN" if mean is None else f"{mean:.2f}"
        print(
            f"{self.count}{' steady state' if self._is_steady else ''} records sent, "
            f"{self.count / elapsed:f} records/sec ({self.size / elapsed / 1048576:.2f} MB/sec),"
            f" {average} ms avg latency, {most:.2f} ms max latency, {at[0]} ms 50th, "
            f"{at[1]} ms 95th, {at[2]} ms 99th, {at[3]} ms 99.9th."
        )


def now_ms() -> int:
    return time.time_ns() // 1_000_000


# --- the command line


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        values = PARSER.parse(argv)
        _check(values)
    except HelpWanted as wanted:
        print(wanted.text, end="")
        return 1
    except BadArguments as error:
        if not argv:
            from moldau.tools.argparse4j_help import help_text

            print(help_text(PARSER), end="")
            return 0
        near = [f"Did you mean {' or '.join(error.near)}?"] if error.near else []
        raise Stop(error.usage, " ".join([f"{NAME}: error: {error}.", *near])) from None
    try:
        payload = _payloads(values)
        properties = _properties(values)
    except OSError as error:
        raise Stop(f"{NAME}: {error.filename}: {error.strerror}. Check the path.") from None
    except ValueError as error:
        raise Stop(f"{NAME}: {error}") from None
    return _Test(values, properties, payload).run()


def _check(values: Mapping[str, Any]) -> None:
    """Raises BadArguments for numbers that make no test."""
    if values["num_records"] <= 0:
        PARSER.fail("--num-records should be greater than zero")
    if max(values["warmup_records"], 0) >= values["num_records"]:
        PARSER.fail(
            "The value for --warmup-records must be strictly fewer than the number of records in "
            "the test, --num-records."
        )
    if values["record_size"] is not None and values["record_size"] <= 0:
        PARSER.fail("--record-size should be greater than zero")
    if values["reporting_interval"] <= 0:
        PARSER.fail("--reporting-interval should be greater than zero")
    where = ("bootstrap_server", "command_property", "producer_props", "producer.config",
             "command_config")  # fmt: skip
    if all(values[name] is None for name in where):
        PARSER.fail(
            "At least one of --bootstrap-server, --command-property, --producer-props, "
            "--producer.config or --command-config must be specified."
        )
    for old, new in (("command_property", "producer_props"), ("command_config", "producer.config")):
        if values[old] is not None and values[new] is not None:
            PARSER.fail(
                f"--{old.replace('_', '-')} and --{new.replace('_', '-')} cannot be specified "
                "together."
            )
    duration = values["transaction_duration_ms"]
    if duration is not None and duration <= 0:
        PARSER.fail("--transaction-duration-ms should be greater than zero")


def _payloads(values: Mapping[str, Any]) -> Callable[[int], bytes]:
    """What the record of a number holds. Raises OSError, ValueError."""
    if values["payload_monotonic"]:
        return lambda number: str(number).encode()
    dice = random.Random(0)
    if values["record_size"] is not None:
        size = values["record_size"]
        letters = bytes(65 + number % 26 for number in range(256))
        return lambda _: dice.randbytes(size).translate(letters)
    path = values["payload_file"]
    print(f"Reading payloads from: {os.path.abspath(path)}", flush=True)
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        raise ValueError("File does not exist or empty file provided.")
    delimiter = values["payload_delimiter"].replace("\\n", "\n")
    with open(path, encoding="utf-8") as file:
        lines = [line.encode() for line in split(file.read(), delimiter)]
    print(f"Number of records read: {len(lines)}", flush=True)
    return lambda _: dice.choice(lines)


def _properties(values: Mapping[str, Any]) -> dict[str, str]:
    """Java's configs. Raises OSError, ValueError."""
    pairs = (("producer.config", "command_config"), ("producer_props", "command_property"))
    for old, new in pairs:
        if values[old] is not None:
            print(
                f"Option --{old.replace('_', '-')} has been deprecated and will be removed in a "
                f"future version. Use --{new.replace('_', '-')} instead.",
                flush=True,
            )
    path = values["command_config"] or values["producer.config"]
    properties = load_properties(path) if path else {}
    for word in values["command_property"] or values["producer_props"] or []:
        parts = split(word, "=")
        if len(parts) != 2:
            raise ValueError(f"Invalid property: {word}")
        properties[parts[0]] = parts[1]
    if values["bootstrap_server"] is not None:
        properties["bootstrap.servers"] = values["bootstrap_server"]
    properties.setdefault("client.id", "perf-producer-client")
    return _with_transactions(values, properties)


def _with_transactions(values: Mapping[str, Any], properties: dict[str, str]) -> dict[str, str]:
    import uuid

    name = values["transactional_id"] or properties.get("transactional.id")
    if name is None and values["transaction_duration_ms"] is not None:
        name = f"performance-producer-{uuid.uuid4()}"
    return properties if name is None else {**properties, "transactional.id": name}


class _Test:
    def __init__(
        self, values: Mapping[str, Any], properties: dict[str, str], payload: Callable[[int], bytes]
    ) -> None:
        from moldau.tools.client_metrics import ClientMetrics
        from moldau.tools.java_producer import JavaProducer

        self._topic = values["topic"]
        self._records = values["num_records"]
        self._warmup = max(values["warmup_records"], 0)
        self._rate = values["throughput"]
        self._interval = values["reporting_interval"]
        self._payload = payload
        self._duration = values["transaction_duration_ms"] or _TRANSACTION_MS
        self._in_transactions = "transactional.id" in properties
        self._stats: list[Stats] = []
        self._metrics = (
            ClientMetrics("producer", properties["client.id"]) if values["print_metrics"] else None
        )
        self._failed = 0
        self._say = notice_of(NAME)
        servers = properties.pop("bootstrap.servers", "")
        try:
            self._producer = JavaProducer(
                properties, {"bootstrap.servers": servers}, self._say, self._metrics
            )
        except BadSettings as error:
            raise Stop(f"{NAME}: {error}") from None

    def run(self) -> int:
        from confluent_kafka import KafkaException

        try:
            if self._in_transactions:
                self._producer.handle.init_transactions(60)
            self._send_all()
        except (KafkaException, BadSettings) as error:
            said = error.args[0].str() if isinstance(error, KafkaException) else str(error)
            raise Stop(f"{NAME}: {said}") from None
        self._producer.flush()
        for stats in self._stats:
            stats.print_total()
        if self._metrics is not None:
            self._metrics.of_producer(self._producer.handle.poll, self._failed)
            self._metrics.print()
        return 0

    def _send_all(self) -> None:
        if self._warmup:
            print(
                f"Warmup first {self._warmup} records. Steady state results will print after the "
                "complete test summary.",
                flush=True,
            )
        self._stats = [Stats(self._records, self._interval)]
        start = time.monotonic()
        began = 0
        is_open = False
        for number in range(self._records):
            payload = self._payload(number)
            if self._in_transactions and not is_open:
                self._producer.handle.begin_transaction()
                began, is_open = now_ms(), True
            if self._warmup and number == self._warmup:
                self._stats[0].is_quiet = True
                rest = self._records - self._warmup
                self._stats.append(Stats(rest, self._interval, steady=True))
            sent = now_ms()
            self._producer.send(self._topic, payload, None, self._noted(sent, len(payload)))
            if is_open and self._duration <= sent - began:
                self._producer.handle.commit_transaction()
                is_open = False
            if self._rate > 0:
                self._wait(start + (number + 1) / self._rate)
        if is_open:
            self._producer.handle.commit_transaction()

    def _wait(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0.001:
            self._producer.handle.poll(min(left, 0.1))

    def _noted(self, sent: int, size: int) -> OnDelivery:
        stats = tuple(self._stats)

        def note(why: KafkaError | None, _message: Any) -> None:
            now = now_ms()
            if why is not None:
                self._failed += 1
                self._say(f"A record was not delivered to {self._topic}: {why.message}")
                return
            for one in stats:
                one.record(now - sent, size, now)

        return note
