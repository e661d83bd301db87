"""Logs on a disk in memory, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from moldau.protocol.records import Record, build, iterate
from moldau.sim.disk import MemoryDisk
from moldau.storage.config import LogConfig
from moldau.storage.disk import Disk
from moldau.storage.handles import OpenFiles
from moldau.storage.log import Appended, Log

NOW = 1_700_000_000_000
DIRECTORY = "/data/t-0"


def ignore(_line: str) -> None:
    """A report that nobody reads."""


def open_log(
    disk: Disk,
    config: LogConfig | None = None,
    *,
    recovery_point: int = 0,
    log_start_offset: int = 0,
    clean: bool = False,
    report: Callable[[str], None] = ignore,
    directory: str = DIRECTORY,
) -> Log:
    return Log.open(
        OpenFiles(disk, limit=3),
        directory,
        "t",
        0,
        config or LogConfig(),
        NOW,
        recovery_point=recovery_point,
        log_start_offset=log_start_offset,
        clean=clean,
        report=report,
    )


def batch(
    values: Sequence[bytes | None],
    *,
    timestamp: int = NOW,
    codec: int = 0,
    key: bytes | None = b"k",
    producer: tuple[int, int, int] = (-1, -1, -1),
) -> bytes:
    """One batch; `producer` is id, epoch and first sequence."""
    records = [Record(0, timestamp + i, key, value) for i, value in enumerate(values)]
    return build(
        records,
        codec=codec,
        producer_id=producer[0],
        producer_epoch=producer[1],
        base_sequence=producer[2],
    )


def append(log: Log, values: Sequence[bytes | None], *, epoch: int = 0, now: int = NOW) -> Appended:
    result = log.append_as_leader(batch(values), epoch, now)
    assert isinstance(result, Appended), result
    return result


def contents(log: Log) -> dict[int, bytes | None]:
    """All that can be read, by offset."""
    return {
        record.offset: record.value
        for _, view in log.iterate(log.log_start_offset)
        for record in iterate(view)
        if record.offset >= log.log_start_offset
    }


def memory() -> MemoryDisk:
    disk = MemoryDisk()
    disk.mkdir("/data")
    return disk
