"""What a start refuses to take over, by what is in the folder, and that it changes nothing then."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from moldau.broker.groups.records import Offset, group_key, group_value, offset_key, offset_value
from moldau.cluster.checkpoint import BOOTSTRAP_FILE, snapshot_batches
from moldau.cluster.image import ClusterImage
from moldau.cluster.quorum import Control, Quorum, control
from moldau.cluster.records import Record as MetadataRecord
from moldau.cluster.records import encode_record
from moldau.protocol.codec import encode
from moldau.protocol.messages import metadata_log as m
from moldau.protocol.messages.consumer_offsets import GroupMetadataValue
from moldau.protocol.messages.control_records import (
    KRaftVersionRecord,
    VotersRecord,
    VotersRecordVoter,
)
from moldau.protocol.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
)
from moldau.protocol.messages.transaction_log import TransactionLogKey, TransactionLogValue
from moldau.protocol.records import Record, build
from moldau.sim.disk import MemoryDisk
from moldau.storage.log import Appended, Origin
from moldau.storage.manager import FolderError
from tests.broker.stage import Stage, batch

ID = b"0123456789abcdef"
RULE = m.AccessControlEntryRecord(id=ID, principal="User:alice", host="*", resource_name="orders")


class Apache(Stage):
    """A node that leaves its folder as Apache Kafka would: registered with all that it knows."""

    def __init__(self) -> None:
        super().__init__(offsets_topic_num_partitions=1)
        self.topic("orders", 2)
        self.node.ensure_offsets_topic()
        self.topic("__transaction_state", 1)

    def metadata(self, *records: MetadataRecord) -> None:
        """More records of the metadata log."""
        self.append("__cluster_metadata", [(None, encode_record(record)) for record in records])

    def append(
        self, topic: str, pairs: Sequence[tuple[bytes | None, bytes | None]], **options: object
    ) -> None:
        log = self.logs.get(topic, 0)
        assert log is not None
        records = [Record(0, self.now_ms, key, value) for key, value in pairs]
        data = memoryview(build(records, **options))  # type: ignore[arg-type]
        result = log.append_as_leader(data, log.latest_epoch, self.now_ms, Origin.CONTROLLER)
        assert isinstance(result, Appended)

    def left(self) -> MemoryDisk:
        """The folder after a clean stop."""
        broker = self.node.image.brokers[1]
        registration = m.RegisterBrokerRecord(
            broker_id=1,
            incarnation_id=ID,
            broker_epoch=broker.epoch,
            end_points=[m.BrokerEndpoint(name="PLAINTEXT", host="here", port=9092)],
            features=[
                m.BrokerFeature(name="metadata.version", max_supported_version=30),
                m.BrokerFeature(name="transaction.version", max_supported_version=2),
            ],
            log_dirs=[self.logs.directory_id],
        )
        self.metadata(registration)
        return stopped(self)


def stopped(stage: Stage) -> MemoryDisk:
    """What is on its disk after a clean stop."""
    stage.node.stop()
    stage.logs.close(stage.now_ms)
    return stage.disk.kill()


def refusal(disk: MemoryDisk) -> str:
    before = files(disk)
    with pytest.raises(FolderError) as refused:
        Stage(disk=disk)
    assert files(disk) == before, "a refused folder stays as it was"
    text = str(refused.value)
    assert text.startswith("The folder /data cannot be taken over:\n  - ")
    assert text.endswith("Nothing was changed. `moldau folder check /data` says what is in it.")
    return text


def files(disk: MemoryDisk, path: str = "/data") -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for one in disk.list(path):
        name = f"{path}/{one.name}"
        if one.is_directory:
            found |= files(disk, name)
        else:
            found[name] = disk.open(name).pread(one.size, 0)
    return found


def feature(name: str, level: int) -> m.FeatureLevelRecord:
    return m.FeatureLevelRecord(name=name, feature_level=level)


# --- what is taken --------------------------------------------------------------------------------


def test_features_are_no_reason() -> None:
    apache = Apache()
    features = {"transaction.version": 2, "group.version": 1, "share.version": 1}
    apache.metadata(*(feature(*one) for one in features.items()))
    stage = Stage(disk=apache.left())
    assert features.items() <= stage.node.image.features.items()
    said = "what it left is taken over: 3 topics, 0 groups, 0 transactional ids."
    assert any(said in line for line in stage.said)
    assert stage.node.image.brokers[1].features.keys() == {
        "metadata.version",
        "eligible.leader.replicas.version",
    }


def test_what_was_taken_back_is_no_reason() -> None:
    apache = Apache()
    apache.metadata(RULE, m.RemoveAccessControlEntryRecord(id=ID))
    apache.append("__consumer_offsets", [(consumer_group("new"), b"\0\0\0\0\0\1")])
    apache.append("__consumer_offsets", [(consumer_group("new"), None)])
    Stage(disk=apache.left())


@pytest.mark.parametrize("status", [0, 4, 5, 6], ids=["empty", "committed", "aborted", "dead"])
def test_transactions_that_have_ended_are_no_reason(status: int) -> None:
    apache = Apache()
    apache.append("__transaction_state", [transaction("pay", 1), transaction("pay", status)])
    begin(apache, 7)
    end(apache, 7)
    Stage(disk=apache.left())


@pytest.mark.parametrize(("isolation", "told"), [(0, None), (1, [(7, 1)])])
def test_who_reads_committed_records_is_told_of_the_aborted(
    isolation: int, told: list[tuple[int, int]] | None
) -> None:
    apache = Apache()
    apache.append("orders", [(None, b"before")])
    begin(apache, 7)
    begin(apache, 8)
    end(apache, 7, b"\0\0\0\0")
    end(apache, 8)
    disk = apache.left()
    disk.remove("/data/.kafka_cleanshutdown")  # the writer of this test writes no index
    stage = Stage(disk=disk)
    wanted = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1 << 20)
    request = FetchRequest(
        isolation_level=isolation,
        max_bytes=1 << 20,
        topics=[FetchTopic(topic="orders", partitions=[wanted])],
    )
    response = stage.ask(request, 12, FetchResponse)
    assert response is not None
    data = response.responses[0].partitions[0]
    assert (data.high_watermark, data.last_stable_offset) == (5, 5)
    aborted = data.aborted_transactions
    found = None if aborted is None else [(one.producer_id, one.first_offset) for one in aborted]
    assert found == told


def test_controllers_and_unknown_records_are_kept() -> None:
    apache = Apache()
    controller = m.RegisterControllerRecord(controller_id=1, incarnation_id=ID)
    apache.metadata(controller)
    stage = Stage(disk=apache.left())
    assert list(stage.node.image.others.values()) == [controller]


# --- what is refused ------------------------------------------------------------------------------


def test_access_rules_credentials_and_tokens() -> None:
    apache = Apache()
    apache.metadata(
        RULE,
        m.UserScramCredentialRecord(name="bob", mechanism=1),
        m.DelegationTokenRecord(token_id="t1", owner="User:carol"),
    )
    text = refusal(apache.left())
    assert "Access rules (1), which would protect nothing here: User:alice on orders." in text
    assert "SCRAM credentials (1), which would protect nothing here: User:bob." in text
    assert "Delegation tokens (1), which would protect nothing here: t1 of User:carol." in text


def test_access_rules_even_in_a_folder_of_our_own() -> None:
    stage = Apache()
    stage.metadata(RULE)
    assert "Access rules (1)" in refusal(stopped(stage))


def consumer_group(id: str, kind: int = 3) -> bytes:
    return kind.to_bytes(2, "big") + len(id).to_bytes(2, "big") + id.encode()


@pytest.mark.parametrize(
    ("kind", "protocol"), [(3, "consumer"), (16, "consumer"), (11, "share"), (17, "streams")]
)
def test_groups_of_new_protocols(kind: int, protocol: str) -> None:
    apache = Apache()
    classic = GroupMetadataValue(protocol_type="consumer", generation=1, members=[])
    offset = Offset(5, -1, "", 0, -1, bytes(16))
    apache.append(
        "__consumer_offsets",
        [
            (group_key("classic-one"), group_value(classic)),
            (offset_key("classic-one", "orders", 0), offset_value(offset)),
            (consumer_group("new", kind), b"\0\0\0\0\0\1"),
        ],
    )
    text = refusal(apache.left())
    assert f"Groups of the {protocol} protocol: new (__consumer_offsets-0)." in text
    assert "classic-one" not in text


def transaction(id: str, status: int) -> tuple[bytes, bytes]:
    value = TransactionLogValue(
        producer_id=7, producer_epoch=0, transaction_status=status, transaction_partitions=[]
    )
    key = b"\0\0" + encode(TransactionLogKey(transactional_id=id), 0)
    return key, b"\0\1" + encode(value, 1)


def begin(apache: Apache, producer: int) -> None:
    apache.append(
        "orders",
        [(b"k", b"v")],
        producer_id=producer,
        producer_epoch=0,
        base_sequence=0,
        transactional=True,
    )


def end(apache: Apache, producer: int, kind: bytes = b"\0\0\0\1") -> None:
    """With a commit, or an abort (type 0)."""
    apache.append(
        "orders",
        [(kind, b"\0\0\0\0\0\1")],
        producer_id=producer,
        producer_epoch=0,
        transactional=True,
        control=True,
    )


@pytest.mark.parametrize("status", [1, 2, 3, 7])
def test_transactions_without_an_end(status: int) -> None:
    apache = Apache()
    apache.append("__transaction_state", [transaction("pay", status), transaction("done", 4)])
    text = refusal(apache.left())
    assert "Transactions without an end: pay (" in text
    assert "__transaction_state-0" in text
    assert "done" not in text


@pytest.mark.parametrize("clean", [True, False])
def test_records_of_transactions_without_an_end(clean: bool) -> None:
    apache = Apache()
    apache.append("orders", [(None, b"before")])
    begin(apache, 7)
    disk = apache.left()
    if not clean:
        disk.remove("/data/.kafka_cleanshutdown")
    assert "without an end: orders-0 from offset 1 (producer 7)." in refusal(disk)


def test_our_own_folder_is_not_searched_again() -> None:
    """Nobody but Apache Kafka can have put there what is looked for."""
    stage = Apache()
    stage.append("__transaction_state", [transaction("pay", 1)])
    assert not any("taken over" in line for line in Stage(disk=stopped(stage)).said)


def test_partitions_of_other_nodes() -> None:
    apache = Apache()
    topic = apache.node.image.topics["orders"]
    apache.metadata(
        m.PartitionChangeRecord(partition_id=1, topic_id=topic.id, replicas=[1, 2], isr=[1, 2])
    )
    assert "Partitions with replicas on other nodes: orders-1." in refusal(apache.left())


def test_other_voters_static_or_dynamic() -> None:
    apache = Apache()
    voters = VotersRecord(voters=[VotersRecordVoter(voter_id=n) for n in (1, 2)])
    records = [
        control(Control.KRAFT_VERSION, KRaftVersionRecord(k_raft_version=1)),
        control(Control.KRAFT_VOTERS, voters),
    ]
    apache.append("__cluster_metadata", records, control=True)
    assert "Other nodes vote on the metadata, and know what this one may not: node 2." in refusal(
        apache.left()
    )


def test_other_voters_that_only_the_last_election_names() -> None:
    apache = Apache()
    disk = apache.left()
    for one in disk.list("/data/__cluster_metadata-0"):
        disk.remove(f"/data/__cluster_metadata-0/{one.name}")
    state = b'{"leaderEpoch":4,"currentVoters":[{"voterId":1},{"voterId":3}],"data_version":0}'
    disk.open("/data/__cluster_metadata-0/quorum-state", create=True).append((state,), 0)
    disk.remove("/data/recovery-point-offset-checkpoint")
    assert "know what this one may not: node 3." in refusal(disk)


def test_logs_in_other_directories() -> None:
    apache = Apache()
    topic = apache.node.image.topics["orders"]
    change = m.PartitionChangeRecord(partition_id=1, topic_id=topic.id, directories=[ID])
    apache.metadata(change)
    disk = apache.left()
    for one in disk.list("/data/orders-1"):
        disk.remove(f"/data/orders-1/{one.name}")
    disk.remove_dir("/data/orders-1")
    assert "logs are in other directories of log.dirs: orders-1." in refusal(disk)


def test_a_log_that_was_moved_here_is_no_reason() -> None:
    apache = Apache()
    topic = apache.node.image.topics["orders"]
    apache.metadata(m.PartitionChangeRecord(partition_id=1, topic_id=topic.id, directories=[ID]))
    Stage(disk=apache.left())


def test_remote_storage() -> None:
    apache = Apache()
    config = m.ConfigRecord(
        resource_type=2, resource_name="orders", name="remote.storage.enable", value="true"
    )
    apache.metadata(config)
    assert "records in remote storage, which would be missing: orders." in refusal(apache.left())


def test_damage_after_a_clean_stop() -> None:
    apache = Apache()
    apache.append("orders", [(None, b"x" * 100)])
    disk = apache.left()
    disk.open("/data/orders-0/00000000000000000000.log").append((b"\xff" * 80,), 0)
    assert "Damage, although the last stop was a clean one: /data/orders-0/" in refusal(disk)


def test_partitions_without_metadata() -> None:
    disk = Apache().left()
    for one in disk.list("/data/__cluster_metadata-0"):
        disk.remove(f"/data/__cluster_metadata-0/{one.name}")
    disk.remove_dir("/data/__cluster_metadata-0")
    before = files(disk)
    with pytest.raises(FolderError, match=r"no __cluster_metadata-0: its metadata are elsewhere"):
        Stage(disk=disk)
    assert files(disk) == before


def test_newer_metadata() -> None:
    apache = Apache()
    apache.metadata(feature("metadata.version", 31))
    assert "a newer Apache Kafka than 4.3 wrote it" in refusal(apache.left())


def test_all_reasons_are_said_at_once_and_long_lists_are_cut() -> None:
    apache = Apache()
    apache.metadata(RULE)
    groups = [(consumer_group(f"g{n}"), b"\0\0\0\0\0\1") for n in range(25)]
    apache.append("__consumer_offsets", groups)
    text = refusal(apache.left())
    assert text.count("\n  - ") == 2
    assert "and 15 more." in text


# --- a folder that was only formatted -------------------------------------------------------------


def formatted(*records: MetadataRecord) -> MemoryDisk:
    disk = MemoryDisk()
    disk.mkdir("/data")
    image = ClusterImage().apply(records)
    content = b"".join(snapshot_batches(image, Quorum(), 0, 0, 0))
    disk.open(f"/data/{BOOTSTRAP_FILE}", create=True).append((content,), 0)
    return disk


def test_features_that_a_tool_wrote_down_come_into_the_log() -> None:
    disk = formatted(feature("metadata.version", 21), feature("transaction.version", 2))
    stage = Stage(disk=disk)
    assert stage.node.image.features == {"metadata.version": 21, "transaction.version": 2}
    stage.topic("t", 3)
    again = Stage(disk=stopped(stage))
    assert again.node.image.features == stage.node.image.features
    assert len(again.node.image.topics["t"].partitions) == 3


def test_credentials_that_a_tool_wrote_down_are_refused() -> None:
    disk = formatted(
        feature("metadata.version", 30), m.UserScramCredentialRecord(name="bob", mechanism=1)
    )
    with pytest.raises(FolderError, match="SCRAM credentials"):
        Stage(disk=disk)


def test_a_damaged_bootstrap_file_is_said() -> None:
    disk = formatted(feature("metadata.version", 30))
    disk.open(f"/data/{BOOTSTRAP_FILE}").truncate(100)
    with pytest.raises(FolderError, match=r"bootstrap.checkpoint is damaged .*format the folder"):
        Stage(disk=disk)


def test_what_is_written_to_orders_afterwards() -> None:
    """A folder that was taken over is one of ours: it can be written to."""
    stage = Stage(disk=Apache().left())
    log = stage.logs.get("orders", 0)
    assert log is not None
    assert isinstance(log.append_as_leader(batch(b"x"), 9, stage.now_ms), Appended)
