"""Total revenue per category per minute of event time, out-of-order events included.

Shows windows that close by event time: a minute is printed when every partition has moved past
its end by --lateness seconds, whatever the wall clock says. An order that comes out of order
counts in the minute in which it happened; one for a minute already printed is named, not
counted. A partition that falls silent keeps the minute open: only it could say what is still
to come. Money is added up in cents.

    python revenue_per_minute.py               # until Ctrl-C
    python revenue_per_minute.py --until-end   # what there is now, every minute closed
"""

import argparse
import json
import sys
from datetime import UTC, datetime

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

MINUTE_MS = 60_000


class Revenue:
    """Open minutes, and how far each partition's event time has come (the watermark)."""

    def __init__(self, partitions: list[int], lateness_ms: int) -> None:
        self._newest = dict.fromkeys(partitions, 0)
        self._lateness_ms = lateness_ms
        self._closed_before = 0
        self._cents: dict[tuple[int, str], int] = {}

    def add(self, partition: int, order: dict[str, str | int]) -> None:
        time_ms, category = int(order["time"]), str(order["category"])
        minute = time_ms - time_ms % MINUTE_MS
        self._newest[partition] = max(self._newest.get(partition, 0), time_ms)
        if minute < self._closed_before:
            print(f"too late: order {order['order']} of {clock(time_ms)}", flush=True)
        else:
            window = (minute, category)
            self._cents[window] = self._cents.get(window, 0) + int(order["cents"])

    def close(self) -> None:
        """Print the minutes that no partition can add to any more."""
        self._close_before(min(self._newest.values(), default=0) - self._lateness_ms)

    def close_all(self) -> None:
        self._close_before(max(self._newest.values(), default=0) + MINUTE_MS)

    def _close_before(self, watermark: int) -> None:
        """A minute is over when the watermark has reached its end, so cut to a whole minute."""
        self._closed_before = max(self._closed_before, watermark - watermark % MINUTE_MS)
        for minute, category in sorted(w for w in self._cents if w[0] < self._closed_before):
            cents = self._cents.pop((minute, category))
            print(f"{clock(minute)} {category} {cents // 100}.{cents % 100:02d}", flush=True)


def clock(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1_000, UTC):%Y-%m-%d %H:%M}"


def main() -> int:
    arguments = parse_arguments()
    consumer = Consumer(
        {
            "bootstrap.servers": arguments.bootstrap_server,
            # Reads everything from the start each time, so it joins no group and never commits.
            "group.id": "revenue-per-minute",
            "enable.auto.commit": False,
        }
    )
    try:
        ends = assign_all(consumer, arguments.topic)
        # A partition without any order says nothing about time: it does not hold others up.
        revenue = Revenue([p for p, end in ends.items() if end > 0], arguments.lateness * 1_000)
        run(consumer, revenue, ends if arguments.until_end else None)
    except KafkaException as error:
        print(error.args[0].str(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()
    return 0


def assign_all(consumer: Consumer, topic: str) -> dict[int, int]:
    """Start every partition at its beginning; partition -> offset after its last record."""
    found = consumer.list_topics(topic, timeout=10).topics[topic]
    if found.error:
        sys.exit(f"{topic}: {found.error.str()}")
    partitions = found.partitions
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
    return {p: consumer.get_watermark_offsets(TopicPartition(topic, p))[1] for p in partitions}


def run(consumer: Consumer, revenue: Revenue, ends: dict[int, int] | None) -> None:
    """Until Ctrl-C, or to the `ends`."""
    left = None if ends is None else {p for p, end in ends.items() if end > 0}
    while left is None or left:
        for message in consumer.consume(500, timeout=0.2):
            if message.error():
                raise KafkaException(message.error())
            revenue.add(message.partition(), json.loads(message.value()))
            if left and ends and message.offset() + 1 >= ends[message.partition()]:
                left.discard(message.partition())
        revenue.close()
    revenue.close_all()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap-server", default="localhost:9092", metavar="HOST:PORT")
    parser.add_argument("--topic", default="orders")
    parser.add_argument("--lateness", type=int, default=30, metavar="SECONDS")
    parser.add_argument("--until-end", action="store_true", help="stop where the topic ends now")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
