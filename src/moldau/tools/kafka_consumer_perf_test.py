"""kafka-consumer-perf-test: how many records a second a consumer reads.

Apache Kafka: org.apache.kafka.tools.ConsumerPerformance, 4.3.1. As there, a test that ends because
nothing came warns on stdout and ends with exit code 0.
"""

from __future__ import annotations

import random
import re
import time
from typing import Any, NoReturn

from moldau.client.errors import BadSettings
from moldau.tools.consumer_errors import End, any_missing
from moldau.tools.frame import Stop, Tool, key_values, load_properties, no_such_file, notice_of, run
from moldau.tools.options import BadOption, Option, Parsed, Parser
from moldau.tools.topic_maker import TopicMaker

_POLL_S = 0.1
_BATCH = 500
_REFRESH_S = 5.0
_MILLIS = "\x01"  # stands for them in what strftime is given
_REPLACED = {"consumer.config": "command-config", "messages": "num-records"}
_FIELDS = (
    "data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, "
    "fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec"
)

TOOL = Tool(
    "kafka-consumer-perf-test",
    "This tool is used to verify the consumer performance.",
    Parser(
        Option("bootstrap-server", "REQUIRED: Brokers to ask.", "String", "server to connect to"),
        Option("topic", "The topic to consume.", "String", "topic"),
        Option("include", "The topics to consume, by a regular expression.", "String",
               "Java regex (String)"),
        Option("group", "The consumer group (default: perf-consumer-N).", "String", "gid"),
        Option("fetch-size", "Bytes of one partition per request.", "Integer", "size", "1048576"),
        Option("command-property", "Consumer configs, as name=value.", "String", "prop1=val1"),
        Option("from-latest", "Without a committed offset, begin at the end."),
        Option("socket-buffer-size", "The socket's receive buffer.", "Integer", "size", "2097152"),
        Option("consumer.config", "(DEPRECATED) Use --command-config.", "String", "config file"),
        Option("command-config", "Consumer configs, from a file.", "String", "config file"),
        Option("print-metrics", "Print metrics at the end."),
        Option("show-detailed-stats", "A line for each interval, not one for all."),
        Option("timeout", "End when nothing came for so long.", "Long", "milliseconds", "10000",
               optional=True),
        Option("messages", "(DEPRECATED) Use --num-records.", "Long", "count"),
        Option("num-records", "REQUIRED: How many records to consume.", "Long", "count"),
        Option("reporting-interval", "Milliseconds between two lines.", "Long", "interval_ms",
               "5000"),
        Option("date-format", "How times are written (java.text.SimpleDateFormat).", "String",
               "date format", "yyyy-MM-dd HH:mm:ss:SSS"),
        Option("hide-header", "Leave out the names of the columns."),
    ),
)  # fmt: skip


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        options = TOOL.parse(argv)
    except BadOption as error:
        TOOL.usage(str(error), TOOL.bad_option(error))
    _check(options)
    if not options.has("hide-header"):
        detailed = options.has("show-detailed-stats")
        print(f"{'time, threadId' if detailed else 'start.time, end.time'}, {_FIELDS}", flush=True)
    try:
        return _Test(options).run()
    except BadOption as error:
        TOOL.refuse(str(error), TOOL.bad_option(error))
    except OSError as error:
        wrong = no_such_file(error)
        TOOL.refuse(wrong.message, wrong.advice)
    except (BadSettings, ValueError) as error:
        raise Stop(f"{TOOL.name}: {error}") from None


def _check(options: Parsed) -> None:
    if options.has("messages") == options.has("num-records"):
        TOOL.usage(
            "Exactly one of the following arguments is required: [messages], [num-records]"
            if options.has("messages")
            else 'Missing required argument "[num-records]"',
            "Say how many with --num-records N.",
        )
    if options.has("topic") == options.has("include"):
        TOOL.usage(
            "Exactly one of the following arguments is required: [topic], [include]",
            "Add --topic NAME, or --include REGEX for several topics.",
        )
    TOOL.require(options, "bootstrap-server")
    TOOL.exclude(options, "consumer.config", ["command-config"])
    if options.has("messages"):
        print("Warning: --messages is deprecated. Use --num-records instead.")
    if options.has("consumer.config"):
        print("Warning: --consumer.config is deprecated. Use --command-config instead.")


class _Test:
    """One consumer. Times are milliseconds."""

    def __init__(self, options: Parsed) -> None:
        """Raises BadOption, BadSettings, OSError, ValueError."""
        from confluent_kafka import Consumer, KafkaException

        from moldau.tools.client_metrics import ClientMetrics
        from moldau.tools.java_client import librdkafka_config

        self._wanted = options.number("messages" if options.has("messages") else "num-records")
        self._timeout = options.number("timeout") or 0
        self._interval = options.number("reporting-interval") or 0
        if self._interval <= 0:
            raise ValueError("Reporting interval must be greater than 0.")
        self._date_format = _strftime(options.value("date-format") or "")
        self._is_detailed = options.has("show-detailed-stats")
        self._topic, self._include = options.value("topic"), options.value("include")
        config = librdkafka_config(*_properties(options), "consumer", notice_of(TOOL.name))
        self._maker = TopicMaker(config)
        self._metrics = None
        if options.has("print-metrics"):
            self._metrics = ClientMetrics("consumer", str(config["client.id"]))
            config |= self._metrics.config
        self._bytes = self._count = self._joining = 0
        self._assigned: set[tuple[str, int]] = set()
        self._subscribed: list[str] = []
        self._refreshed = float("-inf")
        self._join_start = _now()
        try:
            self._consumer = Consumer(config)
        except KafkaException as error:
            raise BadSettings(error.args[0].str()) from None

    def run(self) -> int:
        start = self._join_start = _now()
        try:
            self._consume(start)
            end = _now()
            if self._metrics is not None:
                self._metrics.of_consumer(self._consumer.poll, self._count, self._bytes)
        finally:
            self._consumer.close()
        if not self._is_detailed:
            fetching = (end - start) - self._joining
            cells = (*self._rates(self._bytes, self._count, end - start), self._joining, fetching)
            rates = self._rates(self._bytes, self._count, fetching)
            print(", ".join((self._date(start), self._date(end), *map(str, cells),
                             rates[1], rates[3])))  # fmt: skip
        if self._metrics is not None:
            self._metrics.print()
        return 0

    def _rates(self, size: int, count: int, elapsed: int) -> tuple[str, str, str, str]:
        """MB, MB a second, records, records a second, as Java prints them."""
        megabytes, seconds = size / 1048576, elapsed / 1000
        return (
            f"{megabytes:.4f}",
            _divided(megabytes, seconds),
            str(count),
            _divided(count, seconds),
        )

    def _consume(self, start: int) -> None:
        wanted = self._wanted or 0
        now = last_seen = last_report = start
        before = (0, 0)
        end = End(self._consumer, [] if self._topic is None else [self._topic])
        while self._count < wanted and now - last_seen <= self._timeout:
            self._subscribe()
            messages = self._consumer.consume(min(_BATCH, wanted - self._count), _POLL_S)
            now = _now()
            good = [message for message in messages if message.error() is None]
            last_seen = now if good else last_seen
            if not good and (why := end.why(messages)) is not None:
                raise BadSettings(why)
            if any_missing(messages) and self._maker.make(self._subscribed):
                self._subscribed = []  # looks for them at once
            for message in good:
                self._count += 1
                self._bytes += len(message.key() or b"") + len(message.value() or b"")
            if good and now - last_report >= self._interval:
                if self._is_detailed:
                    self._report(now, now - last_report, before)
                last_report, before = now, (self._bytes, self._count)
        if self._count < wanted:
            print(
                "WARNING: Exiting before consuming the expected number of records: timeout "
                f"({self._timeout} ms) exceeded. You can use the --timeout option to increase the "
                "timeout."
            )

    def _report(self, now: int, elapsed: int, before: tuple[int, int]) -> None:
        size, count = self._bytes - before[0], self._count - before[1]
        fetching = elapsed - self._joining
        whole = self._rates(size, count, elapsed)
        fetched = (
            self._rates(size, count, fetching) if fetching > 0 else ("", "0.0000", "", "0.0000")
        )
        total = f"{self._bytes / 1048576:.4f}"
        cells = (self._date(now), "0", total, whole[1], str(self._count), whole[3],
                 str(self._joining), str(fetching), fetched[1], fetched[3])  # fmt: skip
        print(", ".join(cells), flush=True)

    # --- what is read

    def _subscribe(self) -> None:
        topics = self._subscribed
        if self._topic is not None:
            topics = [self._topic]
        elif time.monotonic() - self._refreshed > _REFRESH_S:
            topics = self._matching() or topics
        if topics != self._subscribed:
            self._subscribed = topics
            self._consumer.subscribe(topics, on_assign=self._on_assign, on_revoke=self._on_revoke)

    def _matching(self) -> list[str]:
        from confluent_kafka import KafkaException

        from moldau.tools.java_regex import compile_java

        pattern = compile_java(self._include or "")
        try:
            names = self._consumer.list_topics(timeout=_REFRESH_S).topics
        except KafkaException:
            return []
        self._refreshed = time.monotonic()
        return sorted(n for n in names if pattern.fullmatch(n) and not n.startswith("__"))

    def _on_assign(self, _consumer: Any, partitions: list[Any]) -> None:
        if not self._assigned:
            self._joining += _now() - self._join_start
        self._assigned |= {(p.topic, p.partition) for p in partitions}

    def _on_revoke(self, _consumer: Any, partitions: list[Any]) -> None:
        self._assigned -= {(p.topic, p.partition) for p in partitions}
        if not self._assigned:
            self._join_start = _now()

    # --- what is shown

    def _date(self, at: int) -> str:
        text = time.strftime(self._date_format, time.localtime(at // 1000))
        return text.replace(_MILLIS, f"{at % 1000:03d}")


def _properties(options: Parsed) -> tuple[dict[str, str], dict[str, str]]:
    """What the user typed, and what the tool's options say, which wins."""
    path = options.value("consumer.config" if options.has("consumer.config") else "command-config")
    typed = load_properties(path) if path else {}
    typed |= key_values(options.values("command-property"))
    group = options.value("group")
    tools = {
        "bootstrap.servers": options.value("bootstrap-server") or "",
        "group.id": f"perf-consumer-{random.randrange(100_000)}" if group is None else group,
        "receive.buffer.bytes": str(options.number("socket-buffer-size")),
        "max.partition.fetch.bytes": str(options.number("fetch-size")),
        "auto.offset.reset": "latest" if options.has("from-latest") else "earliest",
        "check.crcs": "false",
        "client.id": typed.get("client.id", "perf-consumer-client"),
    }
    return {name: value for name, value in typed.items() if name not in tools}, tools


def _divided(value: float, seconds: float) -> str:
    if seconds > 0:
        return f"{value / seconds:.4f}"
    return "Infinity" if value else "NaN"


def _now() -> int:
    return time.time_ns() // 1_000_000


_LETTERS = {"yyyy": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S",
            "SSS": _MILLIS}  # fmt: skip


def _strftime(java: str) -> str:
    """The usual letters of java.text.SimpleDateFormat. Raises ValueError for others."""
    parts = []
    for word in re.finditer(r"([A-Za-z])\1*|[^A-Za-z]+", java):
        text = word[0]
        if text[0].isalpha() and text not in _LETTERS:
            raise ValueError(
                f"--date-format: {text!r} is not known here; use {', '.join(_LETTERS)}."
            )
        parts.append(_LETTERS.get(text, text.replace("%", "%%")))
    return "".join(parts)
