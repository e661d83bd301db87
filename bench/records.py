"""A client that moves records with confluent-kafka: `python -m bench.records JOB`.

JOB is JSON: {"do": "produce" | "consume", "address", "pid" (of the broker), "topic",
"partitions", "count", "size", "acks", "codec"}. Prints one JSON line: {"seconds", "client_cpu",
"broker_cpu"}.
A process of its own, so that neither the bench nor another measurement shares its interpreter.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from bench.process import cpu_seconds

# What a person would set who wants throughput; the rest is librdkafka's default. With its 64 MB of
# queue a consumer pauses for a second (fetch.queue.backoff.ms) when a broker is quicker than it.
PRODUCER = {"linger.ms": 5, "queue.buffering.max.messages": 1_000_000}
CONSUMER = {
    "group.id": "bench",
    "enable.auto.commit": False,
    "queued.min.messages": 1_000_000,
    "queued.max.messages.kbytes": 1 << 20,
}
DISTINCT_VALUES = 1024
GIVE_UP_S = 60.0


def measure(broker_pid: int, work: Callable[[], None]) -> dict[str, float]:
    """Seconds that `work` takes, and CPU seconds of this process and of the broker in them."""
    broker, client, start = cpu_seconds(broker_pid), time.process_time(), time.perf_counter()
    work()
    return {
        "seconds": time.perf_counter() - start,
        "client_cpu": time.process_time() - client,
        "broker_cpu": cpu_seconds(broker_pid) - broker,
    }


def produce(job: dict[str, Any]) -> dict[str, float]:
    """Every record is acknowledged within the measured time, or this raises."""
    failures: list[KafkaError] = []
    producer = Producer(
        {
            **PRODUCER,
            "bootstrap.servers": job["address"],
            "acks": job["acks"],
            "delivery.report.only.error": True,
            "compression.type": job.get("codec", "none"),
        }
    )

    values = _compressible(job["size"]) if "codec" in job else _values(job["size"])

    def send(count: int) -> None:
        _produce(producer, job["topic"], values, count, failures)

    send(job["partitions"] * 10)  # connections and metadata are there before the clock runs
    return measure(job["pid"], lambda: send(job["count"]))


def _values(size: int) -> list[bytes]:
    """Values that no codec makes smaller, and that are not all the same."""
    return [os.urandom(size) for _ in range(DISTINCT_VALUES)]


def _compressible(size: int) -> list[bytes]:
    """Hexadecimal digits, which a good codec halves."""
    return [os.urandom(size // 2).hex().encode() for _ in range(DISTINCT_VALUES)]


def _produce(
    producer: Producer, topic: str, values: list[bytes], count: int, failures: list[KafkaError]
) -> None:
    def failed(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error)

    done, every = 0, len(values)
    while done < count:
        for value in values[: count - done]:
            while True:
                try:
                    producer.produce(topic, value, on_delivery=failed)
                    break
                except BufferError:
                    producer.poll(0.01)
        done += every
        producer.poll(0)
    left = producer.flush(GIVE_UP_S)
    if left or failures:
        why = failures[0] if failures else f"no acknowledgement in {GIVE_UP_S:.0f} s"
        raise KafkaException(f"{left + len(failures)} of {count} records were not produced: {why}")


def consume(job: dict[str, Any]) -> dict[str, float]:
    """Reads `count` records from the start of the topic, all partitions by one consumer."""
    consumer = Consumer({**CONSUMER, "bootstrap.servers": job["address"]})
    consumer.list_topics(job["topic"], timeout=10)
    begin = [TopicPartition(job["topic"], p, 0) for p in range(job["partitions"])]

    def read() -> None:
        consumer.assign(begin)
        _consume(consumer, job["count"])

    result = measure(job["pid"], read)
    consumer.close()
    return result


def _consume(consumer: Consumer, count: int) -> None:
    seen = 0
    while seen < count:
        # Not one more than there are: consume() would wait for it until the timeout.
        messages = consumer.consume(min(10_000, count - seen), timeout=GIVE_UP_S)
        if not messages:
            raise KafkaException(f"{seen} of {count} records came, then none in {GIVE_UP_S:.0f} s")
        if messages[-1].error():
            raise KafkaException(messages[-1].error())
        seen += len(messages)


def main(text: str) -> None:
    job = json.loads(text)
    print(json.dumps({"produce": produce, "consume": consume}[job["do"]](job)))


if __name__ == "__main__":
    main(sys.argv[1])
