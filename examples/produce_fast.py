"""Produce 100,000 events fast: large compressed batches, acks=1, and retries.

Shows the settings that throughput depends on, under the names that Java programs use, and what
becomes of them: java_config translates for librdkafka and says what it leaves out.

    python produce_fast.py --count 100000
"""

import argparse
import sys
import time
import warnings

from confluent_kafka import KafkaError, Message, Producer

from moldau.client import java_config

# As they stand in many a producer.properties.
JAVA = {
    "acks": "1",
    "linger.ms": 20,
    "batch.size": 131_072,
    "compression.type": "snappy",
    "retries": 10,
    "buffer.memory": 67_108_864,
    "max.block.ms": 60_000,
    "key.serializer": "org.apache.kafka.common.serialization.StringSerializer",
    "value.serializer": "org.apache.kafka.common.serialization.StringSerializer",
}


def main() -> int:
    arguments = parse_arguments()
    warnings.simplefilter("always")
    config = java_config(JAVA | {"bootstrap.servers": arguments.bootstrap_server}, "producer")
    for name, value in config.items():
        print(f"{name}={value}")

    delivered = failed = 0

    def report(error: KafkaError | None, _message: Message) -> None:
        nonlocal delivered, failed
        if error is None:
            delivered += 1
        else:
            failed += 1

    producer = Producer(config)
    started = time.monotonic()
    for number in range(arguments.count):
        produce(producer, arguments.topic, f"customer-{number % 1_000:03d}", number, report)
    producer.flush()
    seconds = time.monotonic() - started
    print(f"{delivered} delivered, {failed} failed, {delivered / seconds:,.0f} a second")
    return 1 if failed else 0


def produce(producer: Producer, topic: str, key: str, number: int, report: object) -> None:
    """Java's send() blocks while the buffer is full; here one waits by polling."""
    value = f'{{"event":{number},"customer":"{key}","page":"/products/{number % 5_000}"}}'
    while True:
        try:
            producer.produce(topic, key=key, value=value, on_delivery=report)
            break
        except BufferError:
            producer.poll(0.1)
    producer.poll(0)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap-server", default="localhost:9092", metavar="HOST:PORT")
    parser.add_argument("--topic", default="clicks")
    parser.add_argument("--count", type=int, default=100_000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
