"""`moldau produce`: records from stdin or files."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from moldau.protocol.errors import ErrorCode
from moldau.tools.cli_bar import Bar
from moldau.tools.cli_client import (
    PATIENCE_S,
    add_client_options,
    add_producer_options,
    check_partitions,
    make_producer,
    serve_until,
    topics_in,
)
from moldau.tools.cli_frame import Failure, add_common, admin, guarded, parser, print_json
from moldau.tools.cli_where import now_ms, parse_time
from moldau.tools.cut_batches import ALONE, CutBatches
from moldau.tools.record_input import (
    Lines,
    Outgoing,
    named_header,
    read_json,
    read_lines,
    read_whole,
)

_SHOWN = 10  # of what was not delivered


def options() -> argparse.ArgumentParser:
    top = parser("produce", "Each line of stdin, or of files, becomes a record.")
    top.add_argument("topic")
    top.add_argument("file", nargs="*", help="read these files, not stdin")
    top.add_argument(
        "-i", "--input", choices=("lines", "json", "whole"), default="lines",
        help="lines (the default); json as `moldau consume --json` prints it; whole: one record a "
        "file",
    )  # fmt: skip
    top.add_argument(
        "-k", "--key-separator", metavar="TEXT", help="what stands before it is the record's key"
    )
    top.add_argument(
        "--headers-separator", metavar="TEXT", help="before it stand headers, as a=1,b=2"
    )
    top.add_argument("--key", metavar="TEXT", help="the key of all records")
    top.add_argument(
        "-H", "--header", action="append", default=[], metavar="NAME=VALUE",
        help="of all records; may be repeated",
    )  # fmt: skip
    top.add_argument(
        "-Z", "--null", metavar="TEXT", help="a key or value that is TEXT is none (a tombstone)"
    )
    top.add_argument("-p", "--partition", type=int, metavar="N")
    top.add_argument(
        "--keep-partitions", action="store_true", help="with json: into the partition it names"
    )
    top.add_argument("--timestamp", metavar="TIME", help="2026-11-24T10:30, ms since 1970 or @-2h")
    add_producer_options(top)
    top.add_argument("--rate", type=float, metavar="N", help="at most N records a second")
    add_client_options(top)
    add_common(top)
    top.set_defaults(command="produce")
    return top


def main(argv: list[str]) -> int:
    arguments = options().parse_intermixed_args(argv)
    return guarded("produce", lambda: _Run(arguments).run())


class _Run:
    def __init__(self, arguments: argparse.Namespace) -> None:
        """Raises Failure for what can be seen before anything is sent."""
        self._arguments = arguments
        self._topic = arguments.topic
        self._headers = [named_header(word) for word in arguments.header]
        self._timestamp = (
            None if arguments.timestamp is None else parse_time(arguments.timestamp, now_ms)
        )
        if arguments.rate is not None and arguments.rate <= 0:
            raise Failure("--rate: give a number above 0, or leave it out.")
        self._check_topic()
        self._producer = CutBatches(
            make_producer(arguments, sends_again_once=True),
            lambda: make_producer(arguments, more=ALONE, sends_again_once=True),
        )
        self._waiting: set[int] = set()
        self._failures: dict[str, list[int]] = {}
        self._delivered = self._sent = 0

    def _check_topic(self) -> None:
        """A topic that is not there may be made by the broker; then any partition will do."""
        from moldau.client.topics import topic_exists

        with admin(self._arguments.bootstrap_server) as connection:
            is_there = topic_exists(connection, self._topic)
            if is_there and self._arguments.partition is not None:
                places = topics_in(connection, [self._topic])
                check_partitions(places, [self._arguments.partition])

    def run(self) -> int:
        problem: Failure | None = None
        is_interrupted = False
        try:
            self._send_all()
        except Failure as error:
            problem = error  # what stood before the bad line is sent all the same
        except KeyboardInterrupt:
            is_interrupted = True  # likewise; the second time it ends at once
        self._producer.flush(PATIENCE_S)
        if self._arguments.json:
            print_json({"topic": self._topic, "delivered": self._delivered})
        if self._waiting:
            self._failures[f"no answer within {PATIENCE_S:.0f} s"] = sorted(self._waiting)
        if self._failures:
            raise Failure(_not_delivered(self._failures))
        count = self._delivered
        sent = f"{count} record{'' if count == 1 else 's'} to {self._topic}"
        if problem is not None:
            raise Failure(f"{problem} {sent} before it, and nothing behind it.")
        if not self._arguments.json:
            print(f"{sent}.")
        return 130 if is_interrupted else 0

    def _read(self) -> Iterator[Outgoing]:
        arguments = self._arguments
        if arguments.input == "json":
            return read_json(arguments.file)
        if arguments.input == "whole":
            return read_whole(arguments.file)
        how = Lines(arguments.headers_separator, arguments.key_separator, arguments.null)
        return read_lines(arguments.file, how)

    def _send_all(self) -> None:
        bar = Bar(_total(self._arguments.file), "bytes")
        start = time.monotonic()
        try:
            for record in self._read():
                self._send(record)
                bar.step(record.size)
                if self._arguments.rate:
                    serve_until(self._producer, start + self._sent / self._arguments.rate)
        finally:
            bar.end()

    def _send(self, record: Outgoing) -> None:
        from confluent_kafka import KafkaException

        arguments = self._arguments
        named = record.partition if arguments.keep_partitions else None
        partition = arguments.partition if arguments.partition is not None else named
        options: dict[str, Any] = {} if partition is None else {"partition": partition}
        timestamp = self._timestamp if self._timestamp is not None else record.timestamp
        if timestamp is not None:
            options["timestamp"] = timestamp
        key = record.key if arguments.key is None else arguments.key.encode()
        self._sent += 1
        number = self._sent
        delivered = partial(self._on_delivery, number)
        options["headers"] = [*self._headers, *record.headers]
        self._waiting.add(number)
        try:
            self._producer.produce(self._topic, record.value, key, delivered, options)
        except (KafkaException, OverflowError) as error:
            self._waiting.discard(number)
            raise Failure(f"Record {number}: {_refused(error)}.") from None

    def _on_delivery(self, number: int, error: Any, _message: Any) -> None:
        self._waiting.discard(number)
        if error is None:
            self._delivered += 1
        else:
            self._failures.setdefault(error.str(), []).append(number)


def _refused(error: Exception) -> str:
    """Why the producer did not take a record."""
    if isinstance(error, OverflowError):
        return f"its partition or timestamp: {error}"
    if error.args[0].code() == ErrorCode.MESSAGE_TOO_LARGE:
        return "it is too large for the producer; -X max.request.size=BYTES lets it through"
    said: str = error.args[0].str()
    return said


def _not_delivered(failures: Mapping[str, Sequence[int]]) -> str:
    """Which, by why."""
    count = sum(map(len, failures.values()))
    parts = []
    for why, numbers in failures.items():
        shown = ", ".join(map(str, sorted(numbers)[:_SHOWN]))
        more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
        parts.append(f"record{'s' * (len(numbers) > 1)} {shown}{more}: {why}")
    return f"{count} of the records were not delivered; {'; '.join(parts)}."


def _total(paths: list[str]) -> int | None:
    """Bytes to read, if that can be known."""
    try:
        return sum(os.path.getsize(path) for path in paths) or None
    except OSError:
        return None  # reading says why
