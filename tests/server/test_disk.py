"""The real disk keeps the promises of the port."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from moldau.server.disk import OsDisk, syncfs_tells_errors
from moldau.storage.disk import DiskError, DiskFull, disk_error, read_file, replace_file


def test_files(tmp_path: Path) -> None:
    disk = OsDisk()
    path = f"{tmp_path}/file"
    with pytest.raises(DiskError, match=f"{path}: No such file"):
        disk.open(path)
    file = disk.open(path, create=True)
    file.append((b"one", memoryview(b"two")), 0)
    file.append((b"X",), 2)
    assert (file.pread(100, 1), file.size()) == (b"nXtwo", 6)
    file.sync()
    file.truncate(2)
    assert read_file(disk, path) == b"on"
    disk.rename(path, path + ".deleted")
    disk.remove(path + ".deleted")
    assert file.pread(2, 0) == b"on", "an open file outlives its name"


@pytest.mark.parametrize(
    ("release", "tells"),
    [
        ("6.18.44-fc", True),
        ("5.10.0-28-cloud-amd64", True),
        ("5.8.0", True),
        ("5.4.0-150-generic", False),
        ("4.18.0-553.el8_10.x86_64", False),
        ("", False),
    ],
)
def test_one_sync_for_all_is_not_trusted_where_it_hides_errors(release: str, tells: bool) -> None:
    assert syncfs_tells_errors(release) is tells


def test_descriptors_close_when_nobody_holds_the_file(tmp_path: Path) -> None:
    file = OsDisk().open(f"{tmp_path}/file", create=True)
    number = file.fileno()
    os.fstat(number)
    del file
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(number)


def test_directories(tmp_path: Path) -> None:
    disk = OsDisk()
    disk.mkdir(f"{tmp_path}/a/b")
    disk.mkdir(f"{tmp_path}/a/b")
    replace_file(disk, f"{tmp_path}/a/file", b"12345")
    disk.sync_dir(f"{tmp_path}/a")
    if disk.syncs_volumes:
        disk.sync_all(str(tmp_path))
    found = {entry.name: (entry.size, entry.is_directory) for entry in disk.list(f"{tmp_path}/a")}
    assert found["file"] == (5, False)
    assert found["b"][1]
    entry = disk.stat(f"{tmp_path}/a/file")
    assert entry is not None
    assert (entry.name, entry.size) == ("file", 5)
    assert disk.stat(f"{tmp_path}/none") is None
    with pytest.raises(DiskError, match="not empty"):
        disk.remove_dir(f"{tmp_path}/a")
    disk.remove_dir(f"{tmp_path}/a/b")
    total, usable = disk.space(str(tmp_path))
    assert total >= usable > 0


def test_a_lock_keeps_other_processes_out(tmp_path: Path) -> None:
    release = OsDisk().lock(f"{tmp_path}/.lock")
    assert release is not None
    other = (
        "from moldau.server.disk import OsDisk; import sys;"
        f"sys.exit(OsDisk().lock({f'{tmp_path}/.lock'!r}) is None)"
    )
    assert subprocess.run([sys.executable, "-c", other], check=False).returncode == 1
    release()
    assert subprocess.run([sys.executable, "-c", other], check=False).returncode == 0


def test_no_room_has_its_own_type() -> None:
    full = disk_error(OSError(errno.ENOSPC, "No space left on device"), "/x")
    assert isinstance(full, DiskFull)
    assert str(full) == "/x: No space left on device"
    assert type(disk_error(OSError(errno.EIO, "broken"), "/x")) is DiskError


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has /dev/full")
def test_a_full_device_says_so() -> None:
    file = OsDisk().open("/dev/full")
    with pytest.raises(DiskFull, match="/dev/full"):
        file.append((b"x",), 0)
