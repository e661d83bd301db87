"""Produce order events and read them back, with aiokafka.

pip install aiokafka
python orders_aiokafka.py --count 10
"""

import argparse
import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


def order(number: int) -> dict[str, str | int]:
    return {"order": number, "customer": f"customer-{number % 5}", "cents": 199 + number}


async def produce(arguments: argparse.Namespace) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=arguments.bootstrap_server,
        acks="all",
        key_serializer=str.encode,
        value_serializer=lambda event: json.dumps(event).encode(),
    ) as producer:
        events = [order(number) for number in range(arguments.count)]
        sent = [await producer.send(arguments.topic, e, key=e["customer"]) for e in events]
        # Raises when a record was not delivered.
        await asyncio.gather(*sent)


async def read(arguments: argparse.Namespace) -> None:
    async with AIOKafkaConsumer(
        arguments.topic,
        bootstrap_servers=arguments.bootstrap_server,
        group_id=arguments.group,
        auto_offset_reset="earliest",
        value_deserializer=json.loads,
    ) as consumer:
        for _ in range(arguments.count):
            event = (await consumer.getone()).value
            print(f"order {event['order']} {event['customer']}", flush=True)


async def main() -> int:
    arguments = parse_arguments()
    await produce(arguments)
    await read(arguments)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap-server", default="localhost:9092", metavar="HOST:PORT")
    parser.add_argument("--topic", default="orders-aiokafka")
    parser.add_argument("--group", default="aiokafka")
    parser.add_argument("--count", type=int, default=10)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
