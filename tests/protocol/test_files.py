"""The small files of Kafka's folder, against the bytes that Apache Kafka writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moldau.protocol.files import (
    CorruptFile,
    MetaProperties,
    ProducerEntry,
    read_epochs,
    read_meta,
    read_offsets,
    read_partition_metadata,
    read_producers,
    segment_name,
    segment_offset,
    write_clean_shutdown,
    write_epochs,
    write_meta,
    write_offsets,
    write_partition_metadata,
    write_producers,
)

LONG = st.integers(-(1 << 63), (1 << 63) - 1)
INT = st.integers(-(1 << 31), (1 << 31) - 1)
SHORT = st.integers(-(1 << 15), (1 << 15) - 1)
ENTRY = st.builds(ProducerEntry, LONG, SHORT, INT, LONG, INT, LONG, INT, LONG)


@given(st.lists(ENTRY, max_size=4))
def test_producer_snapshots(entries: list[ProducerEntry]) -> None:
    data = write_producers(entries)
    assert len(data) == 10 + 46 * len(entries)
    assert read_producers(data) == entries
    for position in range(len(data)):
        wrong = bytearray(data)
        wrong[position] ^= 0x10
        with pytest.raises(CorruptFile):
            read_producers(bytes(wrong))
    with pytest.raises(CorruptFile):
        read_producers(data[:-1])


def test_checkpoints() -> None:
    assert write_epochs([(0, 0), (3, 17)]) == b"0\n2\n0 0\n3 17\n"
    assert read_epochs(b"0\n2\n0 0\n3 17\n") == [(0, 0), (3, 17)]
    offsets = {("orders", 0): 5, ("a.b-c_d", 11): 0}
    assert write_offsets(offsets) == b"0\n2\norders 0 5\na.b-c_d 11 0\n"
    assert read_offsets(write_offsets(offsets)) == offsets
    assert read_epochs(b"") == [], "Apache Kafka makes empty files at its start"


@pytest.mark.parametrize("text", ["1\n0\n", "0\n2\n1 1\n", "0\n1\n1\n", "x\n0\n", "0\n1\na b\n"])
def test_damaged_checkpoints(text: str) -> None:
    with pytest.raises(CorruptFile):
        read_epochs(text.encode())


def test_partition_metadata() -> None:
    topic_id = bytes(range(16))
    text = b"version: 0\ntopic_id: AAECAwQFBgcICQoLDA0ODw"
    assert write_partition_metadata(topic_id) == text
    assert read_partition_metadata(text) == read_partition_metadata(text + b"\n") == topic_id
    for wrong in (b"", b"version: 1\ntopic_id: AAECAwQFBgcICQoLDA0ODw", b"version: 0", b"\xff"):
        with pytest.raises(CorruptFile):
            read_partition_metadata(wrong)


def test_meta_properties() -> None:
    meta = MetaProperties("AAECAwQFBgcICQoLDA0ODw", 1, "EAECAwQFBgcICQoLDA0ODw")
    assert read_meta(write_meta(meta)) == meta
    written_by_kafka = b"#\n#Tue Nov 24 02:15:00 UTC 2026\ncluster.id=abc\nnode.id=3\nversion=1\n"
    assert read_meta(written_by_kafka) == MetaProperties("abc", 3, None)
    for wrong in (b"", b"version=0\nbroker.id=1\n", b"version=1\nnode.id=1\n", b"\xff\xfe"):
        with pytest.raises(CorruptFile):
            read_meta(wrong)


def test_names() -> None:
    assert segment_name(42) == "00000000000000000042"
    assert segment_offset("00000000000000000042.log") == 42
    assert segment_offset("leader-epoch-checkpoint") is None
    assert segment_offset("42.log") is None


def test_the_mark_of_a_clean_stop() -> None:
    assert write_clean_shutdown() == b'{"version":0,"brokerEpoch":-1}'


def test_a_snapshot_that_apache_kafka_wrote() -> None:
    """With an open transaction that begins at offset 0."""
    data = bytes.fromhex(
        "00010d2508990000000100000000000000000000000000010000000000000001000000010000018bcfe56be8"
        "ffffffff0000000000000000"
    )
    entry = ProducerEntry(0, 0, 1, 1, 1, 1_700_000_001_000, -1, 0)
    assert read_producers(data) == [entry]
    assert write_producers([entry]) == data
