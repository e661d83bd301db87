"""Which error wins when two apply: every fault of a request alone, and every two of them together.

A fault changes fields of a request that is good; two that change the same field are not combined.
"""

from __future__ import annotations

import pytest

from moldau.broker.served import SERVED
from tests.attacks.raw import NOW, batch, patched, resealed
from tests.conformance.both import Both
from tests.conformance.faults import FAULTS, SOUND, Fault, Populated, spoilt, together
from tests.conformance.requests import fetch, init_producer, list_offsets, produce, request
from tests.conformance.test_every_version import REQUESTS

pytestmark = [pytest.mark.apache, pytest.mark.timeout(240)]
GOOD = batch(b"one", b"two")


@pytest.mark.parametrize("api", FAULTS)
def test_faults(both: Both, api: str) -> None:
    scene = Populated(both)
    good = SOUND.get(api, REQUESTS[api])(scene)
    own = good.pop("own", False)
    for note, fault in together(FAULTS[api](scene)):
        both.ask(api, None, note, own, **spoilt(good, fault))


def test_no_api_is_forgotten() -> None:
    """Those without a table have a story of their own (ApiVersions in test_metadata.py)."""
    with_a_story = {
        "Produce",
        "Fetch",
        "ListOffsets",
        "JoinGroup",
        "CreateTopics",
        "OffsetCommit",
        "InitProducerId",
        "ApiVersions",
    }
    assert FAULTS.keys() | with_a_story == {name for name, _, _ in SERVED.values()}


def test_produce(both: Both) -> None:
    topic = both.topic(1, max_message_bytes="500", cleanup_policy="compact")
    faults: dict[str, Fault] = {
        "unknown topic": {"topic": "nope"},
        "unknown partition": {"partition": 7},
        "acks": {"acks": 5},
        "no records": {"records": b""},
        "two batches": {"records": GOOD + GOOD},
        "magic 1": {"records": patched(GOOD, 16, b"\1")},
        "checksum": {"records": patched(GOOD, 17, bytes(4))},
        "base offset and checksum": {
            "records": patched(GOOD, 0, b"\1")[:17] + bytes(4) + GOOD[21:]
        },
        "too large and checksum": {"records": patched(batch(bytes(900)), 17, bytes(4))},
        "too large and control": {"records": resealed(batch(bytes(900)), attributes=0x20)},
        "no key": {"records": batch(b"v", key=None)},
        "no key, far future": {"records": batch(b"v", key=None, timestamp=NOW + 2**50)},
        "control and count": {"records": resealed(GOOD, attributes=0x20, count=1)},
        "sequence and control": {"records": resealed(GOOD, attributes=0x20, producer_id=9)},
    }
    for note, fault in together(faults):
        wanted = {"topic": topic, "records": GOOD, "partition": 0, **fault}
        both.ask(produce(**wanted), 12, note)


def test_fetch(both: Both) -> None:
    topic = both.topic()
    both.ask(produce(topic, GOOD), 12)
    faults: dict[str, Fault] = {
        "unknown topic": {"topic": "nope"},
        "unknown partition": {"partition": 7},
        "offset": {"offset": 99},
        "old epoch": {"current_leader_epoch": 5},
        "unknown last epoch": {"last_fetched_epoch": 5},
        "session": {"session_id": 5, "session_epoch": 5},
        "no bytes": {"max_bytes": 0},
    }
    for note, fault in together(faults):
        both.ask(fetch(**{"topic": topic, **fault}), 12, note)


def test_list_offsets(both: Both) -> None:
    topic = both.topic()
    for version in (1, 6, 11):
        for name in (topic, "nope"):
            for index in (0, 5):
                for timestamp in (-1, -3, -6, -9, 5):
                    for epoch in (-1, 7):
                        part = {
                            "partition_index": index,
                            "timestamp": timestamp,
                            "current_leader_epoch": epoch,
                        }
                        both.ask(
                            request("ListOffsets", topics=[{"name": name, "partitions": [part]}]),
                            version,
                        )
    both.ask(list_offsets("a b", -9))


def test_join_group(both: Both) -> None:
    group = both.group()
    faults: dict[str, Fault] = {
        "no group": {"group_id": ""},
        "session": {"session_timeout_ms": 5},
        "no protocols": {"protocols": []},
        "no type": {"protocol_type": ""},
        "stranger": {"member_id": "stranger"},
        "instance": {"group_instance_id": "i", "member_id": "nobody"},
        "nameless instance": {"group_instance_id": ""},
    }
    good = {"group_id": group, "protocols": [{"name": "range"}], "member_id": "x"}
    for note, fault in together(faults):
        both.ask(request("JoinGroup", **{**good, **fault}), 9, note)


def test_create_topics(both: Both) -> None:
    existing = both.topic()
    faults: dict[str, Fault] = {
        "exists": {"name": existing},
        "bad name": {"name": "a b"},
        "partitions": {"num_partitions": 0},
        "replicas": {"replication_factor": 0},
        "too many replicas": {"replication_factor": 9},
        "unknown config": {"configs": [{"name": "bogus", "value": "1"}]},
        "bad config": {"configs": [{"name": "retention.ms", "value": "x"}]},
        "null config": {"configs": [{"name": "retention.ms", "value": None}]},
        "assigned": {"assignments": [{"partition_index": 0, "broker_ids": [9]}]},
    }
    for note, fault in together(faults):
        both.ask("CreateTopics", topics=[{"name": "fine", **fault}], validate_only=True, note=note)


def test_offset_commit(both: Both) -> None:
    topic, group = both.topic(), both.group()
    topic_id = both.topic_id(topic)
    faults: dict[str, Fault] = {
        "no group": {"group_id": ""},
        "stranger": {"member_id": "stranger"},
        "generation": {"generation_id_or_member_epoch": 5},
        "instance": {"group_instance_id": "i"},
        "unknown topic": {"name": "nope", "topic_id": b"no such topic id"},
        "unknown partition": {"partition_index": 9},
        "metadata": {"committed_metadata": "m" * 5000},
    }
    for note, fault in together(faults):
        part = {"partition_index": 0, "committed_offset": 1}
        part |= {k: v for k, v in fault.items() if k in ("partition_index", "committed_metadata")}
        named = {"name": topic, "topic_id": topic_id, "partitions": [part]}
        named |= {k: v for k, v in fault.items() if k in ("name", "topic_id")}
        head = {k: v for k, v in fault.items() if k not in {**part, **named}}
        for version in (2, 8, 9, 10):
            both.ask(
                request("OffsetCommit", **{"group_id": group, "topics": [named], **head}),
                version,
                note,
            )


def test_init_producer_id(both: Both) -> None:
    both.producer()
    for producer_id in (-1, 5):
        for epoch in (-1, 5):
            for name in ("", None):
                if producer_id == epoch == -1 and name is None:
                    continue
                both.ask(init_producer(producer_id, epoch, name))
