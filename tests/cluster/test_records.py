"""Metadata records against the bytes that Apache Kafka writes."""

from __future__ import annotations

import pytest

from moldau.cluster.records import UnknownRecord, decode_record, encode_record, level_for
from moldau.protocol.messages import metadata_log as m
from moldau.protocol.primitives import Malformed
from moldau.protocol.schema import Message

TOPIC_ID = bytes(range(16))
DIRECTORY = bytes(range(16, 32))

# Each encoded by hand: frame version, type, version, then the record in its compact form.
BYTES = [
    pytest.param(
        m.FeatureLevelRecord(name="metadata.version", feature_level=30),
        b"\x01\x0c\x00\x11metadata.version\x00\x1e\x00",
        id="feature level",
    ),
    pytest.param(
        m.TopicRecord(name="t", topic_id=TOPIC_ID),
        b"\x01\x02\x00\x02t" + TOPIC_ID + b"\x00",
        id="topic",
    ),
    pytest.param(
        m.PartitionRecord(
            partition_id=3,
            topic_id=TOPIC_ID,
            replicas=[1],
            isr=[1],
            leader=1,
            leader_epoch=0,
            partition_epoch=0,
            directories=[DIRECTORY],
        ),
        b"\x01\x03\x02"
        + b"\x00\x00\x00\x03"
        + TOPIC_ID
        + b"\x02\x00\x00\x00\x01" * 2  # replicas and in-sync replicas
        + b"\x01\x01"  # none removed, none added
        + b"\x00\x00\x00\x01"
        + bytes(8)  # leader, leader epoch, partition epoch
        + b"\x02"
        + DIRECTORY
        + b"\x00",
        id="partition in version 2",
    ),
    pytest.param(
        m.BrokerRegistrationChangeRecord(broker_id=1, broker_epoch=11, fenced=-1),
        b"\x01\x11\x00" + b"\x00\x00\x00\x01" + b"\x00" * 7 + b"\x0b" + b"\x01\x00\x01\xff",
        id="unfencing needs version 0",
    ),
    pytest.param(
        m.BrokerRegistrationChangeRecord(broker_id=1, broker_epoch=11, cordoned_log_dirs=[]),
        b"\x01\x11\x03" + b"\x00\x00\x00\x01" + b"\x00" * 7 + b"\x0b" + b"\x01\x03\x01\x01",
        id="cordoned directories need version 3",
    ),
    pytest.param(m.NoOpRecord(), b"\x01\x14\x00\x00", id="no operation"),
]


@pytest.mark.parametrize(("record", "expected"), BYTES)
def test_is_written_as_kafka_writes_it(record: Message, expected: bytes) -> None:
    assert encode_record(record) == expected
    assert decode_record(expected) == record


@pytest.mark.parametrize(
    ("record", "level", "version"),
    [
        (m.PartitionRecord(directories=[DIRECTORY]), 16, 0),
        (m.PartitionRecord(directories=[DIRECTORY]), 17, 1),
        (m.PartitionChangeRecord(eligible_leader_replicas=[1]), 22, 1),
        (m.PartitionChangeRecord(eligible_leader_replicas=[1]), 23, 2),
        (m.RegisterBrokerRecord(log_dirs=[DIRECTORY]), 7, 1),
        (m.RegisterBrokerRecord(log_dirs=[DIRECTORY]), 8, 2),
        (m.RegisterBrokerRecord(log_dirs=[DIRECTORY]), 29, 3),
        (m.RegisterBrokerRecord(log_dirs=[DIRECTORY]), 30, 4),
        (m.TopicRecord(name="t"), 7, 0),
    ],
)
def test_older_formats_get_older_versions(record: Message, level: int, version: int) -> None:
    encoded = encode_record(record, level)
    assert encoded[2] == version
    assert type(decode_record(encoded)) is type(record)


def test_level_is_the_one_that_the_records_begin() -> None:
    raised = m.FeatureLevelRecord(name="metadata.version", feature_level=21)
    assert level_for([], {}) == 30
    assert level_for([m.NoOpRecord()], {"metadata.version": 17}) == 17
    assert level_for([m.NoOpRecord(), raised], {"metadata.version": 17}) == 21


def test_unknown_type_is_kept_as_it_is() -> None:
    value = b"\x01\x7f\x05whatever"
    assert decode_record(value) == UnknownRecord(127, 5, b"whatever")
    assert encode_record(UnknownRecord(127, 5, b"whatever")) == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"\x02\x0c\x00\x00", "frame version 2"),
        (b"\x01", "ends within its frame"),
        (b"\x01\x02\x09\x00", "written by a newer Kafka"),
        (b"\x01\x14\x00\x00\x00", "followed by 1 bytes"),
        (b"\x01\x02\x00\x09ab", "TopicRecord version 0"),
    ],
)
def test_what_cannot_be_read_is_named(value: bytes, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        decode_record(value)
