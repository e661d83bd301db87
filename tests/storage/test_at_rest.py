"""A log that is only looked at: it says what an opened one would, and nothing changes."""

from __future__ import annotations

from random import Random

import pytest

from moldau.protocol.records import Record as LogRecord
from moldau.protocol.records import build, iterate
from moldau.sim.disk import MemoryDisk
from moldau.storage.at_rest import LogAtRest
from moldau.storage.config import LogConfig
from moldau.storage.disk import read_file
from moldau.storage.handles import OpenFiles
from moldau.storage.log import Log, Origin
from tests.storage.logs import DIRECTORY, NOW, append, batch, contents, memory, open_log

SMALL = LogConfig(segment_bytes=600, index_interval_bytes=100)


def at_rest(disk: MemoryDisk, start: int = 0) -> LogAtRest:
    return LogAtRest(OpenFiles(disk), DIRECTORY, start)


def found(log: LogAtRest, start: int = 0) -> dict[int, bytes | None]:
    return {
        record.offset: record.value
        for _, view in log.iterate(start)
        for record in iterate(view)
        if record.offset >= start
    }


def everything(disk: MemoryDisk) -> dict[str, bytes]:
    return {one.name: read_file(disk, f"{DIRECTORY}/{one.name}") for one in disk.list(DIRECTORY)}


def filled(batches: int = 20) -> tuple[MemoryDisk, Log]:
    disk = memory()
    log = open_log(disk, SMALL)
    for number in range(batches):
        data = batch([b"%d" % number] * (1 + number % 3), producer=(9, 0, 2 * number))
        log.append_as_leader(data, number // 7, NOW, Origin.COORDINATOR)
    return disk, log


@pytest.mark.parametrize("clean", [True, False])
def test_it_says_what_the_opened_log_says(clean: bool) -> None:
    disk, log = filled()
    if clean:
        log.close()
    disk = disk.kill()
    before = everything(disk)
    looked = at_rest(disk)
    assert found(looked) == contents(log)
    assert found(looked, 17) == {k: v for k, v in contents(log).items() if k >= 17}
    assert (looked.log_start_offset, looked.log_end_offset) == (0, log.log_end_offset)
    assert looked.size == log.size
    assert looked.damage is None
    assert looked.latest_epoch == log.latest_epoch
    assert looked.producers().active() == log.active_producers()
    assert everything(disk) == before


def test_start_that_a_checkpoint_knows() -> None:
    disk, _ = filled()
    assert at_rest(disk.kill(), 11).log_start_offset == 11


def test_empty_and_new_logs() -> None:
    disk = memory()
    disk.mkdir(DIRECTORY)
    looked = at_rest(disk)
    assert (looked.log_start_offset, looked.log_end_offset, looked.size) == (0, 0, 0)
    assert found(looked) == {}
    assert len(looked.producers()) == 0


@pytest.mark.parametrize("tail", [b"torn", bytes(500), b"\xff" * 90])
def test_torn_tail_ends_it(tail: bytes) -> None:
    disk, log = filled()
    end = log.log_end_offset
    disk = disk.kill()
    last = max(name for name in everything(disk) if name.endswith(".log"))
    path = f"{DIRECTORY}/{last}"
    disk.open(path).append((tail,), len(everything(disk)[last]))
    looked = at_rest(disk)
    assert looked.log_end_offset == end
    assert looked.damage is not None
    assert found(looked) == contents(log)


@pytest.mark.parametrize("seed", range(15))
def test_a_damaged_byte_ends_it_there_or_is_in_an_index(seed: int) -> None:
    """What it gives before the damage is what was written."""
    disk, log = filled()
    expected = contents(log)
    log.close()
    disk = disk.kill()
    dice = Random(seed)
    name = dice.choice([n for n in everything(disk) if n.endswith((".log", "index"))])
    content = everything(disk)[name]
    if not content:
        return
    at = dice.randrange(len(content))
    disk.open(f"{DIRECTORY}/{name}").append((bytes([content[at] ^ 0x55]),), at)
    looked = at_rest(disk)
    seen = found(looked)
    assert seen.items() <= expected.items()
    if name.endswith("index"):
        assert seen == expected
    elif seen != expected:
        assert looked.damage is not None


def test_interrupted_compaction_is_looked_at_as_if_it_were_completed() -> None:
    disk = memory()
    log = open_log(disk, LogConfig(segment_bytes=250))
    for number in range(9):
        append(log, [b"%d" % number])
    log.close()
    stems = sorted(n.removesuffix(".log") for n in everything(disk) if n.endswith(".log"))
    kept = build([LogRecord(0, NOW, b"k", b"2")], base_offset=2)
    swap = disk.open(f"{DIRECTORY}/{stems[0]}.log.swap", create=True)
    swap.append((kept,), 0)
    for suffix in (".log", ".index", ".timeindex"):  # removed already: the swap has it alone
        disk.remove(f"{DIRECTORY}/{stems[0]}{suffix}")
    before = everything(disk)
    looked = at_rest(disk)
    assert found(looked) == {2: b"2"} | {n: b"%d" % n for n in range(3, 9)}
    assert looked.log_end_offset == 9
    assert everything(disk) == before
