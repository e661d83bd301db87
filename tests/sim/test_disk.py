"""The disk in memory fails as real ones do."""

from __future__ import annotations

from random import Random

import pytest

from moldau.sim.disk import MemoryDisk
from moldau.storage.disk import DiskError, DiskFull, read_file, replace_file


def disk_with(content: bytes, *, synced: bool) -> MemoryDisk:
    disk = MemoryDisk()
    disk.mkdir("/d")
    file = disk.open("/d/f", create=True)
    file.append((content,), 0)
    if synced:
        file.sync()
        disk.sync_dir("/d")
    return disk


def after_crashes(disk: MemoryDisk) -> set[bytes | None]:
    found: set[bytes | None] = set()
    for seed in range(200):
        after = disk.crash(Random(seed))
        found.add(read_file(after, "/d/f") if after.stat("/d/f") else None)
    return found


def test_what_is_synced_survives_and_what_is_not_may_not() -> None:
    assert after_crashes(disk_with(b"abc", synced=True)) == {b"abc"}
    lost = {None, b"", b"a", b"ab"}
    zeros = {b"\0", b"\0\0", b"\0\0\0"}  # its size was written, its page was not
    assert after_crashes(disk_with(b"abc", synced=False)) == {b"abc"} | lost | zeros


def test_unsynced_bytes_behind_synced_ones_are_lost_kept_or_torn() -> None:
    disk = disk_with(b"a" * 5000, synced=True)
    disk.open("/d/f").append((b"b" * 9000,), 5000)
    found = {one for one in after_crashes(disk) if one is not None}
    assert all(one[:5000] == b"a" * 5000 for one in found)
    assert {len(one) for one in found} > {5000, 14000}
    assert any(b"\0" in one for one in found), "a page may be missing in the middle"


def test_a_lying_sync_keeps_nothing() -> None:
    disk = MemoryDisk()
    disk.loses_syncs = True
    disk.mkdir("/d")
    replace_file(disk, "/d/f", b"abc")
    assert None in after_crashes(disk)


def test_a_kill_keeps_everything_written() -> None:
    assert read_file(disk_with(b"abc", synced=False).kill(), "/d/f") == b"abc"


def test_a_removed_name_may_come_back_until_its_directory_is_synced() -> None:
    disk = disk_with(b"abc", synced=True)
    disk.remove("/d/f")
    assert after_crashes(disk) == {b"abc"}
    disk.sync_dir("/d")
    assert after_crashes(disk) == {None}


def test_a_full_disk_writes_what_fits() -> None:
    disk = disk_with(b"abc", synced=False)
    disk.room = 2
    with pytest.raises(DiskFull, match="/d/f"):
        disk.open("/d/f").append((b"xy", b"z"), 3)
    assert read_file(disk, "/d/f") == b"abcxy"
    disk.open("/d/f").append((b"ABC",), 0)
    assert read_file(disk, "/d/f") == b"ABCxy"


def test_chosen_operations_fail() -> None:
    disk = disk_with(b"abc", synced=False)
    disk.fails = lambda operation, path: operation == "sync" and path == "/d/f"
    with pytest.raises(DiskError, match="Input/output error"):
        disk.open("/d/f").sync()
    disk.sync_dir("/d")


def test_directories_and_locks() -> None:
    disk = disk_with(b"abc", synced=True)
    disk.mkdir("/d/sub")
    assert {(one.name, one.is_directory) for one in disk.list("/d")} == {
        ("f", False),
        ("sub", True),
    }
    disk.rename("/d", "/e")
    assert read_file(disk, "/e/f") == b"abc"
    with pytest.raises(DiskError):
        disk.remove_dir("/e")
    disk.remove("/e/f")
    release = disk.lock("/l")
    assert release is not None
    assert disk.lock("/l") is None
    release()
    assert disk.lock("/l") is not None
