"""How the console consumer shows records: Kafka's own formatters, by their class names.

Apache Kafka: org.apache.kafka.tools.consumer.*MessageFormatter, 4.3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple, Protocol

from moldau.tools.deserializers import Deserializer, find

_PACKAGE = "org.apache.kafka.tools.consumer."
DEFAULT = _PACKAGE + "DefaultMessageFormatter"
_TIMESTAMP_TYPES = {1: "CreateTime", 2: "LogAppendTime"}


class Record(NamedTuple):
    """A record as a formatter sees it; `timestamp_type` is 0 (none), 1 (create), 2 (append)."""

    partition: int
    offset: int
    timestamp_type: int
    timestamp: int
    headers: list[tuple[str, bytes | None]]
    key: bytes | None
    value: bytes | None


def record_of(message: Any) -> Record:
    """Of a message of confluent_kafka that is no error."""
    kind, timestamp = message.timestamp()
    return Record(
        message.partition(),
        message.offset(),
        kind,
        timestamp,
        message.headers() or [],
        message.key(),
        message.value(),
    )


class Formatter(Protocol):
    def write(self, record: Record, out: BinaryIO) -> None:
        """Raises ValueError for a record that cannot be shown; what was written stays."""


def formatter(
    class_name: str, properties: Mapping[str, str], say: Callable[[str], None]
) -> Formatter | None:
    """None for a class that is not one of Kafka's own."""
    if not class_name.startswith(_PACKAGE):
        return None
    name = class_name.removeprefix(_PACKAGE)
    if name in ("DefaultMessageFormatter", "LoggingMessageFormatter"):
        return DefaultFormatter(properties, say)
    if name == "NoOpMessageFormatter":
        return NoFormatter()
    from moldau.tools.coordinator_formatter import coordinator_formatter

    return coordinator_formatter(name.removesuffix("MessageFormatter"))


def is_true(text: str) -> bool:
    return text.strip().lower() == "true"


class NoFormatter:
    def write(self, record: Record, out: BinaryIO) -> None:
        """Shows nothing."""


class DefaultFormatter:
    """Timestamp, partition, offset, delivery, epoch, headers, key and value, in this order."""

    def __init__(self, properties: Mapping[str, str], say: Callable[[str], None]) -> None:
        def flag(name: str, default: bool = False) -> bool:
            return is_true(properties[name]) if name in properties else default

        def text(name: str, default: str) -> bytes:
            return properties.get(name, default).encode()

        self._timestamp = flag("print.timestamp")
        self._key = flag("print.key")
        self._value = flag("print.value", True)
        self._headers = flag("print.headers")
        self._prefixes: list[Callable[[Record], str]] = []
        if flag("print.partition"):
            self._prefixes.append(lambda record: f"Partition:{record.partition}")
        if flag("print.offset"):
            self._prefixes.append(lambda record: f"Offset:{record.offset}")
        # The console consumer never knows these two; Kafka's prints them all the same.
        if flag("print.delivery"):
            self._prefixes.append(lambda _: "Delivery:NOT_PRESENT")
        if flag("print.epoch"):
            self._prefixes.append(lambda _: "Epoch:NOT_PRESENT")
        self._column_end = text("key.separator", "\t")
        self._line_end = text("line.separator", "\n")
        self._header_end = text("headers.separator", ",")
        self._null = text("null.literal", "null")
        self._read_key = _deserializer(properties, "key.deserializer", True, say)
        self._read_value = _deserializer(properties, "value.deserializer", False, say)
        self._read_header = _deserializer(properties, "headers.deserializer", False, say)

    def write(self, record: Record, out: BinaryIO) -> None:
        columns = self._columns(record)
        last = len(columns) - 1
        for number, column in enumerate(columns):
            for part in column:
                out.write(part() if callable(part) else part)
            out.write(self._line_end if number == last else self._column_end)

    def _columns(self, record: Record) -> list[list[Any]]:
        """Parts of columns; what may fail is a function, called when its turn has come."""
        columns: list[list[Any]] = []
        if self._timestamp:
            kind = _TIMESTAMP_TYPES.get(record.timestamp_type)
            columns.append([f"{kind}:{record.timestamp}".encode() if kind else b"NO_TIMESTAMP"])
        columns += [[show(record).encode()] for show in self._prefixes]
        if self._headers:
            columns.append(self._header_parts(record))
        if self._key:
            columns.append([lambda: self._text(self._read_key, record.key)])
        if self._value:
            columns.append([lambda: self._text(self._read_value, record.value)])
        return columns

    def _header_parts(self, record: Record) -> list[Any]:
        parts: list[Any] = []
        for name, value in record.headers:
            parts += [self._header_end] if parts else []
            parts += [f"{name}:".encode(), lambda v=value: self._text(self._read_header, v)]
        return parts or [b"NO_HEADERS"]

    def _text(self, read: Deserializer | None, data: bytes | None) -> bytes:
        """Kafka gives the null literal, too, to the deserializer."""
        present = self._null if data is None else data
        return present if read is None else read(present).encode()


def _deserializer(
    properties: Mapping[str, str], name: str, is_key: bool, say: Callable[[str], None]
) -> Deserializer | None:
    class_name = properties.get(name)
    if class_name is None:
        return None
    found = find(class_name, _without_prefix(properties, f"{name}."), is_key)
    if found is None:
        say(f"There is no {class_name} here (only Kafka's own): {name} is passed over.")
    return found


def _without_prefix(properties: Mapping[str, str], prefix: str) -> dict[str, str]:
    """What is meant for a deserializer stands behind its own name."""
    return {
        name.removeprefix(prefix): value
        for name, value in properties.items()
        if name.startswith(prefix)
    }
