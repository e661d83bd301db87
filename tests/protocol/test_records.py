"""Record batches: what is built is read, what is malformed is refused, others' bytes are read."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from hypothesis import given, settings
from hypothesis import strategies as st

from moldau.protocol.compression import TooLargeDecompressed
from moldau.protocol.records import (
    BatchHeader,
    CorruptBatch,
    Record,
    batches,
    build,
    check_crc,
    iterate,
    last_sequence,
    parse_header,
    seal,
)
from tests.drawn import share

FIELD = st.none() | st.binary(max_size=300)
RECORDS = st.lists(
    st.builds(
        Record,
        st.just(0),
        st.integers(0, 1 << 45),
        FIELD,
        FIELD,
        st.lists(st.tuples(st.text(max_size=5), FIELD), max_size=3).map(tuple),
    ),
    min_size=1,
    max_size=20,
)
PLAIN = build([Record(0, 1000 + i, b"k", b"value", (("h", None),)) for i in range(3)])


@given(RECORDS, st.integers(0, 4), st.integers(0, 1 << 40))
def test_what_is_built_is_read(records: list[Record], codec: int, base: int) -> None:
    data = build(records, codec=codec, base_offset=base, leader_epoch=7)
    header = parse_header(data)
    assert check_crc(data)
    assert (header.size, header.codec, header.count) == (len(data), codec, len(records))
    assert header.max_timestamp == max(record.timestamp for record in records)
    expected = [record._replace(offset=base + i) for i, record in enumerate(records)]
    assert list(iterate(data)) == expected


@given(RECORDS)
@settings(max_examples=share(50))
def test_aiokafka_reads_what_we_build_and_we_what_it_builds(records: list[Record]) -> None:
    theirs = DefaultRecordBatch(build(records))
    assert theirs.validate_crc()
    assert [(r.timestamp, r.key, r.value, tuple(r.headers)) for r in theirs] == [
        tuple(record[1:]) for record in records
    ]
    builder: Any = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 30,
    )
    for number, record in enumerate(records):
        builder.append(
            number,
            timestamp=record.timestamp,
            key=record.key,
            value=record.value,
            headers=list(record.headers),
        )
    ours = list(iterate(bytes(builder.build())))
    assert ours == [record._replace(offset=number) for number, record in enumerate(records)]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_a_limit_holds_for_every_codec(codec: str) -> None:
    number = ["none", "gzip", "snappy", "lz4", "zstd"].index(codec)
    data = build([Record(0, 1, None, bytes(3_000_000))], codec=number)
    assert len(data) < 200_000
    assert next(iterate(data, limit=3_100_000)).value == bytes(3_000_000)
    with pytest.raises(TooLargeDecompressed, match=f"{codec} data grows beyond"):
        list(iterate(data, limit=2_900_000))


@pytest.mark.parametrize("codec", range(5))
def test_mutations_raise_only_what_is_documented(codec: int) -> None:
    data = build([Record(0, 1000 + i, b"key", b"value" * 9) for i in range(5)], codec=codec)
    dice = Random(codec)
    raised = 0
    for _ in range(400):
        wrong = bytearray(data)
        for _ in range(dice.randint(1, 3)):
            wrong[dice.randrange(len(wrong))] = dice.randrange(256)
        del wrong[dice.randint(len(wrong) // 2, len(wrong) * 2) :]
        try:
            list(iterate(wrong, limit=100_000))
        except (CorruptBatch, TooLargeDecompressed):
            raised += 1
    assert raised > 40


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (PLAIN[:60], "no batch header"),
        (PLAIN[:16] + b"\1" + PLAIN[17:], "magic 1"),
        (PLAIN[:8] + bytes(4) + PLAIN[12:], "less than a header"),
        (PLAIN[:-1], "where"),
        (PLAIN[:61] + b"\x7f" + PLAIN[62:], "record 0"),
        (PLAIN[:61] + b"\xff" * 12 + PLAIN[73:], "record 0"),
        (seal(parse_header(PLAIN)._replace(count=2), PLAIN[61:]), "bytes after them"),
        (seal(parse_header(PLAIN)._replace(count=4), PLAIN[61:]), "record 3"),
        (seal(parse_header(PLAIN)._replace(attributes=6), PLAIN[61:]), "codec 6"),
    ],
)
def test_malformed_batches_are_named(data: bytes, words: str) -> None:
    with pytest.raises(CorruptBatch, match=words):
        list(iterate(data))


@pytest.mark.parametrize("size", [0, 1, 62, 63, 64, 127, 128, 8190, 8191, 8192, 8193, 20_000])
@pytest.mark.parametrize("number", [0, 63, 64, 200])
def test_short_and_long_ways_to_read_a_record_agree(size: int, number: int) -> None:
    """The limits of one- and two-byte numbers: lengths, deltas of time and offset."""
    records = [Record(i, 10_000 + i, bytes(size // 2), bytes(size)) for i in range(number)]
    records += [Record(number, 10_000 - number, bytes(size), bytes(size), (("h", b""),))]
    assert list(iterate(build(records))) == records


def test_every_cut_in_a_payload_is_found() -> None:
    data = build([Record(0, 1000, b"key", b"value")])
    for end in range(61, len(data)):
        with pytest.raises(CorruptBatch, match="record 0"):
            list(iterate(seal(parse_header(data), data[61:end])))


def test_a_fetch_may_end_in_the_middle_of_a_batch() -> None:
    both = PLAIN + build([Record(0, 1, None, b"x")], base_offset=3)
    assert [header.base_offset for header, _ in batches(both)] == [0, 3]
    for end in range(len(PLAIN), len(both)):
        assert [bytes(view) for _, view in batches(both[:end])] == [PLAIN]


def test_sequences_wrap() -> None:
    assert last_sequence(0x7FFFFFFF, 0) == 0x7FFFFFFF
    assert last_sequence(0x7FFFFFFF, 1) == 0
    assert last_sequence(5, 3) == 8
    assert last_sequence(-1, 3) == -1


def test_header_properties() -> None:
    header: BatchHeader = parse_header(
        build([Record(0, 1, None, None)] * 2, base_offset=9, control=True, transactional=True)
    )
    assert (header.last_offset, header.next_offset) == (10, 11)
    assert header.is_control
    assert header.is_transactional
    assert header.timestamp_type == 0
    append_time = header._replace(attributes=8)
    assert append_time.timestamp_type == 1


def test_append_time_stands_for_every_record() -> None:
    header = parse_header(PLAIN)._replace(attributes=8, max_timestamp=5)
    stamped = seal(header, PLAIN[61:])
    assert {record.timestamp for record in iterate(stamped)} == {5}
