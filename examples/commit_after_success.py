"""Commit a message only after it was handled; one that fails is not committed and comes again.

Shows manual commits: the offset moves past a message when the work on it has succeeded, so a
failure, or a crash in the middle of the work, can repeat a message but never lose one.

    python commit_after_success.py --fail-order 7 --failures 2
"""

import argparse
import json
import sys

from confluent_kafka import Consumer, KafkaException, TopicPartition


class PaymentDown(Exception):
    """The kind of failure that goes away when one tries again."""


class Handler:
    """The work: takes a payment, and fails for one order as often as it was told."""

    def __init__(self, fail_order: int, failures: int) -> None:
        self._fail_order = fail_order
        self._failures = failures

    def handle(self, event: dict[str, str | int]) -> None:
        if event["order"] == self._fail_order and self._failures > 0:
            self._failures -= 1
            raise PaymentDown(f"no payment for order {event['order']}")
        print(f"handled order {event['order']}", flush=True)


def main() -> int:
    arguments = parse_arguments()
    handler = Handler(arguments.fail_order, arguments.failures)
    consumer = Consumer(
        {
            "bootstrap.servers": arguments.bootstrap_server,
            "group.id": arguments.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([arguments.topic])
    left = arguments.count
    try:
        while left != 0:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            at = TopicPartition(message.topic(), message.partition(), message.offset())
            try:
                handler.handle(json.loads(message.value()))
            except PaymentDown as error:
                print(f"failed, not committed: {error}", flush=True)
                if arguments.stop_on_failure:
                    return 1
                # Back to the message that failed: the next poll brings it again.
                consumer.seek(at)
                continue
            consumer.commit(message=message, asynchronous=False)
            left -= 1
    except KafkaException as error:
        print(error.args[0].str(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap-server", default="localhost:9092", metavar="HOST:PORT")
    parser.add_argument("--topic", default="orders")
    parser.add_argument("--group", default="payments")
    parser.add_argument("--count", type=int, default=-1, help="stop after so many (default: never)")
    parser.add_argument("--fail-order", type=int, default=7, help="this order fails (default: 7)")
    parser.add_argument("--failures", type=int, default=1, help="so many times (default: 1)")
    parser.add_argument("--stop-on-failure", action="store_true", help="give up, with exit code 1")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
