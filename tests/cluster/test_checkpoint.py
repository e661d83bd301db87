"""Snapshots of the metadata: what they hold, and what is said of damaged ones."""

from __future__ import annotations

import pytest

from moldau.cluster.checkpoint import (
    SnapshotId,
    image_records,
    read_snapshot,
    snapshot_batches,
    snapshot_id,
)
from moldau.cluster.image import ClusterImage
from moldau.cluster.quorum import Control, Quorum, control, epoch_start, leader_change
from moldau.cluster.records import UnknownRecord
from moldau.protocol.messages import metadata_log as m
from moldau.protocol.messages.control_records import (
    KRaftVersionRecord,
    VotersRecord,
    VotersRecordVoter,
)
from moldau.protocol.primitives import Malformed
from moldau.protocol.records import CorruptBatch, batches
from moldau.protocol.records import iterate as records_of
from tests.cluster.situations import cluster, topic, with_topics

ID = b"0123456789abcdef"
VOTERS = VotersRecord(voters=[VotersRecordVoter(voter_id=1, voter_directory_id=ID)])
DYNAMIC = Quorum(1, VOTERS)
STATIC = Quorum()


def rich_image() -> ClusterImage:
    """Something of everything."""
    image = with_topics(cluster(1, 2), topic("a", 3, retention_ms="5"), topic("b", replicas=2))
    change = m.PartitionChangeRecord(
        partition_id=1,
        topic_id=image.topics["a"].id,
        leader=2,
        isr=[2],
        eligible_leader_replicas=[1],
        last_known_elr=[1],
        leader_recovery_state=1,
        adding_replicas=[2],
        removing_replicas=[1],
    )
    return image.apply(
        [
            change,
            m.FeatureLevelRecord(name="group.version", feature_level=1),
            m.FeatureLevelRecord(name="metadata.version", feature_level=30),
            m.ConfigRecord(resource_type=4, resource_name="", name="x", value="1"),
            m.ProducerIdsRecord(broker_id=1, broker_epoch=101, next_producer_id=3000),
            m.ClientQuotaRecord(
                entity=[m.EntityData(entity_type="user", entity_name=None)],
                key="producer_byte_rate",
                value=1000.0,
            ),
            m.RegisterControllerRecord(controller_id=1, incarnation_id=ID),
            m.AccessControlEntryRecord(id=ID, principal="User:alice", host="*"),
            m.BrokerRegistrationChangeRecord(broker_id=2, broker_epoch=102, fenced=1),
            UnknownRecord(99, 3, b"new"),
        ]
    )


def content(image: ClusterImage, quorum: Quorum = STATIC) -> bytes:
    return b"".join(snapshot_batches(image, quorum, 7, 1234, 5678))


def test_snapshot_makes_the_image_again() -> None:
    image = rich_image()
    empty = [name for name, field in image._asdict().items() if not field]
    assert not empty, f"something of everything: {empty}"
    snapshot = read_snapshot(content(image))
    assert ClusterImage().apply(snapshot.records) == image
    assert snapshot.timestamp_ms == 1234
    assert snapshot.quorum == Quorum(is_in_log=False)


def test_metadata_version_comes_first() -> None:
    first = next(image_records(rich_image()))
    assert first == m.FeatureLevelRecord(name="metadata.version", feature_level=30)


def test_snapshot_of_an_old_format_has_its_records() -> None:
    image = rich_image().apply([m.FeatureLevelRecord(name="metadata.version", feature_level=21)])
    snapshot = read_snapshot(content(image))
    again = ClusterImage().apply(snapshot.records)
    assert again.topics["a"].partitions[1].elr == ()  # only from 4.0-IV1 on
    assert again.topics["a"].partitions[1].directories


def test_large_snapshot_is_many_batches_with_rising_offsets() -> None:
    image = with_topics(cluster(1), topic("big", 3_000))
    data = content(image)
    headers = [header for header, _ in batches(data)]
    assert len(headers) > 5
    assert [h.base_offset for h in headers[1:]] == [h.next_offset for h in headers[:-1]]
    assert {h.leader_epoch for h in headers} == {7}
    assert len(ClusterImage().apply(read_snapshot(data).records).topics["big"].partitions) == 3_000


def test_dynamic_voters_are_in_the_snapshot() -> None:
    snapshot = read_snapshot(content(cluster(1), DYNAMIC))
    assert snapshot.quorum == Quorum(1, VOTERS, is_in_log=False)
    assert snapshot.quorum.voter_ids == (1,)


def test_name_of_a_snapshot() -> None:
    name = "00000000000000000042-0000000007.checkpoint"
    assert snapshot_id(name) == SnapshotId(42, 7)
    assert SnapshotId(42, 7).file == name
    for other in (
        "bootstrap.checkpoint",
        f"{name}.part",
        f"{name}.deleted",
        "42-7.checkpoint",
        "leader-epoch-checkpoint",
        "0000000000000000004x-0000000007.checkpoint",
    ):
        assert snapshot_id(other) is None


@pytest.mark.parametrize("dynamic", [False, True])
def test_every_cut_is_noticed(dynamic: bool) -> None:
    data = content(cluster(1), DYNAMIC if dynamic else STATIC)
    for size in range(len(data)):
        with pytest.raises(CorruptBatch):
            read_snapshot(data[:size])


def test_every_damaged_byte_is_noticed_or_does_not_matter() -> None:
    image = cluster(1)
    data = content(image)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0x40
        try:
            found = read_snapshot(damaged)
        except (CorruptBatch, Malformed):
            continue
        assert ClusterImage().apply(found.records) == image  # a batch's offset or leader epoch


def test_something_behind_the_footer_is_damage() -> None:
    data = content(cluster(1))
    (first, *_) = [batch for _, batch in batches(data)]
    with pytest.raises(CorruptBatch, match="without its footer"):
        read_snapshot(data + first)


# --- the quorum ---------------------------------------------------------------------------------


def test_leader_change_has_the_bytes_that_apache_kafka_writes() -> None:
    """Those of the first batch of a folder of Apache Kafka 4.3.1 with the voter 1."""
    key, value = leader_change(1)
    assert key == b"\x00\x00\x00\x02"
    assert value == b"\x00\x00\x00\x00\x00\x01" + b"\x02\x00\x00\x00\x01\x00" * 2 + b"\x00"


def test_quorum_follows_its_control_records() -> None:
    version = control(Control.KRAFT_VERSION, KRaftVersionRecord(k_raft_version=1))
    quorum = Quorum(is_in_log=False)
    for key, value in (leader_change(5), version, control(Control.KRAFT_VOTERS, VOTERS)):
        quorum = quorum.replay(key, value)
    assert quorum == Quorum(1, VOTERS, (5,))
    assert quorum.voter_ids == (1,)
    assert Quorum().replay(*leader_change(5)).voter_ids == (5,)
    with pytest.raises(Malformed, match="no type"):
        quorum.replay(b"\0", b"")


def test_voters_that_a_tool_wrote_down_come_into_the_log_once() -> None:
    formatted = DYNAMIC._replace(is_in_log=False)
    assert [key[3] for key, _ in epoch_start(1, formatted)] == [2, 5, 6]
    assert [key[3] for key, _ in epoch_start(1, DYNAMIC)] == [2]
    assert [key[3] for key, _ in epoch_start(1, Quorum(is_in_log=False))] == [2]


def test_what_kafka_storage_formatted_can_be_read(formatted_by_apache: bytes) -> None:
    snapshot = read_snapshot(formatted_by_apache)
    assert ClusterImage().apply(snapshot.records).features["metadata.version"] == 30
    (first, *_, last) = [batch for _, batch in batches(formatted_by_apache)]
    assert [record.key for record in (*records_of(first), *records_of(last))] == [
        b"\0\0\0\3",
        b"\0\0\0\4",
    ]


@pytest.fixture
def formatted_by_apache() -> bytes:
    """A bootstrap.checkpoint that `kafka-storage format` of Apache Kafka 4.3.1 wrote."""
    return bytes.fromhex(
        "0000000000000000000000470000000002c1cd2903002000000000000001a21ac3b459000001a21ac3b459ff"
        "ffffffffffffffffffffffffff000000012a0000000800000003160000000000000000000000000000000000"
        "000001000000f10000000002b6b46acb000000000005000001a21ac3b488000001a21ac3b488ffffffffffff"
        "ffffffffffffffff000000063a000000012e010c00116d657461646174612e76657273696f6e001e00005a00"
        "0002014e010c0021656c696769626c652e6c65616465722e7265706c696361732e76657273696f6e00010000"
        "340000040128010c000e67726f75702e76657273696f6e00010000340000060128010c000e73686172652e76"
        "657273696f6e0001000038000008012c010c001073747265616d732e76657273696f6e000100004000000a01"
        "34010c00147472616e73616374696f6e2e76657273696f6e0002000000000000000000070000003f00000000"
        "029f286692002000000000000001a21ac3b489000001a21ac3b489ffffffffffffffffffffffffffff000000"
        "011a00000008000000040600000000"
    )
