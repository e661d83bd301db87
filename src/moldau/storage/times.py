"""Records by their time: the time index leads to a batch, the batch is opened.

Batches are appended by their header, so what is inside may be noise, too much to look at, or other
than the header says. Such a batch is taken as a whole: the answer is its beginning, and its reader
finds out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from moldau.protocol.compression import TooLargeDecompressed
from moldau.protocol.records import CorruptBatch, Record, iterate
from moldau.storage.outcome import TimestampOffset
from moldau.storage.segment import Found, Segment
from moldau.storage.validator import MAX_OPENED_RECORDS

Find = Callable[[Segment, int], Found | None]


def first_since(
    segment: Segment, find: Find, timestamp: int, start_offset: int
) -> TimestampOffset | None:
    """The first record of the segment, from `start_offset` on, that is as late as `timestamp` or
    later (LogSegment.findOffsetByTimestamp). Raises CorruptBatch."""
    entry = segment.times.floor(timestamp)
    if not segment.is_true_time(entry):
        raise CorruptBatch(f"{segment.times.path} is wrong: no batch has the time {entry}")
    first = max(start_offset, segment.base_offset + entry[1] if entry else start_offset)
    found = find(segment, first)
    if found is None:
        return None
    for batch in segment.scan(found.position, segment.size):
        header = batch.header
        if header.max_timestamp >= timestamp and header.last_offset >= start_offset:
            for record in _records(segment, batch):
                if record.timestamp >= timestamp and record.offset >= start_offset:
                    return TimestampOffset(record.timestamp, record.offset, header.leader_epoch)
            if header.base_offset >= start_offset:
                return _whole(batch)
    return None


def latest(segment: Segment, find: Find) -> TimestampOffset | None:
    """The first record with the segment's max timestamp (RecordBatch.offsetOfMaxTimestamp).
    Raises CorruptBatch."""
    timestamp = segment.max_timestamp
    if timestamp < 0:
        return None
    found = find(segment, segment.max_timestamp_offset)
    if found is None:
        return None
    for record in _records(segment, found):
        if record.timestamp == timestamp:
            return TimestampOffset(timestamp, record.offset, found.header.leader_epoch)
    return _whole(found)


def _whole(batch: Found) -> TimestampOffset:
    header = batch.header
    return TimestampOffset(header.max_timestamp, header.base_offset, header.leader_epoch)


def _records(segment: Segment, batch: Found) -> Iterator[Record]:
    """Those of the batch that are as its header says."""
    header = batch.header
    if header.count > MAX_OPENED_RECORDS:
        return
    try:
        for record in iterate(segment.file.pread(header.size, batch.position)):
            if record.offset < header.base_offset or record.offset > header.last_offset:
                return
            if record.timestamp <= header.max_timestamp:
                yield record
    except (CorruptBatch, TooLargeDecompressed):
        return
