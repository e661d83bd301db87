"""Produce order events and read them back, with kafka-python.

pip install kafka-python
python orders_kafka_python.py --count 10
"""

import argparse
import json
import sys

from kafka import KafkaConsumer, KafkaProducer


def order(number: int) -> dict[str, str | int]:
    return {"order": number, "customer": f"customer-{number % 5}", "cents": 199 + number}


def main() -> int:
    arguments = parse_arguments()
    produce(arguments)
    for event in read(arguments):
        print(f"order {event['order']} {event['customer']}", flush=True)
    return 0


def produce(arguments: argparse.Namespace) -> None:
    producer = KafkaProducer(
        bootstrap_servers=arguments.bootstrap_server,
        acks="all",
        key_serializer=str.encode,
        value_serializer=lambda event: json.dumps(event).encode(),
    )
    sent = []
    for number in range(arguments.count):
        event = order(number)
        sent.append(producer.send(arguments.topic, key=event["customer"], value=event))
    for future in sent:
        # Raises when the record was not delivered.
        future.get(timeout=30)
    producer.close()


def read(arguments: argparse.Namespace) -> list[dict[str, str | int]]:
    consumer = KafkaConsumer(
        arguments.topic,
        bootstrap_servers=arguments.bootstrap_server,
        group_id=arguments.group,
        auto_offset_reset="earliest",
        value_deserializer=json.loads,
    )
    events: list[dict[str, str | int]] = []
    for record in consumer:
        events.append(record.value)
        if len(events) == arguments.count:
            break
    consumer.close()
    return events


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap-server", default="localhost:9092", metavar="HOST:PORT")
    parser.add_argument("--topic", default="orders-kafka-python")
    parser.add_argument("--group", default="kafka-python")
    parser.add_argument("--count", type=int, default=10)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
