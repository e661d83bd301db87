"""Idempotent producers: their ids, repetitions, what is out of order, what is told of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.attacks.raw import batch
from tests.conformance.both import Both, Pair, each
from tests.conformance.requests import fetch, init_producer, produce, request

pytestmark = pytest.mark.apache
LARGEST = 2**31 - 1


def write(
    both: Both,
    topic: str,
    producer: Pair,
    sequence: int,
    *values: bytes,
    epoch: int = 0,
    note: str = "",
    **options: Any,
) -> Pair:
    def build(producer_id: int) -> bytes:
        return batch(
            *(values or (b"v",)),
            producer_id=producer_id,
            producer_epoch=epoch,
            base_sequence=sequence,
            **options,
        )

    note = note or f"epoch {epoch}, sequence {sequence}"
    return both.ask(produce(topic, each(build, producer)), 12, note)


def describe(both: Both, topic: str, *partitions: int) -> None:
    wanted = [{"name": topic, "partition_indexes": list(partitions or (0,))}]
    both.ask("DescribeProducers", topics=wanted)


def test_ids(both: Both) -> None:
    both.producer()
    for version in range(6):
        both.ask(init_producer(), version)
    both.ask(init_producer(5, 1))
    both.ask(init_producer(5, -1))
    both.ask(init_producer(-1, 5))
    both.ask(init_producer(-2, -2))
    both.ask(init_producer(5, -2))


def test_ids_of_transactions_without_a_name(both: Both) -> None:
    for version in range(6):
        both.ask(init_producer(transactional_id=""), version)
        both.ask(init_producer(5, -1, transactional_id="t"), version if version > 2 else 3)


def test_init_transactions_fails_at_once(both: Both) -> None:
    name = both.unused_name()
    find = request("FindCoordinator", key_type=1, coordinator_keys=[name])
    both.until_theirs(find, lambda answer: not answer.coordinators[0].error_code)
    both.ask(find)
    asked = init_producer(transactional_id=name)
    both.until_theirs(asked, lambda answer: not answer.error_code)
    both.ask(asked)


SEQUENCES: Mapping[str, list[tuple[int, int, int]]] = {
    # epoch, sequence, records
    "in order": [(0, 0, 1), (0, 1, 3), (0, 4, 1)],
    "repeated at once": [(0, 0, 2), (0, 0, 2), (0, 2, 1), (0, 2, 1)],
    "repeated with another length": [(0, 0, 2), (0, 0, 1), (0, 0, 3)],
    "a gap": [(0, 0, 1), (0, 2, 1), (0, 1, 1)],
    "from the middle": [(0, 7, 1), (0, 8, 1)],
    "back to the start": [(0, 5, 1), (0, 0, 1), (0, 4, 1)],
    "five remembered": [*((0, i, 1) for i in range(6)), *((0, i, 1) for i in range(6))],
    "a later epoch": [(0, 0, 1), (1, 0, 1), (1, 1, 1), (1, 0, 1)],
    "a later epoch from the middle": [(0, 0, 1), (1, 1, 1), (1, 0, 1)],
    "an earlier epoch": [(3, 0, 1), (2, 1, 1), (2, 0, 1), (3, 1, 1)],
    "an earlier epoch repeated": [(0, 0, 1), (1, 0, 1), (0, 0, 1)],
    "a later epoch, refused, then the old": [(0, 0, 1), (1, 5, 1), (0, 1, 1)],
    "around the largest": [(0, LARGEST - 1, 2), (0, 0, 1), (0, 1, 1), (0, LARGEST - 1, 2)],
    "over the largest": [(0, LARGEST, 3), (0, 2, 1), (0, LARGEST, 3)],
    "over the largest and a gap": [(0, LARGEST, 1), (0, 1, 1), (0, 0, 1)],
    "a large epoch": [(32767, 0, 1), (0, 0, 1)],
    "no epoch": [(-1, 0, 1)],
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences(both: Both, name: str) -> None:
    topic, producer = both.topic(), both.producer()
    for epoch, sequence, records in SEQUENCES[name]:
        write(both, topic, producer, sequence, *[b"v"] * records, epoch=epoch)
    describe(both, topic)
    both.ask(fetch(topic), 12)


def test_a_producer_that_nobody_gave_an_id(both: Both) -> None:
    topic = both.topic()
    for producer_id in (2**40, 7, 0, -2):
        write(both, topic, Pair(producer_id, producer_id), 0, note=f"producer {producer_id}")
    describe(both, topic)


def test_what_is_refused_is_not_remembered(both: Both) -> None:
    topic, producer = both.topic(max_message_bytes="200"), both.producer()
    write(both, topic, producer, 0, b"x" * 300)
    write(both, topic, producer, 0)
    write(both, topic, producer, 1, b"x" * 300)
    write(both, topic, producer, 1)
    write(both, topic, producer, 2, timestamp=2**60, note="of the far future")
    write(both, topic, producer, 2)
    describe(both, topic)


def test_several_producers_and_partitions(both: Both) -> None:
    topic = both.topic(2)
    one, two = both.producer(), both.producer()
    for producer in (one, two, one):
        write(both, topic, producer, 0)
    write(both, topic, two, 1)
    describe(both, topic, 0, 1, 5)
    describe(both, "nope")
    describe(both, "a b", 0, 1)
    both.ask("DescribeProducers", topics=[])


def test_repetitions_with_append_time(both: Both) -> None:
    topic, producer = both.topic(message_timestamp_type="LogAppendTime"), both.producer()
    for _ in range(2):
        write(both, topic, producer, 0)
    describe(both, topic)


def test_repetitions_of_compressed_batches(both: Both) -> None:
    topic, producer = both.topic(compression_type="gzip"), both.producer()
    for codec in (0, 4):
        write(both, topic, producer, 0, b"a", b"b", codec=codec)
    write(both, topic, producer, 2, codec=1)
    both.ask(fetch(topic), 12)


def test_a_producer_after_its_records_are_deleted(both: Both) -> None:
    topic, producer = both.topic(), both.producer()
    for sequence in range(3):
        write(both, topic, producer, sequence)
    partition = {"partition_index": 0, "offset": 3}
    both.ask("DeleteRecords", topics=[{"name": topic, "partitions": [partition]}])
    describe(both, topic)
    write(both, topic, producer, 2)
    write(both, topic, producer, 3)
    write(both, topic, producer, 9)
    describe(both, topic)
