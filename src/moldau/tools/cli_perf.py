"""`moldau perf`: how fast records go in and out of a Kafka from here."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

from moldau.client.offsets import EARLIEST, LATEST, list_offsets
from moldau.tools.cli_bar import Bar
from moldau.tools.cli_client import (
    PATIENCE_S,
    add_client_options,
    add_producer_options,
    client_config,
    make_producer,
    serve_until,
    topics_in,
)
from moldau.tools.cli_frame import Failure, add_common, admin, guarded, parser, print_json
from moldau.tools.latencies import PARTS, Latencies
from moldau.tools.record_source import next_batch

_BATCH = 10_000
_SLICE_S = 0.1
_MB = 1_000_000


def options() -> argparse.ArgumentParser:
    top = parser("perf", "Produces or consumes as fast as it goes, and says how fast that was.")
    actions = top.add_subparsers(dest="action", required=True, metavar="ACTION")
    produce = actions.add_parser("produce", help="send records")
    produce.add_argument("topic")
    produce.add_argument("-n", "--count", type=int, default=100_000, metavar="N")
    payload = produce.add_mutually_exclusive_group()
    payload.add_argument("-s", "--size", type=int, default=100, metavar="BYTES", help="(100)")
    payload.add_argument("--payload-file", metavar="FILE", help="its lines, one after the other")
    produce.add_argument("--rate", type=float, metavar="N", help="at most N records a second")
    add_producer_options(produce)
    produce.add_argument(
        "--warmup", type=int, default=0, metavar="N", help="do not count the first"
    )
    produce.add_argument(
        "--transaction", type=int, metavar="N", help="in transactions of N records each"
    )
    consume = actions.add_parser("consume", help="read records")
    consume.add_argument("topic", nargs="+")
    consume.add_argument("-n", "--count", type=int, metavar="N", help="end after N records")
    for action in (produce, consume):
        add_client_options(action)
        add_common(action)
    top.set_defaults(command="perf")
    return top


def main(argv: list[str]) -> int:
    arguments = options().parse_args(argv)
    body = _produce if arguments.action == "produce" else _consume
    return guarded("perf", lambda: body(arguments))


# --- produce


def _produce(arguments: argparse.Namespace) -> int:
    if not 0 <= arguments.warmup < arguments.count:
        raise Failure("--count must be above 0, and above --warmup.")
    payload = _payloads(arguments)
    with admin(arguments.bootstrap_server) as connection:
        topics_in(connection, [arguments.topic])  # it must be there
    return _Sender(arguments, payload).run()


def _payloads(arguments: argparse.Namespace) -> Callable[[int], bytes]:
    if arguments.payload_file is None:
        # Random letters, as Kafka's perf test sends: half as compressible as text.
        data = bytes(65 + number % 26 for number in os.urandom(max(arguments.size, 0)))
        return lambda _: data
    try:
        with open(arguments.payload_file, "rb") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}. Check the path.") from None
    if not lines:
        raise Failure(f"{arguments.payload_file} is empty: each line is a record.")
    return lambda number: lines[number % len(lines)]


class _Sender:
    def __init__(self, arguments: argparse.Namespace, payload: Callable[[int], bytes]) -> None:
        self._arguments, self._payload = arguments, payload
        is_transactional = arguments.transaction is not None
        self._producer = make_producer(
            arguments, f"moldau-perf-{os.getpid()}" if is_transactional else None
        )
        self._latencies = Latencies(arguments.count - arguments.warmup)
        self._left_to_warm = arguments.warmup
        self._bytes = 0
        self._failures: list[str] = []
        self._start = time.monotonic()

    def run(self) -> int:
        from confluent_kafka import KafkaException

        bar = Bar(self._arguments.count, "records")
        try:
            self._send_all(bar)
            left = self._producer.flush(PATIENCE_S)
        except KafkaException as error:
            raise Failure(f"{error.args[0].str()}.") from None
        finally:
            bar.end()
        seconds = time.monotonic() - self._start
        latencies = self._latencies
        found: dict[str, object] = {
            **_rates(latencies.count, self._bytes, seconds),
            "latency_avg_ms": _ms(latencies.average or 0),
            **{
                f"latency_p{100 * part:g}_ms": _ms(value)
                for part, value in zip(PARTS, latencies.percentiles(), strict=True)
            },
            "latency_max_ms": _ms(latencies.most),
        }
        _report(found, self._arguments.json)
        if self._failures or left:
            why = self._failures[0] if self._failures else f"no answer within {PATIENCE_S:.0f} s"
            raise Failure(f"{len(self._failures) + left} records were not delivered: {why}.")
        return 0

    def _send_all(self, bar: Bar) -> None:
        arguments, each = self._arguments, self._arguments.transaction
        if each is not None:
            self._producer.init_transactions(PATIENCE_S)
        self._start = time.monotonic()
        for number in range(arguments.count):
            if each is not None and number % each == 0:
                if number:
                    self._producer.commit_transaction(PATIENCE_S)
                self._producer.begin_transaction()
            self._send(self._payload(number))
            bar.step()
            if arguments.rate:
                serve_until(self._producer, self._start + (number + 1) / arguments.rate)
        if each is not None:
            self._producer.commit_transaction(PATIENCE_S)

    def _send(self, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(self._arguments.topic, value, on_delivery=self._on_delivery)
            except BufferError:
                self._producer.poll(_SLICE_S)
            else:
                self._producer.poll(0)
                return

    def _on_delivery(self, error: Any, message: Any) -> None:
        if error is not None:
            self._failures.append(error.str())
        elif self._left_to_warm:
            self._left_to_warm -= 1
            if not self._left_to_warm:
                self._start = time.monotonic()
        else:
            self._latencies.record(message.latency())
            self._bytes += len(message)


# --- consume


def _consume(arguments: argparse.Namespace) -> int:
    from confluent_kafka import Consumer, TopicPartition

    with admin(arguments.bootstrap_server) as connection:
        places = topics_in(connection, arguments.topic)
        begins = list_offsets(connection, places, EARLIEST)
        ends = list_offsets(connection, places, LATEST)
    expected = sum(ends[place] - begins[place] for place in places)
    wanted = expected if arguments.count is None else min(arguments.count, expected)
    ours = {"group.id": "moldau-perf", "auto.offset.reset": "earliest"}
    config = {
        **client_config(arguments, "consumer", ours),
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
    consumer = Consumer(config)
    start = time.monotonic()
    consumer.assign([TopicPartition(*place, begins[place]) for place in places])
    open_ones = {place for place in places if begins[place] < ends[place]}
    bar = Bar(wanted, "records")
    try:
        count, size, first = _drain(consumer, arguments.count, open_ones, ends, bar)
    finally:
        bar.end()
        consumer.close()
    seconds = time.monotonic() - start
    found = {**_rates(count, size, seconds), "first_record_ms": _ms((first or start) - start)}
    _report(found, arguments.json)
    if arguments.count is not None and count < arguments.count:
        raise Failure(f"There are only {count} records: `moldau perf produce` makes more.")
    return 0


def _drain(
    consumer: Any,
    wanted: int | None,
    open_ones: set[tuple[str, int]],
    ends: dict[tuple[str, int], int],
    bar: Bar,
) -> tuple[int, int, float | None]:
    """Records, bytes, and when the first came. Raises Failure."""
    from confluent_kafka import KafkaError

    count = size = 0
    first = None
    quiet_since = time.monotonic()
    while open_ones and (wanted is None or count < wanted):
        most = _BATCH if wanted is None else min(_BATCH, wanted - count)
        batch = next_batch(consumer, most, _SLICE_S)
        if batch:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > PATIENCE_S:
            raise Failure(f"No answer for {PATIENCE_S:.0f} s; is the broker still there?")
        for message in batch:
            error = message.error()
            place = (message.topic(), message.partition())
            if error is None:
                first = first or time.monotonic()
                count += 1
                size += len(message)
                if message.offset() + 1 >= ends[place]:
                    open_ones.discard(place)
            elif error.code() == KafkaError._PARTITION_EOF:
                open_ones.discard(place)
            else:
                raise Failure(f"{error.str()}.")
        bar.step(len(batch))
    return count, size, first


# --- both


def _rates(count: int, size: int, seconds: float) -> dict[str, object]:
    return {
        "records": count,
        "bytes": size,
        "seconds": round(seconds, 3),
        "records_per_s": round(count / seconds) if seconds else 0,
        "mb_per_s": round(size / _MB / seconds, 2) if seconds else 0,
    }


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 2)


def _report(found: dict[str, object], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    width = max(map(len, found))
    for name, value in found.items():
        shown = f"{value:,}" if isinstance(value, int | float) else str(value)
        print(f"{name.replace('_', ' '):<{width}}  {shown:>14}")
