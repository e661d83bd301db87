"""What read_committed shows of a fetch answer."""

from __future__ import annotations

import pytest

from moldau.client.batches import Fetched
from moldau.protocol.messages.fetch import AbortedTransaction
from moldau.protocol.records import CorruptBatch, Record, build, iterate
from moldau.tools.mirror.visible import visible

ABORT, COMMIT = b"\0\0\0\0", b"\0\0\0\1"


def data(offset: int, producer: int, *, transactional: bool = True, count: int = 1) -> bytes:
    records = [Record(0, 1, None, b"%d" % (offset + i)) for i in range(count)]
    return build(
        records,
        base_offset=offset,
        producer_id=producer,
        producer_epoch=0,
        base_sequence=0,
        transactional=transactional,
    )


def marker(offset: int, producer: int, kind: bytes) -> bytes:
    return build(
        [Record(0, 1, kind, b"\0\0\0\0\0\0")],
        base_offset=offset,
        producer_id=producer,
        producer_epoch=0,
        transactional=True,
        control=True,
    )


def shown(fetched: Fetched, start: int) -> tuple[list[int], int]:
    found = visible(fetched, start)
    values = [
        int(record.value or b"")
        for piece in found.pieces
        for record in iterate(piece.data)
        if record.offset >= piece.start
    ]
    return values, found.next_offset


def fetched(records: bytes, *aborted: tuple[int, int]) -> Fetched:
    listed = [AbortedTransaction(producer_id=p, first_offset=o) for p, o in aborted]
    return Fetched(0, 0, 99, 99, listed, memoryview(records))


def test_aborted_transactions_among_committed_ones() -> None:
    log = (
        data(0, 1)
        + data(1, 2)
        + data(2, -1, transactional=False)
        + data(3, 1)
        + marker(4, 1, ABORT)
        + data(5, 2)
        + data(6, 1)
        + marker(7, 2, COMMIT)
        + marker(8, 1, COMMIT)
        + data(9, 2)
        + marker(10, 2, ABORT)
    )
    # The broker may list them in any order.
    assert shown(fetched(log, (2, 9), (1, 0)), 0) == ([1, 2, 5, 6], 11)
    assert shown(fetched(log, (2, 9), (1, 0)), 2) == ([2, 5, 6], 11)


def test_a_batch_that_begins_before_what_is_wanted_and_one_that_is_cut_off() -> None:
    log = data(0, -1, transactional=False, count=5) + data(5, -1, transactional=False)
    assert shown(fetched(log), 3) == ([3, 4, 5], 6)
    assert shown(fetched(log[:-1]), 3) == ([3, 4], 5)
    assert shown(fetched(b""), 3) == ([], 3)


def test_an_old_format_is_refused_with_a_sentence() -> None:
    old = bytearray(data(0, -1))
    old[16] = 1
    with pytest.raises(CorruptBatch, match="magic 1"):
        visible(fetched(bytes(old)), 0)
