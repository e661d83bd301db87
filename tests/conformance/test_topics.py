"""Creating, deleting and growing topics: what is accepted, what is refused, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.conformance.both import Both
from tests.conformance.requests import UNKNOWN_ID

pytestmark = pytest.mark.apache
Topic = dict[str, Any]


def topic(name: str, partitions: int = 1, replicas: int = 1, **configs: str | None) -> Topic:
    made = {"name": name, "num_partitions": partitions, "replication_factor": replicas}
    wanted = [{"name": k.replace("_", "."), "value": v} for k, v in configs.items()]
    return {**made, "configs": wanted}


def placed(name: str, *replicas: list[int], partitions: int = -1, factor: int = -1) -> Topic:
    assignments = [{"partition_index": i, "broker_ids": ids} for i, ids in enumerate(replicas)]
    return {**topic(name, partitions, factor), "assignments": assignments}


CREATIONS: Mapping[str, list[Topic]] = {
    "defaults": [topic("d", -1, -1)],
    "configs and their sources": [topic("c", 2, cleanup_policy="compact", segment_bytes="2000000")],
    "names": [topic(n) for n in ("", ".", "..", "a b", "ü", "x" * 249, "x" * 250, "a:b", "ok.")],
    "twice in one request": [topic("t"), topic("u"), topic("t")],
    "metadata log": [topic("__cluster_metadata")],
    "partitions": [topic(f"p{n + 9}", n) for n in (-2, -1, 0, 1)],
    "replicas": [topic(f"r{n + 9}", 1, n) for n in (-2, -1, 0, 1, 2, 3)],
    "which error wins": [topic("a b", 0, 0, bogus="1"), topic("w", 0, 0, bogus="1")],
    "which of two configs wins": [topic("w", 1, 3, bogus="1", retention_ms="x")],
    "assignments": [
        placed("a1", [1]),
        placed("a2", [1], [1]),
        placed("a3", [7]),
        placed("a4", [1, 1]),
        placed("a5", []),
        placed("a6", [1], partitions=1),
        placed("a7", [1], factor=1),
        placed("a8", [-1]),
        placed("a b", [7]),
    ],
    "assignments with a gap": [
        {
            **topic("gap", -1, -1),
            "assignments": [{"partition_index": 1, "broker_ids": [1]}],
        }
    ],
    "assignments of one partition twice": [
        {
            **topic("two", -1, -1),
            "assignments": [{"partition_index": 0, "broker_ids": [1]}] * 2,
        }
    ],
    "configs": [
        topic("c1", bogus="1"),
        topic("c2", retention_ms="x"),
        topic("c3", retention_ms=None),
        topic("c4", cleanup_policy="shred"),
        topic("c5", min_compaction_lag_ms="5", max_compaction_lag_ms="4"),
        topic("c6", segment_bytes="1"),
        topic("c7", compression_type="rar"),
        topic("c8", min_insync_replicas="0"),
        topic("c9", remote_storage_enable="true"),
        topic("c10", message_timestamp_type="Never"),
        topic("c11", min_cleanable_dirty_ratio="2"),
        topic("c12", leader_replication_throttled_replicas="x"),
        topic("c13", cleanup_policy=""),
        topic("c14", retention_ms="-2"),
        topic("c15", compression_gzip_level="10"),
        topic("c16", compression_lz4_level="0"),
        topic("c17", retention_bytes="1e6"),
        topic("c18", unclean_leader_election_enable="yes"),
        topic("c19", retention_ms=" 5 "),
        topic("c20", cleanup_policy=" compact , delete,compact"),
    ],
    "too many partitions": [topic("m1", 6000), topic("m2", 6000)],
    "too many records": [topic("m3", 10_000)],
    "nothing": [],
}


@pytest.mark.parametrize("name", CREATIONS)
def test_create(both: Both, name: str) -> None:
    both.ask("CreateTopics", topics=CREATIONS[name], validate_only=True)


def test_create_in_every_version(both: Both) -> None:
    for version in range(2, 8):
        both.ask("CreateTopics", version, topics=[topic("v")], validate_only=True)
        name = both.unused_name()
        for _ in "ab":
            both.ask("CreateTopics", version, topics=[topic(name, retention_ms="7")])


def test_create_what_exists(both: Both) -> None:
    name = both.topic()
    both.ask("CreateTopics", topics=[topic(name)], validate_only=True)
    both.ask("CreateTopics", topics=[topic(name, 0, bogus="1"), topic("a b")], validate_only=True)


def test_create_what_collides(both: Both) -> None:
    both.ask("CreateTopics", topics=[topic("col.lide")])
    both.ask("CreateTopics", topics=[topic("col_lide"), topic("col.lide")])
    both.ask("DeleteTopics", 5, topic_names=["col.lide"])


def test_delete_what_is_unknown(both: Both) -> None:
    for version in range(1, 6):
        both.ask("DeleteTopics", version, topic_names=["nope", "a b", ""])
    both.ask("DeleteTopics", 6, topics=[{"name": "nope"}, {"topic_id": UNKNOWN_ID}])


def test_delete_by_name_in_every_version(both: Both) -> None:
    for version in range(1, 7):
        name = both.topic()
        asked = {"topics": [{"name": name}]} if version == 6 else {"topic_names": [name]}
        both.ask("DeleteTopics", version, **asked)
        both.ask("DeleteTopics", version, **asked)


def test_delete_by_id(both: Both) -> None:
    name = both.topic()
    gone = both.topic_id(name)
    both.ask("DeleteTopics", 6, topics=[{"topic_id": gone, "name": None}])
    both.ask("DeleteTopics", 6, topics=[{"topic_id": gone, "name": None}])
    both.ask("DeleteTopics", 5, topic_names=[name])
    both.ask("Metadata", topics=[{"topic_id": gone, "name": None}])


def test_delete_what_is_unclear(both: Both) -> None:
    name = both.topic()
    both.ask(
        "DeleteTopics",
        topics=[
            {"topic_id": UNKNOWN_ID, "name": None},
            {"name": None},
            {"name": name, "topic_id": both.topic_id(name)},
            {"name": "twice"},
            {"name": "twice"},
        ],
    )
    both.ask(
        "DeleteTopics",
        topics=[{"name": name}, {"topic_id": both.topic_id(name), "name": None}],
    )
    both.ask("DeleteTopics", 5, topic_names=["twice", "once", "twice"])


GROWTH: Mapping[str, tuple[int, list[list[int]] | None]] = {
    "by two": (4, None),
    "by none": (2, None),
    "to fewer": (1, None),
    "to none": (0, None),
    "to less than none": (-1, None),
    "assigned": (3, [[1]]),
    "assigned to nobody": (3, [[9]]),
    "assigned to the same twice": (3, [[1, 1]]),
    "assigned to none": (3, [[]]),
    "another number of assignments": (5, [[1]]),
    "another number of replicas": (3, [[1, 2]]),
    "fewer, assigned to nobody": (1, [[9]]),
    "by far too many": (20_000, None),
}


@pytest.mark.parametrize("name", GROWTH)
def test_grow(both: Both, name: str) -> None:
    count, replicas = GROWTH[name]
    assignments = None if replicas is None else [{"broker_ids": ids} for ids in replicas]
    wanted = {"name": both.topic(2), "count": count, "assignments": assignments}
    for version in range(4):
        both.ask("CreatePartitions", version, topics=[wanted], validate_only=True)


def test_grow_what_is_unknown_or_named_twice(both: Both) -> None:
    name = both.topic(2)
    both.ask("CreatePartitions", topics=[{"name": n, "count": 3} for n in ("nope", "a b", "")])
    both.ask("CreatePartitions", topics=[{"name": name, "count": n} for n in (7, 8)])
    both.ask("Metadata", topics=[{"name": name}])


def test_a_topic_that_grew_is_served(both: Both) -> None:
    name = both.topic(1)
    both.ask("CreatePartitions", topics=[{"name": name, "count": 3}])
    both.until_led(name, 3)
    both.ask("Metadata", topics=[{"name": name}])
