"""kafka-console-producer: lines from stdin become records.

Apache Kafka: org.apache.kafka.tools.ConsoleProducer, 4.3.1. As there, a record that could not be
delivered is told on stderr and does not change the exit code, except with --sync.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

from moldau.client.errors import BadSettings, KafkaError
from moldau.tools.frame import Stop, Tool, key_values, load_properties, notice_of, run
from moldau.tools.java_regex import BadRegex
from moldau.tools.line_reader import JAVA_NAME, BadLine, Line, LineReader
from moldau.tools.options import BadOption, Option, Parsed, Parser

_READER_HELP = (
    "How lines are read, as name=value, more than one by repetition:\n"
    " parse.key=false\n parse.headers=false\n ignore.error=false\n key.separator=\\t\n"
    " headers.delimiter=\\t\n headers.separator=,\n headers.key.separator=:\n"
    " null.marker=   a key, value or header equal to this is null\n"
    'With both parsed a line is "h1:v1,h2:v2\\tkey\\tvalue".'
)
_PER_CONFIG = {
    "timeout": "linger.ms",
    "request-required-acks": "acks",
    "request-timeout-ms": "request.timeout.ms",
    "message-send-max-retries": "retries",
    "retry-backoff-ms": "retry.backoff.ms",
    "socket-buffer-size": "send.buffer.bytes",
    "max-memory-bytes": "buffer.memory",
    "batch-size": "batch.size",
    "max-partition-memory-bytes": "batch.size",
    "metadata-expiry-ms": "metadata.max.age.ms",
    "max-block-ms": "max.block.ms",
}
_REPLACED = {
    "producer-property": "command-property",
    "producer.config": "command-config",
    "property": "reader-property",
}

TOOL = Tool(
    "kafka-console-producer",
    "This tool helps to read data from standard input and publish it to Kafka.",
    Parser(
        Option("topic", "REQUIRED: The topic to produce to.", "String", "topic"),
        Option(
            "bootstrap-server",
            "REQUIRED: Brokers to ask first, HOST1:PORT1,HOST2:PORT2.",
            "String",
            "server to connect to",
        ),
        Option("sync", "Send one record at a time and wait for each."),
        Option(
            "compression-codec",
            "none, gzip, snappy, lz4 or zstd; without a value gzip.",
            "String",
            "compression-codec",
            optional=True,
        ),
        Option("batch-size", "Bytes per batch (batch.size).", "Integer", "size", "16384"),
        Option("message-send-max-retries", "Tries again (retries).", "Integer", "", "3"),
        Option("retry-backoff-ms", "Pause between tries (retry.backoff.ms).", "Long", "", "100"),
        Option(
            "timeout",
            "How long to wait for a full batch (linger.ms).",
            "Long",
            "timeout_ms",
            "1000",
        ),
        Option(
            "request-required-acks",
            "Acknowledgements to wait for (acks): all, 1 or 0.",
            "String",
            "request required acks",
            "-1",
        ),
        Option(
            "request-timeout-ms",
            "How long a broker may take (request.timeout.ms).",
            "Integer",
            "request timeout ms",
            "1500",
        ),
        Option(
            "metadata-expiry-ms",
            "How long metadata is believed (metadata.max.age.ms).",
            "Long",
            "metadata expiration interval",
            "300000",
        ),
        Option(
            "max-block-ms",
            "How long to wait for the topic (max.block.ms).",
            "Long",
            "max block on send",
            "60000",
        ),
        Option(
            "max-memory-bytes",
            "Memory for what waits to be sent (buffer.memory).",
            "Long",
            "total memory in bytes",
            "33554432",
        ),
        Option(
            "max-partition-memory-bytes",
            "(Deprecated) Use --batch-size.",
            "Integer",
            "memory in bytes per partition",
            "16384",
        ),
        Option("line-reader", "The reader of lines.", "String", "reader_class", JAVA_NAME),
        Option(
            "socket-buffer-size",
            "The socket's send buffer (send.buffer.bytes).",
            "Integer",
            "size",
            "102400",
        ),
        Option("property", "(DEPRECATED) Use --reader-property.", "String", "prop"),
        Option("reader-property", _READER_HELP, "String", "prop"),
        Option("reader-config", "Reader properties, from a file.", "String", "config file"),
        Option(
            "producer-property", "(DEPRECATED) Use --command-property.", "String", "producer_prop"
        ),
        Option("command-property", "A producer config, as name=value.", "String", "producer_prop"),
        Option("producer.config", "(DEPRECATED) Use --command-config.", "String", "config file"),
        Option("command-config", "Producer configs, from a file.", "String", "config file"),
    ),
)


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        options = TOOL.parse(argv)
    except BadOption as error:
        TOOL.usage(str(error), TOOL.bad_option(error))
    _check(options)
    try:
        reader = LineReader(_reader_properties(options))
        java, typed = _producer_properties(options)
        sender = Sender(options.value("topic") or "", java, typed, options.has("sync"))
    except BadOption as error:
        TOOL.refuse(str(error), TOOL.bad_option(error))
    except OSError as error:
        raise Stop(f"{TOOL.name}: {error.filename}: {error.strerror}. Check the path.") from None
    except (BadLine, BadRegex, BadSettings, ValueError) as error:
        raise Stop(f"{TOOL.name}: {error}") from None
    return _produce(reader, sender)


def _produce(reader: LineReader, sender: Sender) -> int:
    try:
        for line in reader.records(_lines()):
            sender.send(line)
    except BadLine as error:
        sender.close()
        raise Stop(f"{TOOL.name}: {error}. The lines before it were sent.") from None
    except KeyboardInterrupt:
        sender.close()
        return 130
    sender.close()
    return 0


def _lines() -> Iterator[str]:
    """Lines end as Java's readLine has it: \\n, \\r or both. On a terminal there is a prompt."""
    if sys.stdin is None:
        return  # the shell has closed it
    text = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace", newline=None)
    prompt = sys.stdin.isatty() and sys.stdout.isatty()
    while True:
        if prompt:
            print(">", end="", flush=True)
        line = text.readline()
        if not line:
            return
        yield line


# --- the command line


def _check(options: Parsed) -> None:
    TOOL.require(options, "topic")
    for old, new in sorted(_REPLACED.items(), key=lambda pair: pair[1]):
        if options.has(old) and options.has(new):
            TOOL.usage(
                f"Options --{new} and --{old} cannot be specified together.",
                f"Use --{new} for both.",
            )
    for old, new in _REPLACED.items():
        if options.has(old):
            print(
                f"Warning: --{old} is deprecated and will be removed in a future version. "
                f"Use --{new} instead."
            )
    if options.has("max-partition-memory-bytes"):
        print(
            "Warning: --max-partition-memory-bytes is deprecated and will be removed in Apache "
            "Kafka 5.0. Use --batch-size instead."
        )
    sys.stdout.flush()
    servers = options.values("bootstrap-server")
    if not servers or not servers[0].strip():
        TOOL.usage(
            "Error while validating the bootstrap address\n",
            "Add --bootstrap-server localhost:9092.",
        )
    if not all(_has_port(server) for server in servers[0].split(",")):
        TOOL.usage(
            "Please provide valid host:port like host1:9091,host2:9092\n",
            f"{servers[0]!r} is not HOST:PORT, for instance localhost:9092.",
        )


def _has_port(server: str) -> bool:
    host, _, port = server.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit()


def _current(options: Parsed, name: str) -> str:
    """The option itself, or the one that it replaced when that was typed."""
    old = next(old for old, new in _REPLACED.items() if new == name)
    return old if options.has(old) else name


def _reader_properties(options: Parsed) -> dict[str, str]:
    reader = options.value("line-reader")
    if reader != JAVA_NAME:
        raise BadLine(
            f"There is no line reader {reader}: a Java class cannot run here; leave it out"
        )
    path = options.value("reader-config")
    properties = load_properties(path) if path else {}
    return properties | key_values(options.values(_current(options, "reader-property")))


def _producer_properties(options: Parsed) -> tuple[dict[str, str], dict[str, str]]:
    """All configs by Java's names, and those of them that the user typed."""
    path = options.value(_current(options, "command-config"))
    typed = load_properties(path) if path else {}
    typed |= key_values(options.values(_current(options, "command-property")))
    java: dict[str, str] = {}
    for option, name in _PER_CONFIG.items():
        if options.has(option) or name not in {**typed, **java}:
            kind = TOOL.parser.options[option].kind
            value = options.value(option) if kind == "String" else options.number(option)
            java[name] = str(value)
            typed.pop(name, None)
    codec = options.value("compression-codec") if options.has("compression-codec") else "none"
    java["compression.type"] = codec or "gzip"
    typed.pop("compression.type", None)
    java["bootstrap.servers"] = options.value("bootstrap-server") or ""
    typed.pop("bootstrap.servers", None)
    java.setdefault("client.id", "console-producer")
    java["delivery.timeout.ms"] = "120000"
    acks = typed.get("acks", java.get("acks"))
    if acks not in ("all", "-1", "0", "1"):
        raise BadSettings(f"acks={acks} is not one of all, -1, 0, 1.")
    if acks in ("-1", "all") and typed.get("retries", java.get("retries")) != "0":
        java["enable.idempotence"] = "true"
    return java, typed


# --- sending


class Sender:
    """Sends lines to a topic; with `sync` each is waited for."""

    def __init__(self, topic: str, java: dict[str, str], typed: dict[str, str], sync: bool) -> None:
        """Raises BadSettings."""
        from moldau.tools.java_producer import JavaProducer

        self._topic = topic
        self._sync = sync
        self._say = notice_of(TOOL.name)
        self._failed: list[str] = []
        self._is_transactional = typed.pop("transactional.id", None) is not None
        self._producer = JavaProducer(typed, java, self._say)

    def send(self, line: Line) -> None:
        """Raises Stop when a record that is waited for could not be delivered."""
        if self._is_transactional:
            raise Stop(
                f"{TOOL.name}: A transactional producer must call initTransactions first, and this "
                "tool never does: leave out transactional.id."
            )
        try:
            self._producer.send(self._topic, line.value, line.key, self._on_delivery, line.headers)
        except BadSettings as error:
            raise Stop(f"{TOOL.name}: {error}") from None
        if self._sync:
            self._producer.flush()
            if self._failed:
                raise Stop(f"{TOOL.name}: {self._failed[0]}")

    def close(self) -> None:
        self._producer.flush()

    def _on_delivery(self, why: KafkaError | None, _message: Any) -> None:
        if why is None:
            return
        text = f"A record was not delivered to {self._topic}: {why.message}"
        if self._sync:
            self._failed.append(text)
        else:
            self._say(text)
