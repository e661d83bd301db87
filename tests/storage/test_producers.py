"""Idempotence: what is a repetition, what is a gap, and what survives a restart."""

from __future__ import annotations

import pytest

from moldau.protocol.records import Record, build
from moldau.storage.config import LogConfig
from moldau.storage.log import Appended, Log, Origin, Refused
from tests.storage.logs import DIRECTORY, NOW, batch, memory, open_log

PRODUCER = 77
LAST = 0x7FFFFFFF


def send(log: Log, epoch: int, sequence: int, count: int = 1, now: int = NOW) -> str | int:
    """The first offset, "again OFFSET", or the name of the error."""
    data = batch([b"x"] * count, producer=(PRODUCER, epoch, sequence), timestamp=now)
    result = log.append_as_leader(data, 0, now)
    if isinstance(result, Refused):
        return result.code.name
    return f"again {result.first_offset}" if result.duplicate else result.first_offset


GAP, FENCED = "OUT_OF_ORDER_SEQUENCE_NUMBER", "INVALID_PRODUCER_EPOCH"


@pytest.mark.parametrize(
    "script",
    [
        # (epoch, sequence, count) -> answer
        [((0, 0, 3), 0), ((0, 3, 2), 3), ((0, 5, 1), 5)],
        [((0, 0, 3), 0), ((0, 0, 3), "again 0"), ((0, 3, 1), 3)],
        [((0, 0, 1), 0), ((0, 2, 1), GAP), ((0, 1, 1), 1)],
        [((0, 5, 1), 0), ((0, 6, 1), 1)],  # an unknown producer may begin anywhere
        [((0, 0, 3), 0), ((0, 0, 2), GAP), ((0, 1, 2), GAP), ((0, 0, 4), GAP)],
        [*(((0, n, 1), n) for n in range(6)), ((0, 1, 1), "again 1"), ((0, 0, 1), GAP)],
        [((1, 0, 1), 0), ((0, 1, 1), FENCED), ((0, 0, 1), FENCED), ((1, 1, 1), 1)],
        [((0, 0, 1), 0), ((1, 1, 1), GAP), ((1, 0, 1), 1), ((1, 0, 1), "again 1")],
        [((0, 0, 1), 0), ((1, 0, 1), 1), ((0, 0, 1), FENCED)],
        [((0, LAST, 1), 0), ((0, 0, 1), 1), ((0, LAST, 1), "again 0"), ((0, 1, 1), 2)],
        [((0, LAST, 3), 0), ((0, LAST, 3), "again 0"), ((0, 2, 1), 3)],
    ],
)
def test_sequences(script: list[tuple[tuple[int, int, int], str | int]]) -> None:
    log = open_log(memory())
    answers = [send(log, *sent) for sent, _ in script]
    assert answers == [expected for _, expected in script]


def test_a_repetition_is_answered_with_both_offsets_and_writes_nothing() -> None:
    log = open_log(memory())
    data = batch([b"a", b"b"], producer=(PRODUCER, 0, 0))
    first = log.append_as_leader(data, 0, NOW)
    size = log.size
    again = log.append_as_leader(data, 0, NOW)
    assert isinstance(first, Appended)
    assert isinstance(again, Appended)
    assert (again.first_offset, again.last_offset, again.duplicate) == (0, 1, True)
    assert log.size == size


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("rolled", [True, False])
def test_producers_survive_a_restart(clean: bool, rolled: bool) -> None:
    disk = memory()
    log = open_log(disk)
    for sequence in range(0, 8, 2):
        send(log, 0, sequence, 2)
        if rolled:
            log.roll(NOW)
    if clean:
        log.close()
    after = open_log(disk if clean else disk.kill(), clean=clean)
    assert send(after, 0, 6, 2) == "again 6"
    assert send(after, 0, 9) == GAP
    assert send(after, 0, 8) == 8


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("segment_bytes", [1 << 20, 1])
def test_five_batches_are_remembered_over_a_restart(clean: bool, segment_bytes: int) -> None:
    """A snapshot holds one. But a producer that had five under way when the broker stopped sends
    all of them again, and gives up when the first is refused."""
    disk = memory()
    config = LogConfig(segment_bytes=max(segment_bytes, 500))
    log = open_log(disk, config)
    for sequence in range(9):
        send(log, 0, sequence)
        log.append_as_leader(batch([b"y" * 300], producer=(9, 0, sequence)), 0, NOW)
    log.roll(NOW)
    if clean:
        log.close()
    after = open_log(disk if clean else disk.kill(), config, clean=clean)
    assert send(after, 0, 9) == 18  # sent again behind a batch that had not arrived
    for sequence in range(5, 10):
        assert send(after, 0, sequence) == f"again {min(2 * sequence, 18)}"
    assert send(after, 0, 4) == GAP
    assert send(after, 0, 11) == GAP
    data = batch([b"y" * 300], producer=(9, 0, 4))
    again = after.append_as_leader(data, 0, NOW)
    assert isinstance(again, Appended)
    assert (again.first_offset, again.duplicate) == (9, True)


def test_truncation_forgets_what_was_cut() -> None:
    log = open_log(memory())
    for sequence in range(6):
        send(log, 0, sequence)
        log.roll(NOW)
    log.truncate_to(3)
    assert send(log, 0, 5) == GAP
    assert send(log, 0, 3) == 3


def test_a_checkpoint_takes_a_snapshot_when_a_restart_would_read_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("moldau.storage.log.SNAPSHOT_AFTER_BYTES", 100)
    disk = memory()
    log = open_log(disk)
    for sequence in range(6):
        send(log, 0, sequence)
        log.checkpoint()
    log.sync()
    found = [name for name in disk.synced_names() if name.endswith(".snapshot")]
    assert found == [f"{DIRECTORY}/00000000000000000006.snapshot"], "only the latest is kept"
    assert send(open_log(disk.kill()), 0, 5) == "again 5"


def test_silent_producers_expire() -> None:
    log = open_log(memory())
    log.producer_expiration_ms = 1000
    send(log, 0, 0)
    log.apply_retention(NOW + 999)
    assert [one.producer_id for one in log.active_producers()] == [PRODUCER]
    log.apply_retention(NOW + 1000)
    assert log.active_producers() == []
    assert send(log, 0, 9) == 1


def test_open_transactions_are_seen_until_their_marker() -> None:
    """Written by Apache Kafka, replayed here."""
    disk = memory()
    log = open_log(disk)
    data = build(
        [Record(0, NOW, b"k", b"v")],
        producer_id=PRODUCER,
        producer_epoch=2,
        base_sequence=0,
        transactional=True,
    )
    log.append_as_leader(data, 0, NOW, Origin.COORDINATOR)
    assert log.first_unstable_offset() == 0
    assert open_log(disk.kill()).first_unstable_offset() == 0
    marker = build(
        [Record(0, NOW, b"\0\0\0\1", b"\0\0\0\0\0\x09")],
        producer_id=PRODUCER,
        producer_epoch=2,
        transactional=True,
        control=True,
    )
    log.append_as_leader(marker, 0, NOW, Origin.COORDINATOR)
    assert log.first_unstable_offset() is None
    producer = open_log(disk.kill()).active_producers()[0]
    assert (producer.coordinator_epoch, producer.current_txn_start_offset) == (9, -1)
