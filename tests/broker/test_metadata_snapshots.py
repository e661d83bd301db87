"""Snapshots of the metadata that a broker writes and reads, and its log cut at the front."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from random import Random
from typing import Any

import pytest

import moldau
from moldau.client.connection import Connection
from moldau.cluster.checkpoint import SnapshotId, read_snapshot, snapshot_id
from moldau.cluster.quorum import Control, Quorum, control
from moldau.protocol.messages import metadata_log as m
from moldau.protocol.messages.control_records import (
    KRaftVersionRecord,
    VotersRecord,
    VotersRecordVoter,
)
from moldau.protocol.messages.create_topics import (
    CreatableTopic,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from moldau.protocol.messages.metadata import MetadataRequest, MetadataResponse
from moldau.protocol.records import Record, build
from moldau.sim.disk import MemoryDisk
from moldau.storage.disk import DiskError
from moldau.storage.log import Origin
from moldau.storage.manager import FolderError
from tests.broker.stage import Stage
from tests.drawn import share

FOLDER = "/data/__cluster_metadata-0"
OFTEN: dict[str, Any] = {
    "metadata_log_max_record_bytes_between_snapshots": 2000,
    "internal_metadata_log_segment_bytes": 3000,
    "metadata_max_retention_bytes": 9000,
}


def snapshots(disk: MemoryDisk) -> list[SnapshotId]:
    return sorted(filter(None, (snapshot_id(one.name) for one in disk.list(FOLDER))))


def names(disk: MemoryDisk, suffix: str) -> list[str]:
    return sorted(one.name for one in disk.list(FOLDER) if one.name.endswith(suffix))


def settle(stage: Stage) -> None:
    """Lets what is under way come to its end."""
    for _ in range(20):
        stage.tick(1)
        stage.sync()


def work(stage: Stage, count: int, prefix: str = "t") -> None:
    for number in range(count):
        stage.topic(f"{prefix}-{number}", 3, retention_ms=1000 + number)
        settle(stage)


def stopped(stage: Stage) -> MemoryDisk:
    stage.node.stop()
    stage.logs.close(stage.now_ms)
    return stage.disk.kill()


def comparable(stage: Stage) -> tuple[object, ...]:
    """What must be the same after a restart: all but the broker's own registration."""
    image = stage.node.image
    return image.topics, image.topics_by_id, image.configs, image.features, image.next_producer_id


def test_snapshot_is_written_by_size_and_read_at_the_next_start() -> None:
    stage = Stage(metadata_log_max_record_bytes_between_snapshots=2000)
    work(stage, 10)
    found = snapshots(stage.disk)
    assert found
    assert names(stage.disk, ".part") == []
    # Nothing but the snapshot says what was before it.
    content = stage.disk.open(f"{FOLDER}/{found[-1].file}").pread(1 << 20, 0)
    assert read_snapshot(content).timestamp_ms > 0
    expected = comparable(stage)
    again = Stage(disk=stopped(stage))
    assert comparable(again) == expected
    assert again.node.controller.epoch == stage.node.controller.epoch + 1


def test_snapshot_is_written_by_time_but_not_when_nothing_happens() -> None:
    stage = Stage()
    stage.topic("a")
    stage.tick(3_600_000)
    settle(stage)
    assert snapshots(stage.disk) == []
    stage.topic("b")
    settle(stage)
    assert len(snapshots(stage.disk)) == 1
    stage.topic("c")
    settle(stage)
    assert len(snapshots(stage.disk)) == 1


def test_no_snapshot_by_time_when_that_is_switched_off() -> None:
    stage = Stage(metadata_log_max_snapshot_interval_ms=0)
    stage.tick(100 * 24 * 3_600_000)
    stage.topic("b")
    settle(stage)
    assert snapshots(stage.disk) == []


def test_log_is_cut_at_the_front_and_old_snapshots_go() -> None:
    stage = Stage(**OFTEN)
    work(stage, 60)
    log = stage.node.controller.metadata.log
    assert log.log_start_offset > 0
    assert log.first_segment_offset > 0
    found = snapshots(stage.disk)
    assert found[0].end_offset >= log.log_start_offset
    size = sum(one.size for one in stage.disk.list(FOLDER) if ".checkpoint" in one.name)
    latest = stage.disk.stat(f"{FOLDER}/{found[-1].file}")
    assert latest is not None
    assert log.size + size <= 9000 + 3000 + latest.size or len(found) == 1
    expected = comparable(stage)
    again = Stage(disk=stopped(stage), **OFTEN)
    assert comparable(again) == expected
    work(again, 5, "more")
    assert len(again.node.image.topics) == 65


def test_old_snapshots_go_by_time() -> None:
    stage = Stage(metadata_max_retention_ms=10_000_000, internal_metadata_log_segment_bytes=3000)
    for number in range(8):
        stage.tick(3_600_000)
        stage.topic(f"t-{number}")
        settle(stage)
    times = [stage.node.controller._journal.snapshots.whole[one] for one in snapshots(stage.disk)]
    assert len(times) == 3
    assert all(time is not None and stage.now_ms - time <= 10_000_000 for time in times)


def test_segments_of_the_metadata_log_end_by_size_and_time() -> None:
    stage = Stage(metadata_log_segment_bytes=8 << 20, metadata_log_segment_ms=1000)
    assert stage.node.controller.metadata.log.config.segment_bytes == 8 << 20
    stage.topic("a")
    assert len(names(stage.disk, ".log")) == 1
    stage.tick(1001)
    stage.topic("b")
    assert len(names(stage.disk, ".log")) == 2


@pytest.mark.parametrize("seed", range(share(12)))
def test_killed_at_any_moment_nothing_acknowledged_is_lost(seed: int) -> None:
    """Snapshots half written, written and not renamed, renamed and not synced."""
    dice = Random(seed)
    stage = Stage(**OFTEN)
    acknowledged: set[str] = set()
    for round_ in range(6):
        for number in range(dice.randrange(1, 12)):
            name = f"t-{round_}-{number}"
            stage.topic(name, 2)
            acknowledged.add(name)
            for _ in range(dice.randrange(4)):
                stage.tick(1)
                if dice.random() < 0.5:
                    stage.sync()
        stage = Stage(disk=stage.disk.crash(dice), now_ms=stage.now_ms, **OFTEN)
        assert stage.node.image.topics.keys() >= acknowledged
        assert names(stage.disk, ".part") == []


def spoiled(disk: MemoryDisk, one: SnapshotId, size: int) -> None:
    disk.open(f"{FOLDER}/{one.file}").truncate(size)


def test_damaged_snapshot_is_set_aside_and_the_log_has_everything() -> None:
    stage = Stage(metadata_log_max_record_bytes_between_snapshots=2000)
    work(stage, 10)
    expected = comparable(stage)
    disk = stopped(stage)
    latest = snapshots(disk)[-1]
    spoiled(disk, latest, 300)
    again = Stage(disk=disk)
    assert comparable(again) == expected
    assert latest not in snapshots(disk)
    assert f"{latest.file}.damaged" in names(disk, ".damaged")
    assert any("without its footer" in line or "cut off" in line for line in again.said)


def test_an_older_snapshot_serves_when_the_latest_is_damaged() -> None:
    stage = Stage(**OFTEN | {"metadata_max_retention_bytes": 40_000})
    work(stage, 50)
    expected = comparable(stage)
    disk = stopped(stage)
    assert stage.node.controller.metadata.log.log_start_offset > 0
    assert len(snapshots(disk)) > 1
    spoiled(disk, snapshots(disk)[-1], 200)
    assert comparable(Stage(disk=disk)) == expected


def test_a_cut_log_without_a_whole_snapshot_is_refused() -> None:
    stage = Stage(**OFTEN)
    work(stage, 40)
    disk = stopped(stage)
    for one in snapshots(disk):
        spoiled(disk, one, 200)
    with pytest.raises(FolderError, match=r"there is no snapshot of what was before \(0.*Restore"):
        Stage(disk=disk)
    disk = disk.kill()
    for one in snapshots(disk):
        disk.remove(f"{FOLDER}/{one.file}")
    with pytest.raises(FolderError, match="none is there"):
        Stage(disk=disk)


def test_a_log_that_ends_before_the_snapshot_starts_over_behind_it() -> None:
    """Apache Kafka does the same; its tail was lost, and what it said is in the snapshot."""
    stage = Stage(metadata_log_max_record_bytes_between_snapshots=2000)
    work(stage, 10)
    disk = stopped(stage)
    latest = snapshots(disk)[-1]
    image = read_snapshot(disk.open(f"{FOLDER}/{latest.file}").pread(1 << 20, 0)).records
    disk.open(f"{FOLDER}/00000000000000000000.log").truncate(700)
    disk.remove("/data/.kafka_cleanshutdown")
    disk.remove("/data/recovery-point-offset-checkpoint")  # Apache Kafka's says nothing of it
    again = Stage(disk=disk)
    log = again.node.controller.metadata.log
    assert log.log_start_offset == latest.end_offset
    assert len(again.node.image.topics) == sum(type(r).__name__ == "TopicRecord" for r in image)
    again.topic("new")
    assert "new" in Stage(disk=stopped(again)).node.image.topics


def test_no_room_for_a_snapshot_is_said_and_costs_nothing_else() -> None:
    stage = Stage(metadata_log_max_record_bytes_between_snapshots=2000)
    open_ = stage.disk.open

    def full(path: str, *, create: bool = False) -> object:
        if path.endswith(".part"):
            raise DiskError(28, "No space left on device", path)
        return open_(path, create=create)

    stage.disk.open = full  # type: ignore[method-assign,assignment]
    work(stage, 6)
    assert snapshots(stage.disk) == []
    assert any("No snapshot of the metadata could be written" in line for line in stage.said)
    stage.disk.open = open_  # type: ignore[method-assign]
    work(stage, 6, "u")
    assert snapshots(stage.disk)


def test_large_snapshot_leaves_time_for_others() -> None:
    stage = Stage()
    stage.node.controller._write(
        [
            m.ConfigRecord(resource_type=32, resource_name=f"g{n}", name="x", value="1")
            for n in range(9_000)
        ]
    )
    stage.tick(3_600_001)
    stage.topic("more")
    steps = 0
    while not snapshots(stage.disk):
        stage.tick(1)
        stage.sync()
        steps += 1
    assert steps > 10


def test_dynamic_voters_stay_in_the_log_and_in_snapshots() -> None:
    stage = Stage()
    voter = VotersRecordVoter(voter_id=1, voter_directory_id=stage.logs.directory_id)
    voters = VotersRecord(voters=[voter])
    pairs = [
        control(Control.KRAFT_VERSION, KRaftVersionRecord(k_raft_version=1)),
        control(Control.KRAFT_VOTERS, voters),
    ]
    records = [Record(0, stage.now_ms, key, value) for key, value in pairs]
    stage.node.controller.metadata.log.append_as_leader(
        memoryview(build(records, control=True)), 0, stage.now_ms, Origin.CONTROLLER
    )
    stage = Stage(disk=stopped(stage), **OFTEN)
    assert stage.node.controller._journal.quorum == Quorum(1, voters, (1,))
    work(stage, 40)
    assert stage.node.controller.metadata.log.log_start_offset > 0
    again = Stage(disk=stopped(stage))
    assert again.node.controller._journal.quorum.voters == voters
    assert again.node.controller._journal.quorum.kraft_version == 1


def test_epoch_is_above_the_last_election_that_apache_kafka_noted() -> None:
    stage = Stage()
    disk = stopped(stage)
    state = b'{"leaderId":1,"leaderEpoch":41,"votedId":-1,"data_version":0}'
    disk.open(f"{FOLDER}/quorum-state", create=True).append((state,), 0)
    assert Stage(disk=disk).node.controller.epoch == 42


@pytest.mark.slow
def test_killed_for_real_in_the_middle_of_snapshots(tmp_path: Path) -> None:
    """Topics are created as fast as it goes, a snapshot every few of them, until kill -9."""
    often = {
        "metadata.log.max.record.bytes.between.snapshots": 400,
        "internal.metadata.log.segment.bytes": 3000,
        "metadata.max.retention.bytes": 20_000,
    }
    acknowledged: list[str] = []
    dice = Random(7)
    for round_ in range(5):
        broker = moldau.Broker(data=tmp_path, config=often)
        broker.start()
        host, _, port = broker.bootstrap_servers.rpartition(":")
        connection = Connection(host, int(port), "creator", 30)
        for number in range(dice.randrange(10, 30)):
            name = f"t-{round_}-{number}"
            topic = CreatableTopic(name=name, num_partitions=1, replication_factor=1)
            answer = connection.ask(CreateTopicsRequest(topics=[topic]), CreateTopicsResponse)
            assert answer.topics[0].error_code == 0, answer
            acknowledged.append(name)
        os.kill(broker.pid, signal.SIGKILL)
        connection.close()
        broker.stop()
    with moldau.Broker(data=tmp_path) as broker:
        host, _, port = broker.bootstrap_servers.rpartition(":")
        connection = Connection(host, int(port), "reader", 30)
        metadata = connection.ask(MetadataRequest(topics=None), MetadataResponse)
        connection.close()
    assert {topic.name for topic in metadata.topics} >= set(acknowledged)
    directory = tmp_path / "__cluster_metadata-0"
    assert list(directory.glob("*.checkpoint"))
    assert not list(directory.glob("*.part"))
    assert not list(directory.glob("*.damaged"))
