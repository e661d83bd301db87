"""Turn `orders` into `shipments`; commit an order only when its shipment is safely written.

Shows at-least-once processing: produce, wait for the delivery reports, and only then commit
the offsets of what was read. Kill it at any moment: a shipment may be written twice, but no
order goes without.

    python ship_orders.py
"""

import argparse
import json
import sys

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

BATCH = 500


def main() -> int:
    arguments = parse_arguments()
    producer = Producer(
        {"bootstrap.servers": arguments.bootstrap_server, "enable.idempotence": True}
    )
    consumer = Consumer(
        {
            "bootstrap.servers": arguments.bootstrap_server,
            "group.id": arguments.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([arguments.orders])
    shipped = 0
    try:
        while arguments.count < 0 or shipped < arguments.count:
            messages = consumer.consume(BATCH, timeout=0.5)
            if messages:
                ship(messages, producer, arguments.shipments)
                consumer.commit(offsets=next_offsets(messages), asynchronous=False)
                shipped += len(messages)
                print(f"shipped and committed {len(messages)} orders", flush=True)
    except KafkaException as error:
        print(error.args[0].str(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()
    return 0


def ship(messages: list[Message], producer: Producer, topic: str) -> None:
    """Returns when every shipment is acknowledged; raises when one is not."""
    errors: list[KafkaError] = []

    def report(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            errors.append(error)

    for message in messages:
        if message.error():
            raise KafkaException(message.error())
        order = json.loads(message.value())
        shipment = {"order": order["order"], "customer": order["customer"], "parcels": 1}
        producer.produce(topic, key=message.key(), value=json.dumps(shipment), on_delivery=report)
    producer.flush()
    if errors:
        raise KafkaException(errors[0])


def next_offsets(messages: list[Message]) -> list[TopicPartition]:
    """For each partition the offset after the last message: where to go on."""
    last = {(message.topic(), message.partition()): message.offset() for message in messages}
    return [TopicPartition(topic, p, offset + 1) for (topic, p), offset in last.items()]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap-server", default="localhost:9092", metavar="HOST:PORT")
    parser.add_argument("--orders", default="orders", help="topic to read")
    parser.add_argument("--shipments", default="shipments", help="topic to write")
    parser.add_argument("--group", default="shipping")
    parser.add_argument("--count", type=int, default=-1, help="stop after so many (default: never)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
