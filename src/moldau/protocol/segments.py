"""Segments as they lie on a disk, read without trust: what a damaged one still says.

Everything that a file says is taken as it is, so a batch may be nonsense; `records` checks.
Source: Apache Kafka, clients/…/record/internal/FileLogInputStream.java.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from moldau.protocol.compression import Buffer
from moldau.protocol.records import HEADER, HEADER_SIZE, LOG_OVERHEAD, BatchHeader, CorruptBatch

_FRONT = Struct(">qi4xb")  # offset, length, (leader epoch or crc), magic
_LEAST_LENGTH = 14  # of a record of format v0, the shortest that ever was


class Placed(NamedTuple):
    """A batch and its place. `offset` is the first offset, before format v2 the last."""

    position: int
    size: int
    offset: int
    magic: int


def batches_from(segment: Buffer, start: int, end: int) -> Iterator[Placed]:
    """The batches between two positions; one that is cut off ends them.

    Raises CorruptBatch at a length that no batch can have.
    """
    position = start
    while position < end - _FRONT.size:
        offset, length, magic = _FRONT.unpack_from(segment, position)
        if length < _LEAST_LENGTH:
            raise CorruptBatch(
                f"Found record size {length} smaller than minimum record overhead "
                f"({_LEAST_LENGTH}) at position {position}"
            )
        size = length + LOG_OVERHEAD
        if size > end - position:
            return
        yield Placed(position, size, offset, magic)
        position += size


def header_at(segment: Buffer, position: int) -> BatchHeader:
    """The header of a batch of format v2, unchecked. Raises CorruptBatch where the file ends."""
    if len(segment) - position < HEADER_SIZE:
        raise CorruptBatch(f"The file ends in the batch header at position {position}")
    return BatchHeader._make(HEADER.unpack_from(segment, position))
