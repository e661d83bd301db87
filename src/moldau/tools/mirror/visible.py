"""Which batches of a fetch answer a consumer would see: not markers, not what was aborted.

The rules of read_committed: Apache Kafka, clients/.../consumer/internals/CompletedFetch.java.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from moldau.client.batches import Fetched
from moldau.protocol.records import (
    BatchHeader,
    CorruptBatch,
    batches,
    iterate,
    parse_header,
)

_ABORT = b"\x00\x00"  # the type in a marker's key, behind its version


class Piece(NamedTuple):
    """A batch of which the records from offset `start` on are to be read."""

    header: BatchHeader
    data: memoryview
    start: int


class Visible(NamedTuple):
    """`next_offset`: where to go on reading, behind everything that was looked at."""

    pieces: list[Piece]
    next_offset: int


def visible(fetched: Fetched, start: int) -> Visible:
    """What `fetched`, asked for from `start` on, shows. Raises CorruptBatch."""
    aborted = sorted(fetched.aborted, key=lambda one: one.first_offset)
    open_ones: set[int] = set()
    pieces: list[Piece] = []
    position = start
    for header, data in _whole(fetched.records):
        while aborted and aborted[0].first_offset <= header.last_offset:
            open_ones.add(aborted.pop(0).producer_id)
        if header.is_control:
            if _is_abort(header, data):
                open_ones.discard(header.producer_id)
        elif header.count and header.last_offset >= start and not _aborted(header, open_ones):
            pieces.append(Piece(header, data, start))
        position = max(position, header.next_offset)
    return Visible(pieces, position)


def _whole(records: memoryview) -> Iterator[tuple[BatchHeader, memoryview]]:
    found = False
    for header, data in batches(records):
        found = True
        yield header, data
    if not found and len(records) >= 17:
        # The first batch is always sent whole, so what is there is no batch that we know.
        parse_header(records)
        raise CorruptBatch(f"a batch that is cut off after {len(records)} bytes")


def _aborted(header: BatchHeader, open_ones: set[int]) -> bool:
    return header.is_transactional and header.producer_id in open_ones


def _is_abort(header: BatchHeader, data: memoryview) -> bool:
    marker = next(iterate(data), None) if header.count else None
    return marker is not None and marker.key is not None and marker.key[2:4] == _ABORT
