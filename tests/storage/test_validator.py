"""Which batches are taken, which are refused and with what, as Apache Kafka decides it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from crc32c import crc32c

from moldau.protocol.errors import ErrorCode
from moldau.protocol.records import (
    BatchHeader,
    Record,
    build,
    check_crc,
    iterate,
    parse_header,
    seal,
)
from moldau.storage.config import LogConfig
from moldau.storage.log import Appended, Log, Origin, Refused, Slice
from tests.storage.logs import NOW, batch, memory, open_log

HOUR_MS = 60 * 60 * 1000
PLAIN = batch([b"a", b"b", b"c"])


def changed(data: bytes, **fields: int) -> bytes:
    """The batch with other header fields and a checksum that holds."""
    header = parse_header(data)
    return seal(header._replace(**fields), data[61:])


def with_length(data: bytes, length: int) -> bytes:
    return data[:8] + length.to_bytes(4, "big", signed=True) + data[12:]


def offer(log: Log, data: bytes, origin: Origin = Origin.CLIENT) -> Appended | Refused:
    keep = bytes(data)
    result = log.append_as_leader(memoryview(data), 0, NOW, origin)
    assert data == keep, "the caller's bytes must stay as they are"
    return result


CORRUPT, INVALID = ErrorCode.CORRUPT_MESSAGE, ErrorCode.INVALID_RECORD


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", INVALID, "exactly one record batch"),
        (PLAIN[:11], INVALID, "cut off"),
        (PLAIN[:60], INVALID, "cut off"),
        (PLAIN[:-1], INVALID, "cut off"),
        (PLAIN + PLAIN, INVALID, "exactly one record batch"),
        (with_length(PLAIN, 13), CORRUPT, "minimum record overhead"),
        (with_length(PLAIN, -1), CORRUPT, "minimum record overhead"),
        (with_length(PLAIN, 48), CORRUPT, "no header"),
        (with_length(PLAIN, 1 << 30), INVALID, "cut off"),
        (PLAIN + with_length(PLAIN, 3), CORRUPT, "minimum record overhead"),
        (PLAIN[:16] + b"\x01" + PLAIN[17:], INVALID, "magic"),
        (PLAIN[:16] + b"\x03" + PLAIN[17:], CORRUPT, "Invalid magic"),
        (changed(PLAIN, base_offset=5), INVALID, "baseOffset"),
        (PLAIN[:-1] + b"!", CORRUPT, "stored crc"),
        (changed(PLAIN, count=2), INVALID, "Inconsistent batch offset range"),
        (changed(PLAIN, count=0), INVALID, "Invalid reported count"),
        (changed(PLAIN, last_offset_delta=-1), INVALID, "invalid offset range"),
        (changed(PLAIN, attributes=0x20), INVALID, "control records"),
        (changed(PLAIN, attributes=0x10), ErrorCode.INVALID_TXN_STATE, "transactional.id"),
        (
            changed(PLAIN, attributes=0x08, max_timestamp=-1),
            ErrorCode.INVALID_TIMESTAMP,
            "invalid timestamp",
        ),
        (changed(PLAIN, attributes=5), ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, "codec 5"),
        (changed(PLAIN, producer_id=4, base_sequence=-1), INVALID, "Invalid sequence number"),
    ],
)
def test_a_bad_batch_is_refused(data: bytes, code: ErrorCode, words: str) -> None:
    log = open_log(memory())
    result = offer(log, data)
    assert isinstance(result, Refused)
    assert (result.code, words in result.message) == (code, True), result
    assert log.log_end_offset == log.size == 0


def test_a_batch_marked_with_append_time_is_kept_as_one_of_its_latest_time() -> None:
    """On a topic with CreateTime, as Apache Kafka does."""
    log = open_log(memory())
    assert offer(log, changed(PLAIN, attributes=0x08)) == Appended(0, 2, -1, 0, False)
    found = log.read(0, 1 << 20, 3, True)
    assert isinstance(found, Slice)
    assert found.read()[16:] == PLAIN[16:]


def test_a_time_before_all_times_is_no_time() -> None:
    log = open_log(memory())
    offer(log, changed(PLAIN, max_timestamp=-5))
    found = log.read(0, 1 << 20, 3, True)
    assert isinstance(found, Slice)
    assert parse_header(found.read()).max_timestamp == -1
    assert check_crc(found.read())


def test_a_cut_off_piece_behind_the_batch_is_passed_over() -> None:
    log = open_log(memory())
    assert offer(log, PLAIN + PLAIN[:30]) == Appended(0, 2, -1, 0, False)
    assert log.size == len(PLAIN)


def test_a_taken_batch_keeps_every_byte_but_offset_and_epoch() -> None:
    log = open_log(memory())
    offer(log, PLAIN)
    log.append_as_leader(PLAIN, 7, NOW)
    found = log.read(3, 1 << 20, 6, True)
    assert isinstance(found, Slice)
    stored = found.read()
    assert stored[:8] == (3).to_bytes(8, "big")
    assert stored[12:16] == (7).to_bytes(4, "big")
    assert stored[16:] == PLAIN[16:]


def test_size_limits() -> None:
    log = open_log(memory(), LogConfig(max_message_bytes=len(PLAIN) - 1))
    result = offer(log, PLAIN)
    assert isinstance(result, Refused)
    assert result.code == ErrorCode.MESSAGE_TOO_LARGE
    assert isinstance(offer(log, PLAIN, Origin.CONTROLLER), Appended)
    log.reconfigure(LogConfig(segment_bytes=len(PLAIN) - 1))
    result = offer(log, PLAIN)
    assert isinstance(result, Refused)
    assert result.code == ErrorCode.RECORD_LIST_TOO_LARGE


def test_which_error_wins() -> None:
    """Kafka's order: base offset, size, checksum, header, records."""
    log = open_log(memory(), LogConfig(max_message_bytes=70))
    bad = changed(PLAIN, base_offset=5, count=7)
    broken = bad[:-1] + b"!"
    results = [offer(log, broken), offer(log, broken[:8].replace(b"\x05", b"\x00") + broken[8:])]
    log.reconfigure(LogConfig())
    results += [offer(log, PLAIN[:-1] + b"!"), offer(log, changed(PLAIN, count=7))]
    codes = [result.code for result in results if isinstance(result, Refused)]
    assert codes == [INVALID, ErrorCode.MESSAGE_TOO_LARGE, CORRUPT, INVALID]


@pytest.mark.parametrize(
    ("offset_ms", "taken"), [(HOUR_MS, True), (HOUR_MS + 1, False), (-HOUR_MS * 10**5, True)]
)
def test_create_time_may_not_lie_too_far_in_the_future(offset_ms: int, taken: bool) -> None:
    result = offer(open_log(memory()), batch([b"x"], timestamp=NOW + offset_ms))
    assert isinstance(result, Appended) == taken
    if isinstance(result, Refused):
        assert result.code == ErrorCode.INVALID_TIMESTAMP
        assert [index for index, _ in result.record_errors] == [0]
        assert "out of range" in result.record_errors[0][1]


def test_create_time_may_not_lie_too_far_in_the_past() -> None:
    log = open_log(memory(), LogConfig(message_timestamp_before_max_ms=HOUR_MS))
    old = build([Record(0, NOW, b"k", b"v"), Record(0, NOW - HOUR_MS - 1, b"k", b"v")])
    result = offer(log, old)
    assert isinstance(result, Refused)
    assert [index for index, _ in result.record_errors] == [1]
    without = build([Record(0, -1, b"k", b"v")])
    assert isinstance(offer(log, without), Appended)


@pytest.mark.parametrize("codec", range(5))
def test_log_append_time_is_written_and_the_checksum_holds(codec: int) -> None:
    log = open_log(memory(), LogConfig(message_timestamp_type="LogAppendTime"))
    data = batch([b"a", b"b"], timestamp=5, codec=codec)
    assert offer(log, data) == Appended(0, 1, NOW, 0, False)
    found = log.read(0, 1 << 20, 2, True)
    assert isinstance(found, Slice)
    stored = found.read()
    assert int.from_bytes(stored[17:21], "big") == crc32c(stored[21:])
    assert parse_header(stored).timestamp_type == 1
    assert [record.timestamp for record in iterate(stored)] == [NOW, NOW]


@pytest.mark.parametrize("source", range(5))
@pytest.mark.parametrize("target", ["uncompressed", "gzip", "snappy", "lz4", "zstd", "producer"])
def test_the_topic_chooses_the_codec(source: int, target: str) -> None:
    log = open_log(memory(), LogConfig(compression_type=target))
    sent = batch([b"value" * 50] * 20, codec=source)
    assert isinstance(offer(log, sent), Appended)
    found = log.read(0, 1 << 20, 20, True)
    assert isinstance(found, Slice)
    stored = found.read()
    names = ["uncompressed", "gzip", "snappy", "lz4", "zstd"]
    assert parse_header(stored).codec == (source if target == "producer" else names.index(target))
    assert int.from_bytes(stored[17:21], "big") == crc32c(stored[21:])
    assert list(iterate(stored)) == list(iterate(sent))


def test_a_bomb_on_a_recompressing_topic_is_refused() -> None:
    log = open_log(memory(), LogConfig(compression_type="lz4"))
    result = offer(log, batch([bytes(100_000_000)], codec=4))
    assert isinstance(result, Refused)
    assert result.code == ErrorCode.MESSAGE_TOO_LARGE


def test_what_grows_beyond_the_limit_by_recompression_is_refused() -> None:
    log = open_log(memory(), LogConfig(compression_type="uncompressed", max_message_bytes=5000))
    result = offer(log, batch([bytes(10_000)], codec=4))
    assert isinstance(result, Refused)
    assert result.code == ErrorCode.MESSAGE_TOO_LARGE


@pytest.mark.parametrize("codec", range(5))
def test_compacted_topics_demand_keys(codec: int) -> None:
    log = open_log(memory(), LogConfig(cleanup_policy=frozenset({"compact"})))
    records = [Record(0, NOW, key, b"v") for key in (b"k", None, b"", None)]
    result = offer(log, build(records, codec=codec))
    assert isinstance(result, Refused)
    assert result.code == INVALID
    assert [index for index, _ in result.record_errors] == [1, 3]
    assert isinstance(offer(log, batch([None], codec=codec)), Appended), "a tombstone has a key"


@pytest.mark.parametrize("codec", range(1, 5))
def test_a_payload_that_is_no_such_codec_is_refused(codec: int) -> None:
    log = open_log(memory(), LogConfig(compression_type="uncompressed"))
    result = offer(log, changed(PLAIN, attributes=codec))
    assert isinstance(result, Refused)
    assert result.code == INVALID


def test_a_batch_that_is_opened_may_not_lie_about_its_records() -> None:
    log = open_log(memory(), LogConfig(compression_type="lz4"))
    for lie in ({"count": 2, "last_offset_delta": 1}, {"count": 4, "last_offset_delta": 3}):
        result = offer(log, changed(PLAIN, **lie))
        assert isinstance(result, Refused)
        assert result.code == INVALID


def test_our_own_batches_may_be_control_batches() -> None:
    log = open_log(memory())
    marker = build([Record(0, NOW, b"\x00\x00\x00\x02", b"")], control=True)
    assert isinstance(offer(log, marker, Origin.CONTROLLER), Appended)


def test_levels_and_codecs_come_from_the_config() -> None:
    config = LogConfig.of_topic(
        {"compression.type": "gzip", "compression.gzip.level": 9, "cleanup.policy": ["compact"]}
    )
    assert (config.target_codec(0), config.level(1), config.is_compacted) == (1, 9, True)
    assert replace(config, compression_gzip_level=-1).level(1) is None
    assert isinstance(parse_header(PLAIN), BatchHeader)
