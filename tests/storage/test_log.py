"""Rolling, retention, times, epochs and regions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from moldau.protocol.records import Record, batches, build
from moldau.server.disk import OsDisk
from moldau.sim.disk import MemoryDisk
from moldau.storage.config import LogConfig
from moldau.storage.log import Log, OffsetOutOfRange, Slice, TimestampOffset
from tests.storage.logs import DIRECTORY, NOW, append, batch, contents, memory, open_log


def segments(disk: MemoryDisk) -> list[int]:
    names = (entry.name for entry in disk.list(DIRECTORY))
    return sorted(int(name[:20]) for name in names if name.endswith(".log"))


def first_offset(log: Log, offset: int) -> int:
    found = log.read(offset, 1, log.log_end_offset, True)
    assert isinstance(found, Slice)
    return next(iter(batches(found.read())))[0].base_offset


def test_rolls_by_size() -> None:
    disk = memory()
    size = len(batch([b"x"]))
    log = open_log(disk, LogConfig(segment_bytes=3 * size))
    for _ in range(7):
        append(log, [b"x"])
    assert segments(disk) == [0, 3, 6]


def test_rolls_by_the_time_of_records() -> None:
    """From the first batch of the segment, by its own clock (LogSegment.timeWaitedForRoll)."""
    disk = memory()
    log = open_log(disk, LogConfig(segment_ms=1000))
    for at in (NOW, NOW + 1000, NOW + 1001, NOW + 1500):
        log.append_as_leader(batch([b"x"], timestamp=at), 0, NOW)
    assert segments(disk) == [0, 2]


def test_rolls_by_the_clock_where_records_have_no_time() -> None:
    disk = memory()
    log = open_log(disk, LogConfig(segment_ms=1000))
    for now in (NOW, NOW + 1000, NOW + 1001):
        log.append_as_leader(build([Record(0, -1, None, b"x")]), 0, now)
    assert segments(disk) == [0, 2]


def test_rolls_when_an_index_is_full() -> None:
    disk = memory()
    log = open_log(disk, LogConfig(segment_index_bytes=24, index_interval_bytes=0))
    for number in range(8):
        log.append_as_leader(batch([b"x"], timestamp=NOW + number), 0, NOW)
    assert len(segments(disk)) > 2


def test_rolls_when_an_offset_would_not_fit_into_the_index() -> None:
    disk = memory()
    log = open_log(disk)
    append(log, [b"x"])
    log.log_end_offset = (1 << 31) - 1
    append(log, [b"x"])
    append(log, [b"x"])
    assert segments(disk) == [0, 1 << 31]
    assert contents(log) == {0: b"x", (1 << 31) - 1: b"x", 1 << 31: b"x"}


def test_jitter_rolls_earlier_and_always_the_same() -> None:
    config = LogConfig(segment_ms=1000, segment_jitter_ms=900)
    counts = set()
    for _ in range(2):
        disk = memory()
        log = open_log(disk, config)
        for number in range(100):
            log.append_as_leader(batch([b"x"], timestamp=NOW + 20 * number), 0, NOW)
        counts.add(tuple(segments(disk)))
    assert len(counts) == 1
    assert len(counts.pop()) > 2


def test_retention_by_time() -> None:
    disk = memory()
    log = open_log(disk, LogConfig(retention_ms=1000, file_delete_delay_ms=50))
    for number in range(3):
        log.append_as_leader(batch([b"x"], timestamp=NOW + number), 0, NOW)
        log.roll(NOW)
    assert log.apply_retention(NOW + 1000) == NOW + 1001
    assert log.log_start_offset == 0
    due = log.apply_retention(NOW + 1002)
    assert log.log_start_offset == 2
    assert due == NOW + 1003
    assert log.remove_doomed(NOW + 1002) == NOW + 1052
    assert len([e for e in disk.list(DIRECTORY) if e.name.endswith(".deleted")]) > 3
    log.apply_retention(NOW + 1052)
    assert segments(disk) == [3], "also the last, behind an empty new one"
    log.remove_doomed(NOW + 2000)
    assert not [e for e in disk.list(DIRECTORY) if e.name.endswith(".deleted")]
    assert log.apply_retention(NOW + 2000) is None, "an empty log needs nobody to come again"
    assert append(log, [b"y"]).first_offset == 3


def test_retention_takes_the_newest_segment_too() -> None:
    disk = memory()
    log = open_log(disk, LogConfig(retention_ms=1000))
    append(log, [b"x"])
    log.apply_retention(NOW + 1001)
    assert (log.log_start_offset, segments(disk)) == (1, [1])
    assert log.read(0, 1, 1, True) == OffsetOutOfRange(0, 1, 1)


def test_retention_by_size_keeps_at_least_that_much() -> None:
    disk = memory()
    size = len(batch([b"x"]))
    log = open_log(disk, LogConfig(segment_bytes=2 * size, retention_bytes=5 * size))
    for _ in range(10):
        append(log, [b"x"])
    log.apply_retention(NOW)
    assert (log.size, log.log_start_offset) == (6 * size, 4)


@pytest.mark.parametrize("policy", [{"compact"}, set()])
def test_compacted_logs_lose_nothing_by_retention(policy: set[str]) -> None:
    log = open_log(
        memory(),
        LogConfig(retention_ms=1, retention_bytes=1, cleanup_policy=frozenset(policy)),
    )
    for _ in range(3):
        append(log, [b"x"])
        log.roll(NOW)
    assert log.apply_retention(NOW + 10**9) is None
    assert log.log_start_offset == 0
    log.delete_records(2)
    log.apply_retention(NOW)
    assert log.first_segment_offset == 2, "deleted by request they are"


def test_a_region_outlives_its_segment(tmp_path: Path) -> None:
    directory = str(tmp_path / "t-0")
    log = open_log(OsDisk(), LogConfig(retention_ms=1, file_delete_delay_ms=0), directory=directory)
    append(log, [b"precious"])
    log.roll(NOW)
    found = log.read(0, 1000, 1, True)
    log.apply_retention(NOW + 10)
    log.remove_doomed(NOW + 10)
    assert not (tmp_path / "t-0" / "00000000000000000000.log").exists()
    assert isinstance(found, Slice)
    assert b"precious" in found.read()


def test_offsets_by_timestamp() -> None:
    log = open_log(memory(), LogConfig(index_interval_bytes=0, segment_bytes=500))
    for number in range(0, 30, 3):
        records = [Record(0, NOW + 10 * (number + i), b"k", b"v") for i in range(3)]
        log.append_as_leader(build(records), 4, NOW)
    for offset in range(30):
        at = TimestampOffset(NOW + 10 * offset, offset, 4)
        assert log.offset_for_timestamp(NOW + 10 * offset) == at
        assert log.offset_for_timestamp(NOW + 10 * offset - 9) == at
    assert log.offset_for_timestamp(0) == TimestampOffset(NOW, 0, 4)
    assert log.offset_for_timestamp(NOW + 291) is None
    assert log.max_timestamp() == TimestampOffset(NOW + 290, 29, 4)
    log.delete_records(7)
    assert log.offset_for_timestamp(0) == TimestampOffset(NOW + 70, 7, 4)


def test_times_out_of_order() -> None:
    log = open_log(memory())
    for at in (5, 9, 2, 9, 7):
        log.append_as_leader(batch([b"x"], timestamp=NOW + at), 0, NOW)
    assert log.max_timestamp() == TimestampOffset(NOW + 9, 1, 0)
    assert log.offset_for_timestamp(NOW + 6) == TimestampOffset(NOW + 9, 1, 0)
    assert open_log(memory()).max_timestamp() is None


def test_append_time_is_found_too() -> None:
    log = open_log(memory(), LogConfig(message_timestamp_type="LogAppendTime"))
    for now in (NOW, NOW + 5):
        log.append_as_leader(batch([b"a", b"b"], timestamp=1), 0, now)
    assert log.offset_for_timestamp(NOW + 1) == TimestampOffset(NOW + 5, 2, 0)
    assert log.max_timestamp() == TimestampOffset(NOW + 5, 2, 0)


def test_epochs() -> None:
    """LeaderEpochFileCache.endOffsetFor."""
    log = open_log(memory())
    for epoch, count in ((2, 3), (2, 1), (5, 2), (9, 1)):
        append(log, [b"x"] * count, epoch=epoch)
    ends = {epoch: log.end_offset_for_epoch(epoch) for epoch in (-1, 0, 2, 3, 5, 7, 9, 10)}
    assert ends == {
        -1: (-1, -1),
        0: (0, 0),
        2: (2, 4),
        3: (2, 4),
        5: (5, 6),
        7: (5, 6),
        9: (9, 7),
        10: (-1, -1),
    }
    log.delete_records(5)
    assert [log.epoch_of(offset) for offset in (4, 5, 6)] == [-1, 5, 9]
    log.truncate_to(6)
    assert log.latest_epoch == 5


def test_an_epoch_without_records_ends_the_one_before_it() -> None:
    """A reader at the end takes the epoch of the leader, not that of the last record; after the
    next crash it asks where that epoch ended, and goes back to the beginning if nobody knows."""
    disk = memory()
    log = open_log(disk)
    log.lead(0)
    assert log.end_offset_for_epoch(0) == (0, 0)
    append(log, [b"x"] * 5, epoch=0)
    for epoch in (1, 2, 3):
        disk = disk.kill()
        log = open_log(disk)
        log.lead(epoch)
        assert log.end_offset_for_epoch(epoch) == (epoch, 5)
        assert log.end_offset_for_epoch(epoch - 1) == (0, 5)
        assert log.end_offset_for_epoch(epoch + 1) == (-1, -1)
    append(log, [b"x"], epoch=3)
    assert [log.epoch_of(4), log.epoch_of(5)] == [0, 3]
    again = open_log(disk.kill(), clean=True)
    assert [again.epoch_of(4), again.epoch_of(5), again.latest_epoch] == [0, 3, 3]


def test_reading_limits() -> None:
    log = open_log(memory())
    size = len(batch([b"x"] * 3))
    for _ in range(4):
        append(log, [b"x"] * 3)

    def read(offset: int, limit: int, up_to: int = 12, whole: bool = True) -> int:
        found = log.read(offset, limit, up_to, whole)
        assert isinstance(found, Slice)
        return found.size

    assert read(0, 10 * size) == 4 * size
    assert read(4, 10 * size) == 3 * size, "from the batch that holds the offset"
    assert read(0, size + 7) == size + 7, "the last batch may be cut off"
    assert read(0, 1) == size
    assert read(0, 1, whole=False) == 0
    assert read(0, 10 * size, up_to=6) == 2 * size
    assert read(0, 10 * size, up_to=7) == 2 * size, "only whole batches before a limit"
    assert read(12, 10) == 0
    assert log.read(13, 1, 12, True) == OffsetOutOfRange(13, 0, 12)
    assert first_offset(log, 7) == 6


def test_sync_jobs_name_what_was_written() -> None:
    log = open_log(memory())
    append(log, [b"x"])
    job = log.sync_job()
    names = {file.path.rpartition("/")[2] for file in job.files}
    assert names == {"00000000000000000000.log", "leader-epoch-checkpoint"}
    assert (job.directories, job.offset) == ([DIRECTORY, "/data"], 1)
    append(log, [b"y"])
    log.synced(job.offset)
    assert log.synced_offset == 1
    again = log.sync_job()
    assert [file.path for file in again.files] == [f"{DIRECTORY}/00000000000000000000.log"]
    assert (again.directories, again.offset) == ([], 2)
    log.roll(NOW)
    rolled = log.sync_job()
    assert {file.path.rpartition(".")[2] for file in rolled.files} == {
        "log",
        "index",
        "timeindex",
        "snapshot",
    }
    assert rolled.directories == [DIRECTORY]


def test_flush_messages_asks_for_a_sync() -> None:
    log = open_log(memory(), LogConfig(flush_messages=3))
    asked: list[int] = []
    log.wants_sync = lambda log, _now: asked.append(log.log_end_offset)
    for _ in range(3):
        append(log, [b"x"])
    assert asked == [3]
    log.sync()
    append(log, [b"x"])
    assert asked == [3]


def test_segments_are_not_preallocated() -> None:
    log = open_log(memory(), LogConfig(preallocate=True))
    append(log, [b"x"])
    assert log.size < 200


def test_a_segment_in_which_everything_was_compacted_away_is_passed_over() -> None:
    disk = memory()
    log = open_log(disk)
    for number in range(3):
        append(log, [b"%d" % number])
        log.roll(NOW)
    log.close()
    for suffix in ("log", "index", "timeindex"):
        disk.open(f"{DIRECTORY}/00000000000000000001.{suffix}").truncate(0)
    after = open_log(disk, replace(LogConfig(), cleanup_policy=frozenset({"compact"})), clean=True)
    assert first_offset(after, 1) == 2
    assert contents(after) == {0: b"0", 2: b"2"}
