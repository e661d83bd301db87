"""Batches of the source made into one batch for the target: the same records, untouched wherever
that is possible.

A large batch passes as it is, compressed as it is; only its header is written anew. Small ones are
joined, because each batch costs two journeys, and written anew like those with holes (compaction)
and those with the broker's time in place of their own: then lengths, times and offset deltas
change, and what follows them in a record (key, value, headers) is copied.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from moldau.protocol.compression import Buffer, TooLargeDecompressed
from moldau.protocol.raw_records import RawRecord, pack, raw_records
from moldau.protocol.records import HEADER_SIZE, LOG_APPEND_TIME, BatchHeader, seal
from moldau.tools.mirror.offset_map import Break
from moldau.tools.mirror.visible import Piece

# From this size on a batch is worth its two journeys alone.
PASSES = 64 * 1024
# Opening more than this to join small batches is not worth it: such a batch passes.
OPENED = 16 << 20


class Payload(NamedTuple):
    """A batch that still lacks its producer. `breaks`: index of a record and its source offset,
    for the first and wherever offsets do not go on one by one."""

    header: BatchHeader
    records: Buffer
    breaks: list[Break]

    def sealed(self, producer_id: int, epoch: int, sequence: int) -> bytes:
        header = self.header._replace(
            producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence
        )
        return seal(header, self.records)


def take(pieces: deque[Piece], most_bytes: int, most_records: int | None = None) -> Payload | None:
    """The next batch, taken out of `pieces`; None when they hold no record that is wanted.

    `most_bytes` bounds what is joined; a piece that is larger goes alone. Raises CorruptBatch.
    """
    if not pieces:
        return None
    piece = pieces[0]
    fits = most_records is None or piece.header.count <= most_records
    if fits and passes(piece) and (piece.header.size >= PASSES or not _joins(pieces, most_bytes)):
        return _as_it_is(pieces.popleft())
    try:
        return _written_anew(pieces, most_bytes, most_records)
    except TooLargeDecompressed:
        if not fits or not passes(piece):
            raise
        return _as_it_is(pieces.popleft())


def passes(piece: Piece) -> bool:
    """Can the batch be appended as it is? Yes, when all of it is wanted, its offsets have no holes
    and its records carry their own times."""
    header = piece.header
    return (
        header.base_offset >= piece.start
        and header.count == header.last_offset_delta + 1
        and not header.attributes & LOG_APPEND_TIME
    )


def _joins(pieces: deque[Piece], most_bytes: int) -> bool:
    """Is the second piece small enough to be joined with the first?"""
    if len(pieces) < 2:
        return False
    first, second = pieces[0].header, pieces[1].header
    return (
        second.codec == first.codec
        and second.size < PASSES
        and first.size + second.size <= most_bytes
    )


def _as_it_is(piece: Piece) -> Payload:
    # Only the codec is left of the attributes: transactions and the time of deletion are matters
    # of the log where the batch lay.
    header = piece.header._replace(base_offset=0, leader_epoch=-1, attributes=piece.header.codec)
    return Payload(header, piece.data[HEADER_SIZE:], [(0, piece.header.base_offset)])


def _written_anew(
    pieces: deque[Piece], most_bytes: int, most_records: int | None
) -> Payload | None:
    records: list[RawRecord] = []
    size = 0
    codec = pieces[0].header.codec
    while pieces and (most_records is None or len(records) < most_records):
        header, data, start = pieces[0]
        if records and (
            header.codec != codec or header.size >= PASSES or size + header.size > most_bytes
        ):
            break
        found = raw_records(header, data, OPENED)
        if header.base_offset < start:
            found = [record for record in found if record.offset >= start]
        pieces.popleft()
        size += header.size
        records += found
    if most_records is not None and len(records) > most_records:
        # `header` and `data` are those of the piece that was taken last.
        pieces.appendleft(Piece(header, data, records[most_records].offset))
        del records[most_records:]
    return Payload(*pack(records, codec), _breaks(records)) if records else None


def _breaks(records: list[RawRecord]) -> list[Break]:
    breaks: list[Break] = []
    expected = -1
    for index, record in enumerate(records):
        if record.offset != expected:
            breaks.append((index, record.offset))
        expected = record.offset + 1
    return breaks
