"""May these bytes be appended, and as what? (LogValidator, UnifiedLog.analyzeAndValidateRecords)

A batch is judged by its 61-byte header and its checksum; its records are opened only where the
topic asks for it: another codec, a compacted topic's keys, a bound on old timestamps, a timestamp
too far in the future. What Kafka checks and this does not, in a batch passed through by its
header: that the records can be parsed, that there are as many as the header says, and that their
latest timestamp is the header's.

Which error wins is Kafka's order: framing, base offset, size, checksum, header, records. What is
wrong with the first bytes of any batch is the fault of the whole request (`fault_of_request`).
"""

from __future__ import annotations

from struct import Struct

from moldau.protocol.compression import (
    Buffer,
    Codec,
    TooLargeDecompressed,
    compress,
)
from moldau.protocol.crc import crc32c
from moldau.protocol.errors import ErrorCode
from moldau.protocol.records import (
    ATTRIBUTES_OFFSET,
    CODEC_MASK,
    CONTROL,
    DELETE_HORIZON,
    HEADER,
    HEADER_SIZE,
    LOG_APPEND_TIME,
    LOG_OVERHEAD,
    MAGIC,
    NO_TIMESTAMP,
    TRANSACTIONAL,
    BatchHeader,
    CorruptBatch,
    Record,
    iterate,
    open_payload,
    seal,
)
from moldau.storage.config import LogConfig
from moldau.storage.outcome import Origin, Refused

FRONT_SIZE = 16  # base offset, length, leader epoch: what the log patches
_V0_OVERHEAD = 14  # Kafka's smallest batch length: anything less is corrupt whatever its magic
_SHOWN_ERRORS = 3
# A batch with more is not opened: each costs some microseconds in which nobody else is served, and
# 60 KB can hold millions. Clients fill batches by size, a megabyte or less; told that one is too
# large, they split it.
MAX_OPENED_RECORDS = 100_000
LENGTH_OFFSET = 8
MAGIC_OFFSET = 16
_LAST_ATTRIBUTE = ATTRIBUTES_OFFSET + 1
_LOOK = Struct(">i4xb4xh")  # length, magic, attributes
_NOT_IN_A_TRANSACTION = Refused(
    ErrorCode.INVALID_TXN_STATE,
    "The batch is part of a transaction, and this release serves none: leave transactional.id out",
)
_KNOWN = CODEC_MASK | LOG_APPEND_TIME | TRANSACTIONAL | CONTROL | DELETE_HORIZON
_PLAIN = int(Codec.ZSTD)  # attributes up to this say a codec and nothing else
_new = tuple.__new__  # what a NamedTuple calls in the end

Valid = tuple[BatchHeader, Buffer]
"""The header as it will be written (but for base offset and leader epoch) and everything after
the first 16 bytes."""


def fault_of_request(records: memoryview) -> Refused | None:
    """What keeps a whole Produce from being looked at (RequestUtils.hasTransactionalRecords)."""
    if len(records) >= HEADER_SIZE:
        length, magic, attributes = _LOOK.unpack_from(records, LENGTH_OFFSET)
        if length >= _V0_OVERHEAD and magic == MAGIC and not attributes & TRANSACTIONAL:
            return None
        if length >= _V0_OVERHEAD and magic == MAGIC and length + LOG_OVERHEAD <= len(records):
            return _NOT_IN_A_TRANSACTION
    return _check_length(records) or _check_magic(records)


def check_framing(records: memoryview, where: str) -> Refused | None:
    """Is there one whole batch of format v2? (ProduceRequest.validateRecords)"""
    if len(records) < HEADER_SIZE:
        return _too_short(records, where)
    header = BatchHeader._make(HEADER.unpack_from(records))
    if header.magic != MAGIC or header.size != len(records):
        return _check_framing(records, header, where)
    return None


def is_zstd(records: memoryview) -> bool:
    return len(records) > _LAST_ATTRIBUTE and records[_LAST_ATTRIBUTE] & CODEC_MASK == Codec.ZSTD


def validate(
    records: memoryview, config: LogConfig, now_ms: int, origin: Origin, where: str
) -> Valid | Refused:
    """`where` names the partition in messages."""
    if len(records) < HEADER_SIZE:
        return _too_short(records, where)
    fields = HEADER.unpack_from(records)
    header = _new(BatchHeader, fields)
    (base, length, _, magic, crc, attributes, delta, _, latest, producer_id, _, sequence, count) = (
        fields
    )
    if (
        magic == MAGIC
        and base == 0
        and length + LOG_OVERHEAD == len(records) <= config.max_message_bytes
        and count == delta + 1 > 0
        and 0 <= attributes <= _PLAIN
        and (sequence >= 0 or producer_id < 0)
        and config.passes_batches_through
        and NO_TIMESTAMP <= latest <= now_ms + config.message_timestamp_after_max_ms
        and crc32c(records[ATTRIBUTES_OFFSET:]) == crc
    ):
        return header, records[FRONT_SIZE:]  # the usual case, in one look
    return _validate(records, header, config, now_ms, origin, where)


def _validate(
    records: memoryview,
    header: BatchHeader,
    config: LogConfig,
    now_ms: int,
    origin: Origin,
    where: str,
) -> Valid | Refused:
    """What is wrong, in Kafka's order; or what is to be done before it is right."""
    size = header.batch_length + LOG_OVERHEAD
    if header.magic != MAGIC or size != len(records):
        refused = _check_framing(records, header, where)
        if refused:
            return refused
        records = records[:size]
    if origin is Origin.CLIENT and header.base_offset != 0:
        return _invalid(
            f"The baseOffset of the record batch in the append to {where} should be 0,"
            f" but it is {header.base_offset}"
        )
    if size > config.max_message_bytes and origin is not Origin.CONTROLLER:
        return Refused(
            ErrorCode.MESSAGE_TOO_LARGE,
            f"The record batch size in the append to {where} is {size} bytes"
            f" which exceeds the maximum configured value of {config.max_message_bytes}.",
        )
    if crc32c(records[ATTRIBUTES_OFFSET:]) != header.crc:
        return Refused(
            ErrorCode.CORRUPT_MESSAGE,
            f"Record is corrupt (stored crc = {header.crc}) in topic partition {where}.",
        )
    if origin is not Origin.CLIENT:
        return header, records[FRONT_SIZE:]
    refused = _check_client_header(header, where)
    if refused is not None:
        return refused
    return _check_records(records, header, config, now_ms, where)


def _invalid(message: str) -> Refused:
    return Refused(ErrorCode.INVALID_RECORD, message)


def _unframed(message: str, code: ErrorCode = ErrorCode.INVALID_RECORD) -> Refused:
    return Refused(code, message, is_unframed=True)


def _too_short(records: memoryview, where: str) -> Refused:
    if len(records) == 0:
        return _unframed(f"Produce requests must have exactly one record batch for {where}, not 0")
    return _check_length(records) or _unframed(
        f"The record batch for {where} is cut off: it has {len(records)} bytes"
    )


def _check_length(records: memoryview) -> Refused | None:
    """Kafka reads the length before anything else (ByteBufferLogInputStream)."""
    length = int.from_bytes(records[LENGTH_OFFSET:LOG_OVERHEAD], "big", signed=True)
    if len(records) >= LOG_OVERHEAD and length < _V0_OVERHEAD:
        text = f"Record size {length} is less than the minimum record overhead ({_V0_OVERHEAD})"
        return _unframed(text, ErrorCode.CORRUPT_MESSAGE)
    return None


def _check_magic(records: memoryview) -> Refused | None:
    if len(records) > MAGIC_OFFSET and records[MAGIC_OFFSET] > MAGIC:
        magic = int.from_bytes(records[MAGIC_OFFSET : MAGIC_OFFSET + 1], "big", signed=True)
        text = f"Invalid magic found in record: {magic}"
        return _unframed(text, ErrorCode.CORRUPT_MESSAGE)
    return None


def _check_framing(records: memoryview, header: BatchHeader, where: str) -> Refused | None:
    """None: one whole batch with a cut-off piece behind it, which Kafka passes over."""
    refused = _check_length(records) or _check_magic(records)
    if refused:
        return refused
    if header.magic != MAGIC:
        return _unframed(
            f"Only record batches with magic version 2 are accepted, not {header.magic}, in {where}"
        )
    size = header.batch_length + LOG_OVERHEAD
    if size < HEADER_SIZE:
        text = f"A record batch of {size} bytes has no header in {where}"
        return _unframed(text, ErrorCode.CORRUPT_MESSAGE)
    if size > len(records):
        return _unframed(
            f"The record batch for {where} is cut off: it says {size} bytes,"
            f" {len(records)} are there"
        )
    rest = records[size:]
    if len(rest) <= MAGIC_OFFSET:
        return None
    refused = _check_length(rest)
    if refused:
        return refused
    if int.from_bytes(rest[LENGTH_OFFSET:LOG_OVERHEAD], "big") + LOG_OVERHEAD > len(rest):
        return None
    return _unframed(f"Produce requests must have exactly one record batch for {where}")


def _check_client_header(header: BatchHeader, where: str) -> Refused | None:
    if header.last_offset_delta < 0:
        return _invalid(
            f"Batch has an invalid offset range: [{header.base_offset}, {header.last_offset}]"
            f" in topic partition {where}"
        )
    if header.count <= 0:
        return _invalid(
            f"Invalid reported count for record batch: {header.count} in topic partition {where}"
        )
    if header.last_offset_delta + 1 != header.count:
        return _invalid(
            f"Inconsistent batch offset range [{header.base_offset}, {header.last_offset}]"
            f" and count of records {header.count} in topic partition {where}"
        )
    if header.attributes & CONTROL:
        return _invalid(
            f"Clients are not allowed to write control records in topic partition {where}"
        )
    if header.producer_id >= 0 and header.base_sequence < 0:
        return _invalid(
            f"Invalid sequence number {header.base_sequence} in record batch with producerId"
            f" {header.producer_id} in topic partition {where}"
        )
    if header.attributes & CODEC_MASK > Codec.ZSTD:
        return Refused(
            ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
            f"Compression codec {header.codec} does not exist, in topic partition {where}",
        )
    if header.attributes & TRANSACTIONAL:
        return _NOT_IN_A_TRANSACTION
    return None


def _check_records(
    records: memoryview, header: BatchHeader, config: LogConfig, now_ms: int, where: str
) -> Valid | Refused:
    codec = config.target_codec(header.codec)
    if _must_be_opened(header, config, now_ms, codec):
        refused = _open(records, header, config, now_ms, where)
        if refused:
            return refused
    return _convert(records, header, config, now_ms, codec, where)


def _must_be_opened(header: BatchHeader, config: LogConfig, now_ms: int, codec: int) -> bool:
    if codec != header.codec or config.is_compacted:
        return True
    is_marked = bool(header.attributes & LOG_APPEND_TIME)
    if config.uses_append_time or (is_marked and header.max_timestamp == NO_TIMESTAMP):
        return is_marked
    first = now_ms - config.message_timestamp_before_max_ms
    late = header.max_timestamp > now_ms + config.message_timestamp_after_max_ms
    return late or (first > 0)


def _open(
    records: memoryview, header: BatchHeader, config: LogConfig, now_ms: int, where: str
) -> Refused | None:
    """Looks at every record. None: all are good."""
    if header.count > MAX_OPENED_RECORDS:
        return Refused(
            ErrorCode.MESSAGE_TOO_LARGE,
            f"The record batch for {where} has {header.count} records; of a batch that must be"
            f" opened at most {MAX_OPENED_RECORDS} are accepted.",
        )
    errors = []
    out_of_time = False
    keyed = config.is_compacted
    first, last = _bounds(config, now_ms)
    if config.uses_append_time or header.attributes & LOG_APPEND_TIME:
        first, last = 1, 0  # it is not the time alone that decides
    try:
        for index, record in enumerate(iterate(records)):
            if record.offset != index:
                return _invalid(
                    f"Record {index} of the batch for {where} has offset delta {record.offset}"
                )
            if keyed and record.key is None:
                text = (
                    f"Compacted topic cannot accept message without key in topic partition {where}"
                )
                errors.append((index, text))
                continue
            if not first <= record.timestamp <= last:
                text = _wrong_time(record, header, config, now_ms)
                if text:
                    out_of_time = True
                    errors.append((index, text))
    except TooLargeDecompressed as error:
        return Refused(ErrorCode.MESSAGE_TOO_LARGE, f"The record batch for {where}: {error}")
    except CorruptBatch as error:
        return _invalid(f"The record batch for {where} can't be read: {error}")
    if not errors:
        return None
    if out_of_time:
        message = "One or more records have been rejected due to invalid timestamp"
        return Refused(ErrorCode.INVALID_TIMESTAMP, message, errors)
    shown = ", ".join(
        f"RecordError(batchIndex={index}, message='{text}')"
        for index, text in errors[:_SHOWN_ERRORS]
    )
    return Refused(
        ErrorCode.INVALID_RECORD,
        f"One or more records have been rejected due to {len(errors)} record errors in total,"
        f" and only showing the first three errors at most: [{shown}]",
        errors,
    )


def _bounds(config: LogConfig, now_ms: int) -> tuple[int, int]:
    """The earliest and the latest time that a record may have."""
    first = now_ms - config.message_timestamp_before_max_ms
    return first, now_ms + config.message_timestamp_after_max_ms


def _wrong_time(record: Record, header: BatchHeader, config: LogConfig, now_ms: int) -> str:
    """Kafka's sentence, or nothing (LogValidator.validateTimestamp)."""
    if config.uses_append_time or record.timestamp == NO_TIMESTAMP:
        if not header.attributes & LOG_APPEND_TIME:
            return ""
        return (
            f"Invalid timestamp type in message DefaultRecord(offset={record.offset},"
            f" timestamp={record.timestamp}, key={len(record.key or b'')} bytes,"
            f" value={len(record.value or b'')} bytes). Producer should not set timestamp type to"
            " LogAppendTime."
        )
    first, last = _bounds(config, now_ms)
    if first <= record.timestamp <= last:
        return ""
    return (
        f"Timestamp {record.timestamp} of message with offset {record.offset} is out of range."
        f" The timestamp should be within [{first}, {last}]"
    )


def _convert(
    records: memoryview,
    header: BatchHeader,
    config: LogConfig,
    now_ms: int,
    codec: int,
    where: str,
) -> Valid | Refused:
    """Another codec, another timestamp type, or neither. The caller's bytes stay as they are."""
    payload: Buffer = records[HEADER_SIZE:]
    attributes = header.attributes
    if codec != header.codec:
        payload = _recompressed(records, header, config, codec)
        attributes = attributes & ~CODEC_MASK | codec
        if len(payload) + HEADER_SIZE > config.max_message_bytes:
            return Refused(
                ErrorCode.MESSAGE_TOO_LARGE,
                f"Message batch size is {len(payload) + HEADER_SIZE} bytes in append to partition"
                f" {where} which exceeds the maximum configured size of"
                f" {config.max_message_bytes}.",
            )
    if config.uses_append_time:
        attributes, max_timestamp = attributes | LOG_APPEND_TIME, now_ms
    else:
        attributes, max_timestamp = (
            attributes & ~LOG_APPEND_TIME,
            max(header.max_timestamp, NO_TIMESTAMP),
        )
    if (attributes, max_timestamp) == (header.attributes, header.max_timestamp):
        return header, records[FRONT_SIZE:]
    header = header._replace(attributes=attributes & _KNOWN, max_timestamp=max_timestamp)
    batch = memoryview(seal(header, payload))
    return BatchHeader._make(HEADER.unpack_from(batch)), batch[FRONT_SIZE:]


def _recompressed(records: memoryview, header: BatchHeader, config: LogConfig, codec: int) -> bytes:
    """The records need no encoding again: only what wraps them changes."""
    return compress(codec, open_payload(header, records), config.level(codec))
