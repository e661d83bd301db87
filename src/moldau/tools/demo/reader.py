"""Reads whole topics from the start, in no group."""

import time
from collections.abc import Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from moldau.tools.demo.clients import consumer_config, must_be_record
from moldau.tools.demo.orders import PARTITIONS
from moldau.tools.demo.topics import DemoError

BATCH = 2_000
POLL_SECONDS = 0.1
SILENCE_SECONDS = 30


class Reader:
    """One consumer, assigned by hand; it never commits."""

    def __init__(self, bootstrap_servers: str) -> None:
        # librdkafka wants the name of a group, even from who never joins one.
        self._consumer = Consumer(consumer_config(bootstrap_servers, "unused"))

    def close(self) -> None:
        self._consumer.close()

    def ends(self, topic: str) -> dict[int, int]:
        """Partition -> the offset after its last record, as of now."""
        return {p: self._bounds(topic, p)[1] for p in range(PARTITIONS)}

    def read(self, topic: str, ends: dict[int, int]) -> Iterator[Message]:
        """All records before `ends`; raises DemoError when they do not come."""
        left = {p: end for p, end in ends.items() if self._bounds(topic, p)[0] < end}
        self._consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in left])
        heard = time.monotonic()
        while left:
            messages = self._consumer.consume(BATCH, POLL_SECONDS)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE_SECONDS:
                raise DemoError(
                    f"nothing came from {topic}, partitions {sorted(left)}, in {SILENCE_SECONDS} "
                    "seconds: is the broker still up?"
                )
            yield from _within(messages, left)
        self._consumer.unassign()

    def _bounds(self, topic: str, partition: int) -> tuple[int, int]:
        low, high = self._consumer.get_watermark_offsets(
            TopicPartition(topic, partition), timeout=SILENCE_SECONDS
        )
        return low, high


def _within(messages: list[Message], left: dict[int, int]) -> Iterator[Message]:
    """Those before the ends; a partition whose end is reached is taken out of `left`."""
    for message in messages:
        partition, offset = must_be_record(message).partition(), message.offset()
        end = left.get(partition, 0)
        if offset < end:
            yield message
        if offset + 1 >= end:
            left.pop(partition, None)
