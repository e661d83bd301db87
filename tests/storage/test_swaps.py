"""A folder whose cleaner was killed in the middle: as Apache Kafka's loader takes it."""

from __future__ import annotations

import pytest

from moldau.sim.disk import MemoryDisk
from moldau.storage.config import LogConfig
from moldau.storage.disk import read_file
from tests.storage.logs import DIRECTORY, append, contents, memory, open_log

SMALL = LogConfig(segment_bytes=250, cleanup_policy=frozenset({"compact"}))


def three_segments() -> tuple[MemoryDisk, list[str]]:
    """Offsets 0-2, 3-5 and 6-8; the names of the segments without their suffix."""
    disk = memory()
    log = open_log(disk, SMALL)
    for number in range(9):
        append(log, [b"%d" % number])
    log.close()
    stems = sorted(
        one.name.removesuffix(".log") for one in disk.list(DIRECTORY) if one.name.endswith(".log")
    )
    assert [int(stem) for stem in stems] == [0, 3, 6]
    return disk, stems


def put(disk: MemoryDisk, name: str, content: bytes) -> None:
    file = disk.open(f"{DIRECTORY}/{name}", create=True)
    file.truncate(0)
    file.append((content,), 0)


def cleaned_of(disk: MemoryDisk, stems: list[str]) -> bytes:
    """What a cleaner makes of the first two segments: records 2 and 5 are left."""
    parts = []
    for stem in stems[:2]:
        content = read_file(disk, f"{DIRECTORY}/{stem}.log")
        parts.append(content[len(content) // 3 * 2 :])
    return b"".join(parts)


KEPT = {2: b"2", 5: b"5", 6: b"6", 7: b"7", 8: b"8"}


@pytest.mark.parametrize("removed", [0, 1, 2], ids=["no", "one", "both"])
@pytest.mark.parametrize("clean", [True, False])
def test_a_whole_swap_replaces_what_it_was_made_of(removed: int, clean: bool) -> None:
    """Whether or not the cleaner had come to remove the old segments: with both removed the
    records are in the .swap file and nowhere else."""
    disk, stems = three_segments()
    put(disk, f"{stems[0]}.log.swap", cleaned_of(disk, stems))
    put(disk, f"{stems[0]}.index.swap", b"")
    put(disk, f"{stems[0]}.timeindex.swap", b"")
    for stem in stems[:removed]:
        for suffix in (".log", ".index", ".timeindex"):
            disk.rename(f"{DIRECTORY}/{stem}{suffix}", f"{DIRECTORY}/{stem}{suffix}.deleted")
    said: list[str] = []
    log = open_log(disk, SMALL, clean=clean, report=said.append)
    assert contents(log) == KEPT
    assert "completed" in said[0]
    assert append(log, [b"9"]).first_offset == 9
    assert not [one.name for one in disk.list(DIRECTORY) if ".swap" in one.name]


def test_a_swap_whose_set_is_not_whole_is_dropped() -> None:
    disk, stems = three_segments()
    put(disk, f"{stems[0]}.log.swap", cleaned_of(disk, stems))
    put(disk, f"{stems[0]}.log.cleaned", b"half")
    log = open_log(disk, SMALL)
    assert contents(log) == {n: b"%d" % n for n in range(9)}
    assert not [one.name for one in disk.list(DIRECTORY) if ".swap" in one.name]


def test_a_renamed_log_whose_index_is_still_a_swap() -> None:
    """Between two of the last renames."""
    disk, stems = three_segments()
    put(disk, f"{stems[0]}.log", cleaned_of(disk, stems))
    put(disk, f"{stems[0]}.index.swap", b"")
    for suffix in (".log", ".index", ".timeindex"):
        disk.remove(f"{DIRECTORY}/{stems[1]}{suffix}")
    assert contents(open_log(disk, SMALL)) == KEPT


def test_a_damaged_swap_is_left_alone() -> None:
    disk, stems = three_segments()
    put(disk, f"{stems[0]}.log.swap", b"\xff" * 200)
    said: list[str] = []
    log = open_log(disk, SMALL, report=said.append)
    assert contents(log) == {n: b"%d" % n for n in range(9)}
    assert "damaged; it is left alone" in said[0]
