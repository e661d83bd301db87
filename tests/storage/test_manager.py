"""The folder: owner, identity, restarts, deletion, and when there is something to do."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace

import pytest

from moldau.protocol.files import read_offsets
from moldau.sim.disk import MemoryDisk
from moldau.storage.config import LogConfig
from moldau.storage.disk import DiskError, read_file
from moldau.storage.log import Log
from moldau.storage.manager import FolderError, LogManager
from tests.storage.logs import NOW, append, contents, ignore

DATA = "/data"
TOPIC_ID = bytes(range(16))
BROKER = {
    "producer.id.expiration.ms": 86_400_000,
    "log.retention.check.interval.ms": 300_000,
    "log.initial.task.delay.ms": 30_000,
    "log.flush.offset.checkpoint.interval.ms": 60_000,
}


def start(disk: MemoryDisk, *, node_id: int = 1, cluster_id: str | None = None) -> LogManager:
    settings = SimpleNamespace(node_id=node_id, cluster_id=cluster_id, broker=BROKER)
    manager = LogManager.open(disk, DATA, settings, NOW, ignore, Random(1).randbytes)
    manager.begin()
    return manager


def create(manager: LogManager, topic: str = "t", config: LogConfig | None = None) -> Log:
    return manager.open_or_create(topic, 0, TOPIC_ID, config or LogConfig(), NOW)


def names(disk: MemoryDisk, directory: str = DATA) -> set[str]:
    return {entry.name for entry in disk.list(directory)}


def test_a_new_folder_gets_an_identity_and_keeps_it() -> None:
    disk = MemoryDisk()
    manager = start(disk)
    identity = (manager.cluster_id, manager.directory_id, manager.node_id)
    assert len(manager.cluster_id) == 22
    manager.close(NOW)
    again = start(disk.kill())
    assert (again.cluster_id, again.directory_id, again.node_id) == identity


def test_a_folder_has_one_owner() -> None:
    disk = MemoryDisk()
    first = start(disk)
    with pytest.raises(FolderError, match=r"in use by another broker.*--data"):
        start(disk)
    assert first.data_dir == DATA


def test_a_folder_of_others_is_refused() -> None:
    disk = MemoryDisk()
    start(disk, cluster_id="AAECAwQFBgcICQoLDA0ODw")
    with pytest.raises(FolderError, match="belongs to node 1"):
        start(disk.kill(), node_id=2)
    with pytest.raises(FolderError, match="belongs to cluster AAEC"):
        start(disk.kill(), cluster_id="other")
    disk.open(f"{DATA}/meta.properties").truncate(0)
    with pytest.raises(FolderError, match=r"meta\.properties lacks"):
        start(disk.kill())


@pytest.mark.parametrize("clean", [True, False])
def test_logs_are_there_after_a_restart(clean: bool) -> None:
    disk = MemoryDisk()
    manager = start(disk)
    log = create(manager)
    append(log, [b"a", b"b", b"c"])
    log.delete_records(1)
    manager.checkpoint_start_offsets()
    if clean:
        manager.close(NOW)
        assert ".kafka_cleanshutdown" in names(disk)
    disk = disk if clean else disk.kill()
    again = start(disk)
    assert again.was_clean == clean
    assert ".kafka_cleanshutdown" not in names(disk), "from now on a crash is a crash"
    assert contents(create(again)) == {1: b"b", 2: b"c"}
    assert create(again).synced_offset == (3 if clean else 0)


@pytest.mark.parametrize("count", [1, 20])
def test_after_a_clean_stop_the_power_may_go(count: int) -> None:
    disk = MemoryDisk()
    manager = start(disk)
    for number in range(count):
        append(create(manager, f"t{number}"), [b"a"])
    manager.close(NOW)
    for seed in range(5):
        again = start(disk.crash(Random(seed)))
        assert again.was_clean
        for number in range(count):
            assert contents(create(again, f"t{number}")) == {0: b"a"}


def test_a_failed_sync_leaves_the_folder_unclean() -> None:
    disk = MemoryDisk()
    manager = start(disk)
    append(create(manager), [b"a"])
    manager.sync_failed = True
    manager.close(NOW)
    assert ".kafka_cleanshutdown" not in names(disk)
    disk.fails = lambda operation, _path: operation == "sync"
    manager.sync_failed = False
    manager.close(NOW)
    assert ".kafka_cleanshutdown" not in names(disk)


def test_checkpoints_are_written_when_something_changed_and_only_then() -> None:
    disk = MemoryDisk()
    manager = start(disk)
    assert manager.deadline is None
    log = create(manager, config=LogConfig(retention_ms=-1))
    assert manager.deadline is None, "an idle broker sleeps"
    append(log, [b"a"])
    log.sync()
    manager.tick(manager.deadline or 0)
    assert manager.deadline == NOW + 60_000
    assert manager.tick(NOW + 59_999) == NOW + 60_000
    assert "recovery-point-offset-checkpoint" not in names(disk)
    assert manager.tick(NOW + 60_000) is None
    path = f"{DATA}/recovery-point-offset-checkpoint"
    assert read_offsets(read_file(disk, path)) == {("t", 0): 1}
    path = f"{DATA}/replication-offset-checkpoint"
    assert read_offsets(read_file(disk, path)) == {("t", 0): 1}


def test_an_unsynced_log_is_offered_for_syncing_at_the_checkpoint() -> None:
    manager = start(MemoryDisk())
    log = create(manager)
    append(log, [b"a"])
    assert manager.take_wanted_syncs() == []
    manager.tick(NOW + 60_000)
    assert manager.take_wanted_syncs() == [log]
    assert manager.take_wanted_syncs() == []


def test_flush_ms_asks_for_a_sync_that_long_after_an_append() -> None:
    manager = start(MemoryDisk())
    log = create(manager, config=LogConfig(flush_ms=500, retention_ms=-1))
    for now in (NOW, NOW + 7000):
        append(log, [b"a"], now=now)
        assert manager.deadline == now + 500
        manager.tick(now + 500)
        assert manager.take_wanted_syncs() == [log]
    assert manager.deadline == NOW + 30_000, "retention looks, then the checkpoint"


def test_retention_looks_at_a_log_only_when_the_interval_says_so() -> None:
    """People load records that are years old: in Kafka these stay until the next look."""
    manager = start(MemoryDisk())
    log = create(manager, config=LogConfig(retention_ms=1000, file_delete_delay_ms=10))
    append(log, [b"a"], now=NOW + 40_000)
    for now in (NOW + 45_000, NOW + 100_000, NOW + 329_999):
        assert (manager.tick(now) or 0) <= NOW + 330_000
        assert log.log_start_offset == 0
    assert manager.tick(NOW + 330_000) == NOW + 330_010
    assert log.log_start_offset == 1
    manager.tick(NOW + 330_010)
    assert log.size == 0


def test_what_will_be_too_old_is_removed_at_the_look_after_it() -> None:
    manager = start(MemoryDisk())
    log = create(manager, config=LogConfig(retention_ms=90_000, file_delete_delay_ms=10))
    append(log, [b"a"])
    manager.tick(NOW + 60_000)
    assert manager.deadline == NOW + 330_000
    manager.tick(NOW + 330_000)
    assert log.log_start_offset == 1


@pytest.mark.parametrize("by_ms", [10**9, -(10**9)])
def test_a_clock_that_is_set_delays_nothing(by_ms: int) -> None:
    disk = MemoryDisk()
    manager = start(disk)
    log = create(manager, config=LogConfig(flush_ms=500, retention_ms=10**10))
    append(log, [b"a"])
    gone = create(manager, "gone", LogConfig(file_delete_delay_ms=700))
    manager.delete("gone", 0, NOW)
    now = NOW + by_ms
    manager.clock_moved(by_ms, now)
    assert manager.deadline == now + 500
    assert manager.tick(now + 500) == now + 700
    assert manager.take_wanted_syncs() == [log]
    manager.tick(now + 700)
    assert disk.stat(gone.directory) is None
    manager.tick(now + 60_000)
    assert "recovery-point-offset-checkpoint" in names(disk)


def test_retention_goes_by_the_date_that_the_clock_was_set_to() -> None:
    manager = start(MemoryDisk())
    log = create(manager, config=LogConfig(retention_ms=10**9))
    append(log, [b"a"])
    manager.tick(NOW + 330_000)
    manager.clock_moved(10**9, NOW + 330_000 + 10**9)
    for _ in range(3):
        manager.tick(manager.deadline or 0)
    assert (log.log_start_offset, manager._now_ms - NOW - 10**9 < 900_000) == (1, True)


def test_a_deleted_log_is_renamed_at_once_and_removed_later() -> None:
    disk = MemoryDisk()
    manager = start(disk)
    log = create(manager, config=LogConfig(file_delete_delay_ms=1000))
    append(log, [b"a"])
    manager.delete("t", 0, NOW)
    assert manager.get("t", 0) is None
    (renamed,) = [name for name in names(disk) if name.endswith("-delete")]
    stem, unique, suffix = renamed.replace("-delete", ".-delete").split(".")
    assert (stem, len(unique), suffix) == ("t-0", 32, "-delete")
    manager.tick(NOW + 1000)
    assert renamed not in names(disk)
    fresh = manager.open_or_create("t", 0, bytes(16), LogConfig(), NOW)
    assert fresh.log_end_offset == 0


def test_what_a_crash_left_of_a_deletion_is_removed() -> None:
    disk = MemoryDisk()
    manager = start(disk)
    append(create(manager), [b"a"])
    manager.delete("t", 0, NOW)
    disk = disk.kill()
    again = start(disk)
    assert again.deadline == NOW
    again.tick(NOW)
    assert not [name for name in names(disk) if name.endswith("-delete")]


def test_a_log_of_another_topic_of_that_name_is_set_aside() -> None:
    disk = MemoryDisk()
    manager = start(disk)
    append(create(manager), [b"a"])
    manager.close(NOW)
    again = start(disk.kill())
    log = again.open_or_create("t", 0, bytes(16), LogConfig(), NOW)
    assert log.log_end_offset == 0


@pytest.mark.parametrize("stopped", ["no", "killed", "clean"])
def test_a_log_that_begins_anew_takes_nothing_from_the_checkpoints_of_the_old(stopped: str) -> None:
    """An old start beyond the new end made a start over of it: ten acknowledged records gone."""
    disk = MemoryDisk()
    manager = start(disk)
    old = create(manager)
    append(old, [b"old"] * 20)
    old.sync()
    old.delete_records(15)
    manager.checkpoint_start_offsets()
    manager.tick(NOW + 60_000)
    manager.delete("t", 0, NOW)
    if stopped != "no":
        if stopped == "clean":
            manager.close(NOW)
        disk = disk.kill()
        manager = start(disk)
        manager.set_aside_strays()
    fresh = manager.open_or_create("t", 0, bytes(16), LogConfig(), NOW)
    assert (fresh.log_start_offset, fresh.log_end_offset, fresh.synced_offset) == (0, 0, 0)
    append(fresh, [b"new"] * 10)
    disk = disk.kill()
    disk.open(f"{DATA}/t-0/{0:020d}.log").truncate(30)  # what a loss of power may leave
    again = start(disk).open_or_create("t", 0, bytes(16), LogConfig(), NOW)
    assert (again.log_start_offset, again.log_end_offset) == (0, 0), "the torn batch is cut"


def test_deleting_records_makes_the_room_that_it_takes() -> None:
    disk = MemoryDisk()
    manager = start(disk)
    log = create(manager, config=LogConfig(segment_bytes=300))
    for _ in range(20):
        append(log, [b"x"])
    disk.room = 0
    log.delete_records(13)
    manager.checkpoint_start_offsets()
    assert read_offsets(read_file(disk, f"{DATA}/log-start-offset-checkpoint")) == {("t", 0): 13}
    disk.room = 0
    log.delete_records(14)
    with pytest.raises(DiskError, match="No space"):
        manager.checkpoint_start_offsets()  # nothing whole lies before it


def test_a_start_of_a_log_that_is_not_open_is_not_forgotten() -> None:
    disk = MemoryDisk()
    manager = start(disk)
    for name in ("first", "second"):
        log = create(manager, name)
        append(log, [b"x"] * 20)
        log.delete_records(15)
    manager.checkpoint_start_offsets()
    again = start(disk.kill())
    create(again, "first").delete_records(17)
    again.checkpoint_start_offsets()
    assert create(again, "second").log_start_offset == 15


def test_strays_are_set_aside() -> None:
    disk = MemoryDisk()
    manager = start(disk)
    append(create(manager), [b"a"])
    create(manager, "kept")
    manager.close(NOW)
    disk = disk.kill()
    again = start(disk)
    create(again, "kept")
    again.set_aside_strays()
    found = {name.partition(".")[0] for name in names(disk) if name.endswith("-stray")}
    assert found == {"t-0"}
    assert "kept-0" in names(disk)


def test_names_of_removed_logs_are_never_too_long() -> None:
    disk = MemoryDisk()
    manager = start(disk)
    create(manager, "x" * 249)
    manager.delete("x" * 249, 0, NOW)
    assert max(len(name) for name in names(disk)) == 255


def test_a_log_that_cannot_be_read_from_a_damaged_checkpoint_is_read_whole() -> None:
    disk = MemoryDisk()
    manager = start(disk)
    append(create(manager), [b"a"])
    manager.tick(NOW + 60_000)
    disk = disk.kill()
    disk.open(f"{DATA}/recovery-point-offset-checkpoint").truncate(3)
    assert contents(create(start(disk))) == {0: b"a"}
