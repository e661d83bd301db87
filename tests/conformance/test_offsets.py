"""Where records lie: ListOffsets, OffsetForLeaderEpoch, DeleteRecords, DescribeLogDirs."""

from __future__ import annotations

import time

import pytest

from tests.attacks.raw import NOW, batch
from tests.conformance.both import Both
from tests.conformance.requests import fetch, list_offsets, produce

pytestmark = pytest.mark.apache


def delete(both: Both, topic: str, offset: int, partition: int = 0, version: int = 2) -> None:
    part = {"partition_index": partition, "offset": offset}
    both.ask("DeleteRecords", version, topics=[{"name": topic, "partitions": [part]}])


def timed(both: Both, *times: int, **configs: str) -> str:
    topic = both.topic(1, **configs)
    for when in times:
        both.ask(produce(topic, batch(b"a", b"b", timestamp=when)), 12)
    return topic


def test_every_version(both: Both) -> None:
    topic = timed(both, NOW, NOW + 10)
    for version in range(1, 12):
        for timestamp in (-1, -2, NOW, NOW + 5):
            both.ask(list_offsets(topic, timestamp), version, f"timestamp {timestamp}")


def test_special_timestamps(both: Both) -> None:
    topic = timed(both, NOW, NOW + 10, NOW + 5)
    for version in (1, 6, 7, 8, 9, 10, 11):
        for timestamp in (-3, -4, -5, -6, -7, -100, -(2**63)):
            both.ask(list_offsets(topic, timestamp), version, f"timestamp {timestamp}")


def test_times(both: Both) -> None:
    topic = timed(both, NOW + 10, NOW, NOW + 20, NOW + 20, NOW + 15)
    for timestamp in (0, NOW, NOW + 1, NOW + 10, NOW + 11, NOW + 16, NOW + 20, NOW + 21, 2**62):
        both.ask(list_offsets(topic, timestamp), note=f"timestamp {timestamp - NOW}")
    for timestamp in (-1, -2, -3, 0):
        both.ask(list_offsets(both.topic(), timestamp))


def test_times_inside_batches(both: Both) -> None:
    topic = both.topic(index_interval_bytes="0")
    for codec in (0, 1, 4):
        for when in (NOW, NOW + 100):
            both.ask(produce(topic, batch(b"a", b"b", timestamp=when, codec=codec)), 12)
    for timestamp in (NOW - 1, NOW, NOW + 1, NOW + 50, NOW + 100, NOW + 101, -3):
        both.ask(list_offsets(topic, timestamp))


def test_latest_time_is_that_of_the_first_record_that_has_it(both: Both) -> None:
    for kind in ("CreateTime", "LogAppendTime"):
        topic = both.topic(message_timestamp_type=kind)
        for codec in (0, 1):
            both.ask(produce(topic, batch(b"a", b"b", b"c", codec=codec)), 12)
            both.ask(list_offsets(topic, -3), note=kind)
            time.sleep(0.005)  # another time


def test_what_is_unknown(both: Both) -> None:
    topic = both.topic()
    both.ask(list_offsets("nope", -1))
    both.ask(list_offsets("a b", -1))
    both.ask(list_offsets(topic, -1, -1))
    for epoch in (-1, 0, 1, 7, -5):
        part = {"partition_index": 0, "timestamp": -1, "current_leader_epoch": epoch}
        both.ask("ListOffsets", topics=[{"name": topic, "partitions": [part]}])
    parts = [{"partition_index": 0, "timestamp": t} for t in (-1, -2)]
    both.ask("ListOffsets", topics=[{"name": topic, "partitions": parts}])
    both.ask("ListOffsets", topics=[{"name": topic, "partitions": parts[:1]}] * 2)
    both.ask("ListOffsets", topics=[])
    for replica in (-1, -2, -3, 0, 5):
        both.ask(list_offsets(topic, -1, replica_id=replica), note=f"replica {replica}")
    for level in (0, 1):
        both.ask(list_offsets(topic, -1, isolation_level=level))


def test_epochs(both: Both) -> None:
    topic = timed(both, NOW, NOW)
    for version in range(2, 5):
        for epoch in (-1, 0, 1, 9, -2):
            for current in (-1, 0, 3):
                part = {"partition": 0, "leader_epoch": epoch, "current_leader_epoch": current}
                wanted = [{"topic": topic, "partitions": [part]}]
                both.ask("OffsetForLeaderEpoch", version, replica_id=-1, topics=wanted)
    for name, partition in (("nope", 0), (topic, 9), ("a b", 0)):
        part = {"partition": partition, "leader_epoch": 0, "current_leader_epoch": -1}
        wanted = [{"topic": name, "partitions": [part]}]
        both.ask("OffsetForLeaderEpoch", replica_id=-1, topics=wanted)
    empty = [{"topic": both.topic(), "partitions": [{"partition": 0, "leader_epoch": 0}]}]
    both.ask("OffsetForLeaderEpoch", replica_id=-1, topics=empty)


def test_delete_records(both: Both) -> None:
    topic = timed(both, NOW, NOW + 10, NOW + 20)
    for version in range(3):
        delete(both, topic, version + 1, version=version)
    for offset in (2, 7, -2, 2**62, 6, -1):
        delete(both, topic, offset)
    for timestamp in (-1, -2, -3, -4, NOW):
        both.ask(list_offsets(topic, timestamp))
    for offset in (5, 6):
        both.ask(fetch(topic, offset), 12)
    both.ask(produce(topic, batch(b"after")), 12)
    delete(both, "nope", 0)
    delete(both, topic, 0, partition=5)
    both.group()
    delete(both, "__consumer_offsets", 0)
    delete(both, "a b", 0)
    both.ask("DeleteRecords", topics=[])


def test_delete_records_in_the_middle_of_a_batch(both: Both) -> None:
    topic = timed(both, NOW, NOW + 10)
    delete(both, topic, 1)
    for offset in (0, 1):
        both.ask(fetch(topic, offset), 12)
    both.ask(list_offsets(topic, -2))
    both.ask(list_offsets(topic, NOW))


def test_records_of_compacted_topics_are_not_deleted(both: Both) -> None:
    delete(both, timed(both, NOW, cleanup_policy="compact"), 1)
    delete(both, timed(both, NOW, cleanup_policy="compact,delete"), 1)
    delete(both, timed(both, NOW, cleanup_policy=""), 1)


def test_log_directories(both: Both) -> None:
    topic = timed(both, NOW, NOW)
    other = both.topic(3)
    for version in range(1, 6):
        wanted = [{"topic": topic, "partitions": [0]}, {"topic": other, "partitions": [2, 7]}]
        both.ask("DescribeLogDirs", version, topics=wanted)
    both.ask("DescribeLogDirs", topics=[{"topic": "nope", "partitions": [0]}])
    both.ask("DescribeLogDirs", topics=[])
    both.ask("DescribeLogDirs", topics=None, own=True)
