"""Print order events as they come, from the first one on.

Shows a consumer in a group that starts at the earliest record and commits by itself every few
seconds: start it again and it goes on where it was.

    python print_orders.py            # until Ctrl-C
"""

import argparse
import json
import sys

from confluent_kafka import Consumer, KafkaException


def main() -> int:
    arguments = parse_arguments()
    consumer = Consumer(
        {
            "bootstrap.servers": arguments.bootstrap_server,
            "group.id": arguments.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": True,
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
            event = json.loads(message.value())
            print(
                f"{message.topic()}[{message.partition()}]@{message.offset()} "
                f"order {event['order']} {event['customer']} {event['category']} "
                f"{event['cents'] // 100}.{event['cents'] % 100:02d}",
                flush=True,
            )
            left -= 1
    except KafkaException as error:
        print(error.args[0].str(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    finally:
        # Commits what was read, and leaves the group so that others need not wait for us.
        consumer.close()
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap-server", default="localhost:9092", metavar="HOST:PORT")
    parser.add_argument("--topic", default="orders")
    parser.add_argument("--group", default="printers")
    parser.add_argument("--count", type=int, default=-1, help="stop after so many (default: never)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
