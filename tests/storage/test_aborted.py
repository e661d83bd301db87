"""Aborted transactions in a log that Apache Kafka wrote: who reads committed records is told."""

from __future__ import annotations

from random import Random

import pytest

from moldau.protocol.files import ABORTED_ENTRY
from moldau.protocol.records import Record, build
from moldau.server.disk import OsDisk
from moldau.sim.disk import MemoryDisk
from moldau.storage.aborted import AbortedTransaction
from moldau.storage.config import LogConfig
from moldau.storage.log import Appended, Log, Origin, Slice
from tests.storage.logs import DIRECTORY, NOW, memory, open_log

SMALL = LogConfig(segment_bytes=600, index_interval_bytes=100)
ABORT, COMMIT = b"\0\0\0\0", b"\0\0\0\1"


class Writer:
    """Transactions as a coordinator and its producers write them, and what is known of them."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.begun: dict[int, int] = {}
        self.sequences: dict[int, int] = {}
        self.aborted: list[AbortedTransaction] = []

    def write(self, producer: int | None = None) -> int:
        """A record, in the producer's transaction."""
        number = -1 if producer is None else self.sequences.get(producer, 0)
        data = build(
            [Record(0, NOW, b"k", b"v" * 20)],
            producer_id=-1 if producer is None else producer,
            producer_epoch=-1 if producer is None else 0,
            base_sequence=number,
            transactional=producer is not None,
        )
        offset = self._append(data)
        if producer is not None:
            self.sequences[producer] = number + 1
            self.begun.setdefault(producer, offset)
        return offset

    def end(self, producer: int, kind: bytes) -> None:
        data = build(
            [Record(0, NOW, kind, b"\0\0\0\0\0\x01")],
            producer_id=producer,
            producer_epoch=0,
            transactional=True,
            control=True,
        )
        offset = self._append(data)
        first = self.begun.pop(producer, None)
        if first is not None and kind == ABORT:
            stable = min(self.begun.values(), default=offset + 1)
            self.aborted.append(AbortedTransaction(producer, first, offset, stable))

    def _append(self, data: bytes) -> int:
        result = self.log.append_as_leader(data, 0, NOW, Origin.COORDINATOR)
        assert isinstance(result, Appended), result
        return result.first_offset


def told(log: Log, offset: int, size: int = 1) -> list[AbortedTransaction]:
    found = log.read(offset, size, log.log_end_offset, True)
    assert isinstance(found, Slice)
    return log.aborted_transactions(offset, found)


def indexes(disk: MemoryDisk) -> dict[str, bytes]:
    return {
        one.name: disk.open(f"{DIRECTORY}/{one.name}").pread(one.size, 0)
        for one in disk.list(DIRECTORY)
        if one.name.endswith(".txnindex")
    }


def test_an_aborted_transaction_is_told_to_its_readers() -> None:
    disk = memory()
    writer = Writer(open_log(disk))
    writer.write()
    for producer in (1, 2):
        writer.write(producer)
    writer.end(2, COMMIT)
    writer.end(1, ABORT)
    writer.write()
    log = open_log(disk.kill())
    assert told(log, 0, 1 << 20) == writer.aborted == [AbortedTransaction(1, 1, 4, 5)]
    assert told(log, 4) == writer.aborted
    assert told(log, 5) == []


def test_who_reads_before_a_marker_is_told_of_it_though_it_is_segments_later() -> None:
    disk = memory()
    writer = Writer(open_log(disk, SMALL))
    first = writer.write(7)
    for _ in range(40):
        writer.write()
    writer.end(7, ABORT)
    log = open_log(disk.kill(), SMALL)
    assert len([one for one in disk.list(DIRECTORY) if one.name.endswith(".log")]) > 3
    assert told(log, first) == writer.aborted
    assert told(log, first + 20) == writer.aborted


def test_transactions_without_records_or_with_a_commit_leave_no_index() -> None:
    disk = memory()
    writer = Writer(open_log(disk))
    writer.end(1, ABORT)
    writer.write(2)
    writer.end(2, COMMIT)
    after = disk.kill()
    assert told(open_log(after), 0, 1 << 20) == []
    assert indexes(after) == {}


@pytest.mark.parametrize("seed", range(20))
def test_random_transactions(seed: int) -> None:
    """Against what was written: every reader is told of all that overlaps what it reads, of
    nothing that ended before, and an unclean start makes the index again."""
    dice = Random(seed)
    disk = memory()
    writer = Writer(open_log(disk, SMALL))
    for _ in range(dice.randrange(20, 150)):
        if writer.begun and dice.random() < 0.3:
            writer.end(dice.choice([*writer.begun]), dice.choice((ABORT, COMMIT)))
        else:
            writer.write(dice.choice((None, 1, 2, 3)))
    log = open_log(disk.kill(), SMALL)
    for offset in range(log.log_end_offset):
        found = told(log, offset)
        assert found == sorted(set(found), key=lambda one: one.last_offset)
        assert set(found) <= set(writer.aborted)
        needed = [a for a in writer.aborted if a.first_offset <= offset <= a.last_offset]
        assert set(needed) <= set(found)
        assert all(one.last_offset >= offset for one in found)
    assert log.first_unstable_offset() == min(writer.begun.values(), default=None)


@pytest.mark.parametrize("clean", [True, False])
def test_the_index_is_believed_only_after_a_clean_stop(clean: bool) -> None:
    disk = memory()
    writer = Writer(open_log(disk))
    for producer in (1, 2, 3):
        writer.write(producer)
        writer.end(producer, ABORT)
    after = disk.kill()
    open_log(after).close()
    ((name, content),) = indexes(after).items()
    assert content == b"".join(ABORTED_ENTRY.pack(0, *one) for one in writer.aborted)
    after.open(f"{DIRECTORY}/{name}").truncate(ABORTED_ENTRY.size + 7)
    log = open_log(after, clean=clean)
    assert told(log, 0, 1 << 20) == writer.aborted[: 1 if clean else 3]


def test_recovery_begins_with_what_the_snapshot_knows_of_open_transactions() -> None:
    disk = memory()
    writer = Writer(open_log(disk, SMALL))
    writer.write(5)
    for _ in range(20):
        writer.write()
    writer.log.roll(NOW)
    writer.write(6)
    writer.end(5, ABORT)
    writer.end(6, ABORT)
    log = open_log(disk.kill(), SMALL, recovery_point=writer.log.log_end_offset - 3)
    assert told(log, 0) == writer.aborted[:1]
    assert told(log, log.log_end_offset - 2) == writer.aborted


def test_truncation_forgets_later_markers() -> None:
    disk = memory()
    writer = Writer(open_log(disk))
    for producer in (1, 2, 3):
        writer.write(producer)
        writer.end(producer, ABORT)
    log = open_log(disk.kill())
    log.truncate_to(writer.aborted[1].last_offset)
    assert told(log, 0, 1 << 20) == writer.aborted[:1]
    assert log.first_unstable_offset() == writer.aborted[1].first_offset


def test_an_index_that_is_read_in_chunks(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = str(tmp_path_factory.mktemp("log") / "t-0")
    log = open_log(OsDisk(), directory=directory)
    writer = Writer(log)
    for producer in range(600):
        writer.write(producer)
        writer.end(producer, ABORT)
    log = open_log(OsDisk(), directory=directory)
    assert told(log, 0, 1 << 20) == writer.aborted
    assert told(log, 1001)[0] == writer.aborted[500]
