"""Produce order events: JSON, keyed by customer, every delivery reported.

Shows a key that decides the partition (so that one customer's orders stay in order), acks=all,
a callback that learns where each record went, and flush, which waits for the last of them.

    python produce_orders.py --count 100
"""

import argparse
import json
import random
import sys

from confluent_kafka import KafkaError, Message, Producer

CATEGORIES = ("books", "coffee", "garden", "games", "music", "tea")
NINE_O_CLOCK_MS = 1_767_258_000_000  # 2026-01-01 09:00 UTC


def order(number: int) -> dict[str, str | int]:
    """One order. Event time moves a second per order; every fifth is up to 20 s late."""
    dice = random.Random(number)
    late_ms = dice.randrange(20_000) if number % 5 == 4 else 0
    return {
        "order": number,
        "customer": f"customer-{dice.randrange(20):02d}",
        "category": dice.choice(CATEGORIES),
        "cents": dice.randint(199, 14_999),
        "time": NINE_O_CLOCK_MS + number * 1_000 - late_ms,
    }


def main() -> int:
    arguments = parse_arguments()
    failed = 0

    def report(error: KafkaError | None, message: Message) -> None:
        nonlocal failed
        if error is not None:
            failed += 1
            print(f"not delivered: {message.value()!r}: {error}", file=sys.stderr)
        else:
            at = f"{message.topic()}[{message.partition()}]@{message.offset()}"
            print(f"{at} {message.key().decode()}")

    producer = Producer({"bootstrap.servers": arguments.bootstrap_server, "acks": "all"})
    for number in range(arguments.first, arguments.first + arguments.count):
        event = order(number)
        producer.produce(
            arguments.topic, key=event["customer"], value=json.dumps(event), on_delivery=report
        )
        # Serves the callbacks of what has been delivered so far.
        producer.poll(0)
    producer.flush()
    return 1 if failed else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap-server", default="localhost:9092", metavar="HOST:PORT")
    parser.add_argument("--topic", default="orders")
    parser.add_argument("--count", type=int, default=100, help="how many (default: 100)")
    parser.add_argument("--first", type=int, default=0, help="number of the first (default: 0)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
