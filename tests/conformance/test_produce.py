"""Produce: what is appended, what is refused, and with which error when several apply."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from struct import pack
from typing import Any

import pytest

from moldau.protocol.compression import Codec, compress
from moldau.protocol.records import Record, build
from tests.attacks.raw import NOW, batch, patched, resealed
from tests.conformance.both import Both
from tests.conformance.requests import fetch, produce

pytestmark = pytest.mark.apache

GOOD = batch(b"one", b"two")
V0 = pack(">qiIbb", 0, 14 + 1, zlib.crc32(b""), 0, 0) + pack(">ii", -1, 1) + b"v"
V1 = pack(">qiIbbq", 0, 22 + 1, zlib.crc32(b""), 1, 0, NOW) + pack(">ii", -1, 1) + b"v"
# What is wrong with the outside of a batch: its frame, its checksum, its header.
BATCHES: Mapping[str, bytes | None] = {
    "good": GOOD,
    "empty": b"",
    "shorter than a length": GOOD[:11],
    "shorter than a magic": GOOD[:16],
    "shorter than a header": GOOD[:40],
    "cut off": GOOD[:-1],
    "two": GOOD + GOOD,
    "one and a piece of another": GOOD + GOOD[:30],
    "one and a few bytes": GOOD + b"\0\0\0",
    "length 1": patched(GOOD, 8, pack(">i", 1)),
    "length of a header less one": patched(GOOD, 8, pack(">i", 48)),
    "length -1": patched(GOOD, 8, pack(">i", -1)),
    "shortest length": patched(GOOD, 8, pack(">i", -(2**31))),
    "a long length": patched(GOOD, 8, pack(">i", 2**31 - 100)),
    "magic 3": patched(GOOD, 16, b"\x03"),
    "magic -1": patched(GOOD, 16, b"\xff"),
    "magic 0": V0,
    "magic 1": V1,
    "checksum 0": patched(GOOD, 17, bytes(4)),
    "a bit flipped": patched(GOOD, 70, b"\xff"),
    "base offset 5": resealed(GOOD, base_offset=5),
    "count 0": resealed(GOOD, count=0),
    "count -1": resealed(GOOD, count=-1),
    "nothing in it": resealed(GOOD, count=0, last_offset_delta=-1, payload=b""),
    "count 1000": resealed(GOOD, count=1000),
    "largest last offset delta": resealed(GOOD, last_offset_delta=2**31 - 1),
    "negative last offset delta": resealed(GOOD, last_offset_delta=-5),
    "control": resealed(GOOD, attributes=0x20),
    "transactional control": resealed(GOOD, attributes=0x30, producer_id=1, producer_epoch=0),
    "append time": resealed(GOOD, attributes=8),
    "append time, compressed": resealed(
        GOOD, attributes=9, payload=compress(Codec.GZIP, GOOD[61:])
    ),
    "delete horizon": resealed(GOOD, attributes=0x40),
    "unused attribute": resealed(GOOD, attributes=0x80),
    "producer without sequence": resealed(GOOD, producer_id=1, producer_epoch=0, base_sequence=-1),
    "producer without epoch": resealed(GOOD, producer_id=1, producer_epoch=-1, base_sequence=0),
    "sequence without producer": resealed(GOOD, base_sequence=7),
    "epoch without producer": resealed(GOOD, producer_epoch=7),
    "leader epoch": resealed(GOOD, leader_epoch=77),
    "too large": batch(bytes(2 << 20)),
    "too large and damaged": patched(batch(bytes(2 << 20)), 17, bytes(4)),
    "of the future": batch(b"future", timestamp=NOW + (1 << 50)),
    "of no time": batch(b"timeless", timestamp=-1),
    "of a time before all": batch(b"old", timestamp=-2),
}


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch(both: Both, name: str) -> None:
    topic = both.topic()
    both.ask(produce(topic, BATCHES[name]), 12)
    both.ask(produce(topic, BATCHES[name], acks=1), 3)
    both.ask(produce(topic, GOOD), 12)
    both.ask(fetch(topic), 12)


def test_what_apache_kafka_fails_on(both: Both) -> None:
    topic = both.topic()
    for codec in (5, 7):
        both.ask(produce(topic, resealed(GOOD, attributes=codec)), 12)
    both.ask(produce(topic, patched(GOOD, 8, pack(">i", 2**31 - 1))), 12)
    with both.connect().impatient() as other:
        other.ask(produce(topic, None), 12)
    both.ask(fetch(topic), 12)


def test_records_that_do_not_fit_their_header(both: Both) -> None:
    for records in (
        resealed(GOOD, payload=b"\xff\x00\x81" * 30),
        resealed(GOOD, count=1000, last_offset_delta=999),
        resealed(GOOD, count=1, last_offset_delta=0),
        *(resealed(GOOD, attributes=codec) for codec in (1, 2, 3, 4)),
    ):
        both.ask(produce(both.topic(), records), 12)


def test_records_that_are_later_than_their_header_or_have_gaps(both: Both) -> None:
    topic = both.topic()
    both.ask(produce(topic, resealed(GOOD, max_timestamp=NOW - 1000)), 12)
    gap = GOOD[61:].replace(b"\0\x02\x02k", b"\0\x04\x02k")
    both.ask(produce(topic, resealed(GOOD, payload=gap)), 12)


def test_records_that_are_earlier_than_their_header(both: Both) -> None:
    topic = both.topic()
    both.ask(produce(topic, resealed(GOOD, max_timestamp=NOW + 1000)), 12)
    both.ask(fetch(topic), 12)


@pytest.mark.parametrize("codec", range(5))
@pytest.mark.parametrize("wanted", ["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"])
def test_codecs(both: Both, codec: int, wanted: str) -> None:
    topic = both.topic(compression_type=wanted)
    records = [Record(0, NOW + i, b"k", b"v" * 100, (("h", None), ("", b"x"))) for i in range(9)]
    for version in (12, 3, 6, 7):
        both.ask(produce(topic, build(records, codec=codec)), version)
    for version in (4, 9, 10, 12):
        both.ask(fetch(topic), version)


@pytest.mark.parametrize("kind", ["CreateTime", "LogAppendTime"])
def test_times(both: Both, kind: str) -> None:
    topic = both.topic(message_timestamp_type=kind)
    for records in (
        GOOD,
        batch(b"future", timestamp=NOW + (1 << 50)),
        batch(b"", timestamp=-1),
        resealed(GOOD, attributes=8),
        resealed(GOOD, attributes=8, max_timestamp=-1),
        resealed(GOOD, attributes=8, max_timestamp=NOW + (1 << 50)),
        resealed(GOOD, attributes=0x88),
    ):
        both.ask(produce(topic, records), 12)
    both.ask(fetch(topic), 12)


def test_a_request_with_several_partitions(both: Both) -> None:
    topic = both.topic(3)

    def ask(*batches: bytes | None, **fields: Any) -> None:
        data = [{"index": i % 4, "records": records} for i, records in enumerate(batches)]
        wanted = [{"name": topic, "partition_data": data}]
        both.ask("Produce", 12, topic_data=wanted, **fields)

    ask(GOOD, GOOD, GOOD, GOOD)
    ask(GOOD, patched(GOOD, 16, b"\x03"))
    ask(GOOD, patched(GOOD, 8, pack(">i", 1)))
    ask(GOOD, GOOD + patched(GOOD, 8, pack(">i", 1)))
    ask(GOOD, V0)
    ask(GOOD, b"")
    ask(GOOD, patched(GOOD, 17, bytes(4)))
    ask(GOOD, resealed(GOOD, attributes=0x10))
    ask(GOOD, resealed(GOOD, attributes=0x10), acks=7)
    ask(GOOD, GOOD, GOOD + GOOD, GOOD, acks=7)
    ask(GOOD, GOOD, resealed(GOOD, base_offset=3), acks=1)
    both.ask("Produce", 12, topic_data=[])
    for partition in range(3):
        both.ask(fetch(topic, partition=partition), 12)


def test_a_partition_twice_in_a_request(both: Both) -> None:
    topic = both.topic(2)
    data = [{"index": i, "records": batch(b"%d" % n)} for n, i in enumerate((0, 1, 0))]
    both.ask("Produce", 12, topic_data=[{"name": topic, "partition_data": data}])
    both.ask("Produce", 12, topic_data=[{"name": topic, "partition_data": data[:1]}] * 2)


def test_topics_by_id(both: Both) -> None:
    topic = both.topic(2)
    topic_id = both.topic_id(topic)
    for wanted in (topic_id, b"no such topic id", bytes(16)):
        data = [{"index": i, "records": GOOD} for i in (0, 5)]
        both.ask("Produce", 13, topic_data=[{"topic_id": wanted, "partition_data": data}])


def test_internal_topics(both: Both) -> None:
    both.group()
    for topic in ("__consumer_offsets", "__cluster_metadata"):
        both.ask(produce(topic, GOOD), 12)


def test_no_acks(both: Both) -> None:
    topic = both.topic()
    for version in (3, 9, 12):
        both.send(produce(topic, GOOD, acks=0), version)
        both.ask("DescribeCluster")
    both.ask(fetch(topic), 12)
    for bad in (produce("nowhere", GOOD, acks=0), produce(topic, GOOD[:-1], acks=0)):
        both.send(bad, 12).answer()


def test_bounds_of_times(both: Both) -> None:
    topic = both.topic(message_timestamp_before_max_ms="1000", message_timestamp_after_max_ms="5")
    both.ask(produce(topic, batch(b"a", b"b")), 12)
    both.ask(produce(topic, batch(b"a", timestamp=-1)), 12)


def test_keys_of_compacted_topics(both: Both) -> None:
    topic = both.topic(cleanup_policy="compact")
    both.ask(produce(topic, batch(b"a", b"b")), 12)
    both.ask(produce(topic, batch(b"a", b"b", key=None)), 12)
    both.ask(produce(topic, batch(*[b"v"] * 5, key=None)), 12)
    both.ask(produce(topic, batch(None, key=b"")), 12)


def test_limits_of_a_topic(both: Both) -> None:
    topic = both.topic(max_message_bytes="100", segment_bytes="1048576")
    both.ask(produce(topic, batch(b"a" * 10)), 12)
    both.ask(produce(topic, batch(b"a" * 100)), 12)
    topic = both.topic(max_message_bytes="3000000", segment_bytes="1048576")
    both.ask(produce(topic, batch(bytes(1 << 20))), 12)
