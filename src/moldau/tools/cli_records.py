"""`moldau produce` and `moldau consume`: records from and to a shell."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from moldau.client.topics import describe_topics, list_topics
from moldau.tools.cli_frame import (
    Failure,
    add_common,
    admin,
    did_you_mean,
    guarded,
    parser,
    print_json,
)

_PATIENCE_S = 30.0
_CONSUMER_SLICE_S = 0.2


def produce_options() -> argparse.ArgumentParser:
    top = parser("produce", "Each line of stdin becomes a record.")
    top.add_argument("topic")
    top.add_argument("file", nargs="?", help="read this file, not stdin")
    top.add_argument(
        "-k", "--key-separator", metavar="TEXT", help="what stands before it is the record's key"
    )
    top.add_argument(
        "-H", "--header", action="append", default=[], metavar="NAME=VALUE", help="may be repeated"
    )
    top.add_argument("-p", "--partition", type=int, default=-1, metavar="N")
    add_common(top)
    return top


def produce(argv: list[str]) -> int:
    arguments = produce_options().parse_args(argv)
    return guarded("produce", lambda: _produce(arguments))


def consume_options() -> argparse.ArgumentParser:
    top = parser("consume", "Prints records; ends at the end of the topic unless --follow.")
    top.add_argument("topic")
    top.add_argument("-f", "--follow", action="store_true", help="wait for more, until Ctrl-C")
    top.add_argument("-n", "--count", type=int, metavar="N", help="end after N records")
    top.add_argument("-p", "--partition", type=int, metavar="N", help="only this partition")
    top.add_argument(
        "-o", "--offset", default=None, metavar="WHERE",
        help="begin at earliest (the default), latest, an offset, or -N: the last N",
    )  # fmt: skip
    add_common(top)
    return top


def consume(argv: list[str]) -> int:
    arguments = consume_options().parse_args(argv)
    if arguments.offset is None:
        arguments.offset = "latest" if arguments.follow and not arguments.count else "earliest"
    return guarded("consume", lambda: _consume(arguments))


# --- produce


def _produce(arguments: argparse.Namespace) -> int:
    from confluent_kafka import Producer

    _partitions(arguments, may_be_made=True)
    producer = Producer(
        {
            "bootstrap.servers": arguments.bootstrap_server,
            "partitioner": "murmur2_random",
            "acks": "all",
            "enable.idempotence": True,
            "log_level": 0,
        }
    )
    failures: list[str] = []
    delivered = 0

    def on_delivery(error: Any, _message: Any) -> None:
        nonlocal delivered
        if error is None:
            delivered += 1
        else:
            failures.append(error.str())

    problem: Failure | None = None
    try:
        _send_lines(producer, arguments, on_delivery)
    except Failure as error:
        problem = error  # what stood before the bad line is sent all the same
    left = producer.flush(_PATIENCE_S)
    if arguments.json:
        print_json({"topic": arguments.topic, "delivered": delivered})
    if failures or left:
        why = failures[0] if failures else f"no answer within {_PATIENCE_S:.0f} s"
        raise Failure(f"{len(failures) + left} of the records were not delivered: {why}.")
    sent = f"{delivered} record{'' if delivered == 1 else 's'} to {arguments.topic}"
    if problem is not None:
        raise Failure(f"{problem} {sent} before it, and nothing behind it.")
    if not arguments.json:
        print(f"{sent}.")
    return 0


def _send_lines(
    producer: Any, arguments: argparse.Namespace, on_delivery: Callable[[Any, Any], None]
) -> None:
    """Hands every line to the producer. Raises Failure at the first that is no record."""
    headers = [_header(word) for word in arguments.header]
    for number, line in enumerate(_lines(arguments.file), 1):
        key, value = _split(line, arguments.key_separator, number)
        while True:
            try:
                producer.produce(
                    arguments.topic,
                    value,
                    key,
                    arguments.partition,
                    on_delivery,
                    headers=headers,
                )
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)


def _header(word: str) -> tuple[str, bytes]:
    name, equals, value = word.partition("=")
    if not equals:
        raise Failure(f"--header {word!r}: write it as NAME=VALUE.")
    return name, value.encode()


def _lines(path: str | None) -> Iterator[bytes]:
    if path is None:
        yield from (line.rstrip(b"\r\n") for line in sys.stdin.buffer)
        return
    try:
        with open(path, "rb") as file:
            yield from (line.rstrip(b"\r\n") for line in file)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}. Check the path.") from None


def _split(line: bytes, separator: str | None, number: int) -> tuple[bytes | None, bytes]:
    if not separator:
        return None, line
    key, found, value = line.partition(separator.encode())
    if not found:
        shown = line.decode(errors="replace")
        raise Failure(f"Line {number} has no {separator!r}: {shown!r}.")
    return key, value


# --- consume


def _consume(arguments: argparse.Namespace) -> int:
    from confluent_kafka import Consumer

    partitions = _partitions(arguments, may_be_made=False)
    consumer = Consumer(
        {
            "bootstrap.servers": arguments.bootstrap_server,
            # librdkafka wants a name; nothing joins or commits under it.
            "group.id": "moldau-consume",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            # The end may be no record: a transaction's marker, or what was compacted away.
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    try:
        starts, ends = _range(consumer, arguments, partitions)
        consumer.assign(starts)
        done = {p for p, end in ends.items() if _start_of(starts, p) >= end}
        for message in _messages(consumer, arguments, ends, done):
            _print_record(message, arguments.json)
    finally:
        consumer.close()
    return 0


def _range(
    consumer: Any, arguments: argparse.Namespace, partitions: Iterable[int]
) -> tuple[list[Any], dict[int, int]]:
    """Where to begin, and where each partition ends now."""
    from confluent_kafka import TopicPartition

    starts, ends = [], {}
    for partition in partitions:
        place = TopicPartition(arguments.topic, partition)
        low, high = consumer.get_watermark_offsets(place, timeout=_PATIENCE_S)
        starts.append(
            TopicPartition(arguments.topic, partition, _begin(arguments.offset, low, high))
        )
        ends[partition] = high
    return starts, ends


def _start_of(starts: list[Any], partition: int) -> int:
    return int(next(s.offset for s in starts if s.partition == partition))


def _begin(where: str, low: int, high: int) -> int:
    if where == "earliest":
        return low
    if where == "latest":
        return high
    try:
        offset = int(where)
    except ValueError:
        raise Failure(f"--offset {where!r}: say earliest, latest, a number, or -N.") from None
    return max(low, high + offset) if offset < 0 else max(low, min(offset, high))


def _messages(
    consumer: Any, arguments: argparse.Namespace, ends: dict[int, int], done: set[int]
) -> Iterator[Any]:
    """Records until the count, or until every partition has reached its end."""
    from confluent_kafka import KafkaError

    left = arguments.count
    quiet_since = time.monotonic()
    while left is None or left > 0:
        if not arguments.follow and len(done) == len(ends):
            return
        message = consumer.poll(_CONSUMER_SLICE_S)
        if message is None:
            if not arguments.follow and time.monotonic() - quiet_since > _PATIENCE_S:
                raise Failure(f"No answer for {_PATIENCE_S:.0f} s; is the broker still there?")
            continue
        quiet_since = time.monotonic()
        if message.error() is not None:
            if message.error().code() != KafkaError._PARTITION_EOF:
                raise Failure(f"{message.error().str()}.")
            done.add(message.partition())
            continue
        partition, offset = message.partition(), message.offset()
        if arguments.follow or offset < ends[partition]:
            yield message
            left = None if left is None else left - 1
        if offset + 1 >= ends[partition]:
            done.add(partition)


def _print_record(message: Any, as_json: bool) -> None:
    if not as_json:
        value = message.value()
        sys.stdout.buffer.write((b"" if value is None else value) + b"\n")
        sys.stdout.buffer.flush()
        return
    _, timestamp = message.timestamp()
    print_json(
        {
            "topic": message.topic(),
            "partition": message.partition(),
            "offset": message.offset(),
            "timestamp": timestamp,
            "headers": [[k, _text(v)] for k, v in message.headers() or []],
            "key": _text(message.key()),
            "value": _text(message.value()),
        }
    )
    sys.stdout.flush()


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "backslashreplace")


# --- both


def _partitions(arguments: argparse.Namespace, *, may_be_made: bool) -> list[int]:
    """The partitions that are meant. Raises Failure for a topic that is not there."""
    with admin(arguments.bootstrap_server) as connection:
        known = [topic.name for topic in list_topics(connection)]
        if arguments.topic not in known:
            if may_be_made:
                return []
            raise Failure(did_you_mean(arguments.topic, known, "topic", "moldau topics"))
        (topic,) = describe_topics(connection, [arguments.topic])
    ids = sorted(partition.id for partition in topic.partitions)
    if arguments.partition in (None, -1):
        return ids
    if arguments.partition not in ids:
        raise Failure(
            f"{arguments.topic} has no partition {arguments.partition}: it has 0 to {ids[-1]}."
        )
    return [arguments.partition]
