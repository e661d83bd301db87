"""Segments read without trust, and the records of old formats, judged by kafka-python's encoder."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from moldau.protocol.legacy_records import iterate_legacy, parse_legacy_header
from moldau.protocol.records import CorruptBatch, Record, build
from moldau.protocol.segments import batches_from, header_at


def segment(count: int) -> bytes:
    return b"".join(build([Record(0, 0, None, b"v")], base_offset=i) for i in range(count))


def builder_of(magic: int, codec: int = 0) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of its own, on import
        from kafka.record.legacy_records import LegacyRecordBatchBuilder
    return LegacyRecordBatchBuilder(magic=magic, compression_type=codec, batch_size=9999)


def test_batches_and_their_places() -> None:
    data = segment(3)
    size = len(data) // 3
    found = list(batches_from(data, 0, len(data)))
    assert [(p.position, p.size, p.offset, p.magic) for p in found] == [
        (i * size, size, i, 2) for i in range(3)
    ]
    assert header_at(data, size).base_offset == 1


@pytest.mark.parametrize("cut", [1, 50, 61])
def test_what_is_cut_off_ends_it(cut: int) -> None:
    data = segment(2)
    assert [p.offset for p in batches_from(data, 0, len(data) - cut)] == [0]


def test_a_length_that_no_batch_has() -> None:
    data = segment(1) + bytes(100)
    places = batches_from(data, 0, len(data))
    assert next(places).offset == 0
    with pytest.raises(CorruptBatch, match="Found record size 0 smaller than"):
        next(places)


def test_a_header_that_the_file_ends_in() -> None:
    data = segment(1)
    with pytest.raises(CorruptBatch, match="ends in the batch header at position 10"):
        header_at(data, 10)


@pytest.mark.parametrize("magic", [0, 1])
@pytest.mark.parametrize("codec", [0, 1])
def test_records_of_old_formats(magic: int, codec: int) -> None:
    builder = builder_of(magic, codec)
    for i in range(3):
        builder.append(i, timestamp=1000 + i if magic else None, key=b"k%d" % i, value=None)
    content = bytes(builder.build())
    if codec:
        # The wrapper has the offset of its last record.
        content = (7).to_bytes(8, "big") + content[8:]
    first = 5 if codec and magic else 0
    found = [
        record
        for place in batches_from(content, 0, len(content))
        for record in iterate_legacy(content[place.position : place.position + place.size])
    ]
    assert [(h.offset, h.timestamp, key, value) for h, key, value in found] == [
        (first + i, 1000 + i if magic else -1, b"k%d" % i, None) for i in range(3)
    ]
    assert all(header.is_valid for header, _, _ in found)


def test_an_old_record_with_a_flipped_bit() -> None:
    builder = builder_of(1)
    builder.append(0, timestamp=1, key=None, value=b"value")
    content = bytearray(builder.build())
    content[-1] ^= 1
    assert not parse_legacy_header(content).is_valid
