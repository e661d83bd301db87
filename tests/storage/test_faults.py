"""What the log does when the disk fails, at every single write, and when files are damaged."""

from __future__ import annotations

from random import Random

import pytest

from moldau.protocol.errors import ErrorCode
from moldau.protocol.records import parse_header
from moldau.sim.disk import MemoryDisk
from moldau.storage.config import LogConfig
from moldau.storage.disk import DiskError
from moldau.storage.log import Appended, CorruptLog, Log, OffsetOutOfRange, Refused
from tests.storage.logs import DIRECTORY, NOW, append, batch, contents, memory, open_log

SMALL = LogConfig(segment_bytes=600, index_interval_bytes=100)
SEGMENT = f"{DIRECTORY}/00000000000000000000.log"


def filled(disk: MemoryDisk, batches: int = 12, config: LogConfig = SMALL) -> Log:
    log = open_log(disk, config)
    for number in range(batches):
        append(log, [b"%d" % (2 * number), b"%d" % (2 * number + 1)])
    return log


def values(count: int) -> dict[int, bytes]:
    return {offset: b"%d" % offset for offset in range(count)}


def damage(disk: MemoryDisk, path: str, position: int, data: bytes = b"\xff") -> None:
    disk.open(path).append((data,), position)


@pytest.mark.parametrize("room", range(0, 400, 7))
def test_a_full_disk_refuses_keeps_reading_and_recovers(room: int) -> None:
    disk = memory()
    log = filled(disk)
    before = log.log_end_offset
    disk.room = room
    appended = 0
    refused = None
    while refused is None:
        result = log.append_as_leader(batch([b"x"]), 0, NOW)
        if isinstance(result, Refused):
            refused = result
        else:
            appended += 1
    assert refused.code == ErrorCode.KAFKA_STORAGE_ERROR
    assert "No space left" in refused.message
    assert DIRECTORY in refused.message
    assert contents(log) == values(before) | {before + i: b"x" for i in range(appended)}
    disk.room = None
    assert append(log, [b"again"]).first_offset == before + appended
    assert list(contents(log).values())[-1] == b"again"
    again = open_log(disk.kill(), SMALL)
    assert contents(again) == contents(log)


def test_a_failed_write_leaves_nothing_behind_the_end_after_a_clean_stop() -> None:
    disk = memory()
    log = filled(disk, 1, LogConfig())
    size = disk.open(SEGMENT).size()
    disk.room = 10
    assert isinstance(log.append_as_leader(batch([b"x"]), 0, NOW), Refused)
    assert disk.open(SEGMENT).size() > size
    disk.room = None
    log.close()
    assert disk.open(SEGMENT).size() == size


def test_every_failing_operation_is_an_answer_and_never_a_wrong_log() -> None:
    """Fails the n-th disk operation of a run of appends, for every n."""
    script = filled(memory())
    total = 200
    for failing in range(total):
        disk = memory()
        log = open_log(disk, SMALL)
        start = disk.operations
        disk.fails = lambda _name, _path, disk=disk, at=start + failing: disk.operations == at  # type: ignore[misc]
        kept = []
        for number in range(12):
            result = log.append_as_leader(batch([b"%d" % number]), 0, NOW)
            if isinstance(result, Appended):
                kept.append(b"%d" % number)
            else:
                assert result.code == ErrorCode.KAFKA_STORAGE_ERROR
        assert list(contents(log).values()) == kept
        assert len(kept) >= 11
        if disk.operations < start + failing:
            break
        assert list(contents(open_log(disk.kill(), SMALL)).values()) == kept
    else:
        pytest.fail(f"the run takes more than {total} operations")
    assert script.log_end_offset == 24


@pytest.mark.parametrize("seed", range(40))
def test_a_crash_keeps_what_was_synced_and_order(seed: int) -> None:
    dice = Random(seed)
    disk = memory()
    log = open_log(disk, SMALL)
    for number in range(30):
        append(log, [b"%d" % number])
        if dice.random() < 0.2:
            log.sync()
    synced = log.synced_offset
    after = open_log(disk.crash(dice), SMALL, recovery_point=synced)
    assert synced <= after.log_end_offset <= 30
    found = contents(after)
    assert found == {o: v for o, v in values(after.log_end_offset).items() if o in found}
    assert len(found) == after.log_end_offset - after.log_start_offset
    assert after.log_start_offset <= synced


@pytest.mark.parametrize("lost", range(1, 160, 3))
def test_a_torn_tail_is_cut(lost: int) -> None:
    disk = memory()
    filled(disk, 4, LogConfig())
    file = disk.open(SEGMENT)
    size = file.size()
    file.truncate(size - lost)
    lines: list[str] = []
    log = open_log(disk, report=lines.append)
    whole = (size - lost) // (size // 4)
    assert contents(log) == values(2 * whole)
    assert file.size() == whole * size // 4
    if (size - lost) % (size // 4):
        assert any(SEGMENT in line and "cut at byte" in line for line in lines)
    append(log, [b"next"])
    assert log.log_end_offset == 2 * whole + 1


def test_what_lies_before_the_recovery_point_is_not_scanned() -> None:
    """Damage there is for readers to find; nothing after it is lost."""
    disk = memory()
    log = filled(disk, 12, LogConfig(index_interval_bytes=0))
    log.sync()
    log.checkpoint()
    damage(disk, SEGMENT, 70)  # in the first batch
    after = open_log(disk.kill(), LogConfig(index_interval_bytes=0), recovery_point=22)
    assert after.log_end_offset == 24


def test_zeros_behind_the_end_are_cut() -> None:
    disk = memory()
    log = filled(disk, 2, LogConfig())
    damage(disk, SEGMENT, disk.open(SEGMENT).size(), bytes(4096))
    assert contents(open_log(disk)) == contents(log)


def test_damage_in_the_unsynced_middle_cuts_there_and_says_what_is_lost() -> None:
    disk = memory()
    log = filled(disk)
    second = f"{DIRECTORY}/{log._bases[1]:020d}.log"
    damage(disk, second, 30)  # the attributes of its first batch
    lines: list[str] = []
    after = open_log(disk, SMALL, report=lines.append)
    assert contents(after) == values(log._bases[1])
    assert any(second in line and "later segments" in line for line in lines)
    assert any("checksum" in line for line in lines)


@pytest.mark.parametrize("clean", [True, False])
def test_what_was_synced_and_is_damaged_is_cut_kept_beside_and_said(clean: bool) -> None:
    disk = memory()
    log = filled(disk)
    bases = log._bases
    log.close()
    second, third = (f"{DIRECTORY}/{base:020d}.log" for base in bases[-2:])
    hurt = third if clean else second
    at = parse_header(disk.open(hurt).pread(61, 0)).size
    damage(disk, hurt, at + 16)  # the magic of its second batch
    whole = {path: disk.open(path).pread(10_000, 0) for path in (second, third)}
    for base in bases[-2:]:
        for suffix in ("index", "timeindex"):
            disk.remove(f"{DIRECTORY}/{base:020d}.{suffix}")
    lines: list[str] = []
    point = 24 if clean else bases[-2] + 3
    after = open_log(disk, SMALL, recovery_point=point, clean=clean, report=lines.append)
    end = after.log_end_offset
    assert end == (bases[-1] if clean else bases[-2]) + 2
    assert contents(after) == values(end)
    assert disk.open(f"{hurt}.damaged").pread(10_000, 0) == whole[hurt][at:]
    if not clean:
        assert disk.open(f"{third}.damaged").pread(10_000, 0) == whole[third]
    assert any(
        f"the log ends at offset {end}, and was on the disk up to {point}" in x for x in lines
    )
    assert contents(open_log(disk.kill(), SMALL)) == values(end)


def test_an_end_that_is_missing_is_said() -> None:
    """Whole batches were cut off a stopped log: nothing else would show it."""
    disk = memory()
    log = filled(disk, 4, LogConfig())
    log.close()
    file = disk.open(SEGMENT)
    file.truncate(file.size() // 2)
    lines: list[str] = []
    assert open_log(disk, recovery_point=8, clean=True, report=lines.append).log_end_offset == 4
    assert any("the log ends at offset 4, and was on the disk up to 8" in line for line in lines)


def test_a_damaged_header_in_an_old_segment_is_named_and_the_rest_stays_readable() -> None:
    disk = memory()
    log = filled(disk)
    log.close()
    damage(disk, SEGMENT, 16, b"\x07")  # the magic of the first batch
    lines: list[str] = []
    after = open_log(disk, SMALL, clean=True, report=lines.append)
    assert after.log_end_offset == 24
    with pytest.raises(CorruptLog, match="magic 7"):
        after.read(0, 1000, 24, True)
    assert any(SEGMENT in line and "byte 0" in line for line in lines)
    later = after.read(log._bases[1], 1000, 24, True)
    assert not isinstance(later, OffsetOutOfRange)
    assert later.size > 0
    append(after, [b"goes on"])


@pytest.mark.parametrize("suffix", ["index", "timeindex"])
@pytest.mark.parametrize("content", [None, b"", b"\xff" * 80, bytes(80), b"\x00" * 7])
@pytest.mark.parametrize("clean", [True, False])
def test_a_missing_or_damaged_index_is_made_again(
    suffix: str, content: bytes | None, clean: bool
) -> None:
    disk = memory()
    log = filled(disk)
    before = [log.offset_for_timestamp(NOW), log.max_timestamp()]
    log.close()
    for base in log._bases:
        path = f"{DIRECTORY}/{base:020d}.{suffix}"
        disk.remove(path)
        if content is not None:
            disk.open(path, create=True).append((content,), 0)
    after = open_log(disk, SMALL, clean=clean)
    assert contents(after) == values(24)
    for offset in range(24):
        found = after.read(offset, 10_000, 24, True)
        assert not isinstance(found, OffsetOutOfRange)
        assert found.size
    assert [after.offset_for_timestamp(NOW), after.max_timestamp()] == before


def test_an_index_that_points_to_the_wrong_batches_is_found_by_the_reader() -> None:
    disk = memory()
    config = LogConfig(index_interval_bytes=0)
    log = filled(disk, 12, config)
    log.close()
    index = disk.open(f"{DIRECTORY}/00000000000000000000.index")
    entries = index.pread(index.size(), 0)
    index.append((entries[0:4] + entries[12:16] + entries[8:],), 0)  # 3 is where 5 is
    lines: list[str] = []
    after = open_log(disk, config, clean=True, report=lines.append)
    for offset in range(24):
        found = after.read(offset, 1, 24, True)
        assert not isinstance(found, OffsetOutOfRange)
        assert int.from_bytes(found.read()[:8], "big") == offset // 2 * 2
    assert any("was wrong" in line for line in lines)


@pytest.mark.parametrize("clean", [True, False])
def test_a_damaged_snapshot_of_producers_falls_back_to_the_log(clean: bool) -> None:
    disk = memory()
    log = open_log(disk)
    for sequence in range(3):
        log.append_as_leader(batch([b"x"], producer=(9, 0, sequence)), 0, NOW)
    log.close()
    damage(disk, f"{DIRECTORY}/00000000000000000003.snapshot", 12)
    after = open_log(disk, clean=clean)
    assert after.active_producers()[0].last_sequence == 2


def test_files_that_are_named_like_none_of_ours_are_left_alone() -> None:
    disk = memory()
    filled(disk, 2)
    for name in ("notes.snapshot", "notes.log", "README"):
        disk.open(f"{DIRECTORY}/{name}", create=True)
    assert contents(open_log(disk.kill(), SMALL)) == values(4)


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("content", [None, b"0\n2", b"\xff\x00" * 20])
def test_a_lost_epoch_checkpoint_is_made_again_from_the_log(
    content: bytes | None, clean: bool
) -> None:
    """Consumers that ask for an epoch that is not known reset themselves."""
    path = f"{DIRECTORY}/leader-epoch-checkpoint"
    disk = memory()
    log = open_log(disk, SMALL)
    for number in range(12):
        append(log, [b"%d" % number], epoch=3 + number // 4)
    log.close()
    whole = disk.open(path).pread(1000, 0)
    disk.remove(path)
    if content is not None:
        disk.open(path, create=True).append((content,), 0)
    after = open_log(disk if clean else disk.kill(), SMALL, recovery_point=11, clean=clean)
    assert [after.epoch_of(offset) for offset in (0, 3, 4, 8, 11)] == [3, 3, 4, 5, 5]
    assert after.end_offset_for_epoch(4) == (4, 8)
    assert after._files.get(path).pread(1000, 0) == whole


@pytest.mark.parametrize("failing", [".snapshot.tmp", ".index", ".timeindex", "8.log"])
def test_a_roll_that_fails_leaves_nothing_that_hides_what_is_written_after_it(
    failing: str,
) -> None:
    disk = memory()
    config = LogConfig(segment_bytes=1000)
    log = open_log(disk, config)
    while log.log_end_offset < 8:
        append(log, [b"x"])
    disk.fails = lambda _name, path: path.endswith(failing)
    large = log.append_as_leader(batch([b"large" * 100]), 0, NOW)
    assert isinstance(large, Refused)
    disk.fails = lambda _name, _path: False
    assert append(log, [b"small"]).first_offset == 8  # there is room for it in the old segment
    append(log, [b"small"])
    assert open_log(disk.kill(), config).log_end_offset == 10
    log.close()
    assert open_log(disk, config, clean=True).log_end_offset == 10


def test_a_failed_sync_is_an_error() -> None:
    disk = memory()
    log = filled(disk)
    disk.fails = lambda operation, _path: operation == "sync"
    with pytest.raises(DiskError, match="Input/output error"):
        log.sync()
    assert log.synced_offset == 0


def test_a_full_disk_keeps_no_old_segment_from_going() -> None:
    """Or it would stay full: what is to make room needs none."""
    disk = memory()
    log = filled(disk)
    bases = list(log._bases)
    log.reconfigure(LogConfig(segment_bytes=600, retention_bytes=0, file_delete_delay_ms=0))
    disk.room = 0
    with pytest.raises(DiskError, match="No space"):
        log.apply_retention(NOW)  # the newest needs a successor
    log.remove_doomed(NOW)
    assert log._bases == bases[-1:]
    assert log.log_start_offset == bases[-1]
    assert not [one.name for one in disk.list(DIRECTORY) if one.name.startswith(f"{bases[0]:020d}")]
    assert contents(open_log(disk.kill(), SMALL)) == contents(log)
    disk.room = None
    log.apply_retention(NOW)
    log.remove_doomed(NOW)
    assert (log.log_start_offset, log.size) == (24, 0)


def test_files_that_cannot_be_removed_are_tried_again() -> None:
    disk = memory()
    log = filled(disk)
    log.reconfigure(LogConfig(segment_bytes=600, retention_bytes=0, file_delete_delay_ms=0))
    log.apply_retention(NOW)
    disk.fails = lambda name, path: name == "remove" and path.endswith(".log.deleted")
    for _ in range(3):
        with pytest.raises(DiskError):
            log.remove_doomed(NOW)
    disk.fails = lambda _name, _path: False
    assert log.remove_doomed(NOW) is None
    assert not [one.name for one in disk.list(DIRECTORY) if one.name.endswith(".deleted")]
