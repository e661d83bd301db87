"""Whatever batches the source has: the records that reach the target are the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from moldau.protocol.compression import compress
from moldau.protocol.raw_records import raw_records
from moldau.protocol.records import (
    LOG_APPEND_TIME,
    TRANSACTIONAL,
    BatchHeader,
    Record,
    _encode_record,
    build,
    check_crc,
    iterate,
    parse_header,
    seal,
)
from moldau.tools.mirror import recode
from moldau.tools.mirror.recode import Payload, take
from moldau.tools.mirror.visible import Piece
from tests.drawn import share

TEXT = st.one_of(st.none(), st.binary(max_size=200))
RECORDS = st.lists(
    st.builds(
        Record,
        st.integers(1, 3),  # how far behind the one before
        st.one_of(st.integers(-1, 1 << 14), st.integers(1 << 40, (1 << 40) + (1 << 33))),
        TEXT,
        TEXT,
        st.lists(st.tuples(st.text(max_size=5), TEXT), max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=30,
)


class Batch(NamedTuple):
    header: BatchHeader
    data: bytes


def log_batch(records: Sequence[Record], codec: int, attributes: int, tail: int) -> Batch:
    """As a log may hold it: holes between the records and behind them."""
    base, time = records[0].offset, records[0].timestamp
    payload = b"".join(_encode_record(r, r.timestamp - time, r.offset - base) for r in records)
    header = parse_header(build(records))._replace(
        base_offset=base,
        attributes=codec | attributes,
        last_offset_delta=records[-1].offset - base + tail,
        producer_id=77,
        producer_epoch=3,
        base_sequence=9,
    )
    data = seal(header, compress(codec, payload))
    return Batch(parse_header(data), data)


@st.composite
def logs(draw: st.DrawFn) -> list[Batch]:
    found = []
    offset = draw(st.integers(0, 1 << 33))
    dense = draw(st.booleans())
    for _ in range(draw(st.integers(1, 6))):
        records = []
        for record in draw(RECORDS):
            offset += 1 if dense else record.offset
            records.append(record._replace(offset=offset))
        tail = 0 if dense else draw(st.integers(0, 2))
        attributes = draw(st.sampled_from([0, 0, TRANSACTIONAL, LOG_APPEND_TIME]))
        found.append(log_batch(records, draw(st.integers(0, 4)), attributes, tail))
        offset += tail
    return found


def sealed(payload: Payload) -> list[Record]:
    data = payload.sealed(1, 0, 5)
    header = parse_header(data)
    assert check_crc(data)
    # What a broker demands of a batch: no holes, no marks that are not a producer's.
    assert header.last_offset_delta == header.count - 1
    assert header.attributes & ~7 == 0
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (1, 0, 5)
    return list(iterate(data))


@settings(max_examples=share(40), deadline=None)
@given(logs(), st.sampled_from([0, 300, 1 << 20]), st.sampled_from([0, 500, 1 << 16]), st.data())
def test_the_same_records_with_a_map_of_their_offsets(
    log: list[Batch], most_bytes: int, passes: int, data: st.DataObject
) -> None:
    every = [record for batch in log for record in iterate(batch.data)]
    start = data.draw(
        st.sampled_from([every[0].offset, every[-1].offset, log[0].header.last_offset])
    )
    expected = [record for record in every if record.offset >= start]
    pieces = deque(
        Piece(header, memoryview(data), start)
        for header, data in log
        if header.last_offset >= start
    )
    was, recode.PASSES = recode.PASSES, passes
    try:
        found: list[Record] = []
        while pieces:
            limit = data.draw(st.sampled_from([None, None, 1, 7]))
            payload = take(pieces, most_bytes, limit)
            if payload is None:
                continue
            records = sealed(payload)
            assert limit is None or len(records) <= limit
            offsets = dict(payload.breaks)
            at = -1
            for index, record in enumerate(records):
                at = offsets.get(index, at + 1)
                found.append(record._replace(offset=at))
    finally:
        recode.PASSES = was
    assert found == expected


@settings(max_examples=share(30), deadline=None)
@given(logs())
def test_raw_records_are_what_iterate_reads(log: list[Batch]) -> None:
    for header, data in log:
        raw = raw_records(header, data)
        read = list(iterate(data))
        assert [(r.offset, r.timestamp) for r in raw] == [(r.offset, r.timestamp) for r in read]
        for one, record in zip(raw, read, strict=True):
            assert one.rest == _encode_record(record, 0, 0)[-len(one.rest) :]


def test_a_large_batch_passes_without_a_byte_changed() -> None:
    batch = build([Record(0, 5, None, bytes(range(256)) * 400)] * 3, base_offset=40, codec=4)
    header = parse_header(batch)
    payload = take(deque([Piece(header, memoryview(batch), 40)]), 1 << 20)
    assert payload is not None
    assert bytes(payload.records) == batch[61:]
    assert payload.breaks == [(0, 40)]
