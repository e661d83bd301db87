"""The records of `__consumer_offsets`: keys and values as bytes, each led by its version.

The version of a key is the type of the record (Apache Kafka: GroupCoordinatorRecordHelpers).
Offset keys are nearly all there is, so they are packed and unpacked by hand.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from moldau.protocol.codec import decode, encode
from moldau.protocol.messages.consumer_offsets import GroupMetadataValue, OffsetCommitValue

# Record types. The first two differ only in how the oldest brokers wrote the value.
LEGACY_OFFSET_COMMIT = 0
OFFSET_COMMIT = 1
GROUP_METADATA = 2
MALFORMED = -1  # counted as that

_GROUP_METADATA_VERSION = 3
_OFFSET_VERSION = 4
# With an explicit time of expiry (OffsetCommit 2-4) the older version 1 is written, which has a
# field for it, and none for the leader epoch.
_EXPIRING_OFFSET_VERSION = 1

_INT16 = Struct(">h")
_INT32 = Struct(">i")


# Texts are stored with a length of two bytes; a member id is a client's or instance's id with a
# uuid. What is longer cannot be stored and is refused.
LONGEST_TEXT = 0x7FFF - 64


def too_long(text: str) -> bool:
    return len(text) * 4 > LONGEST_TEXT and len(text.encode()) > LONGEST_TEXT


class OffsetKey(NamedTuple):
    group: str
    topic: str
    partition: int


class Offset(NamedTuple):
    """A committed offset. Times are in ms since 1970; -1 stands for none."""

    offset: int
    leader_epoch: int
    metadata: str
    commit_timestamp: int
    expire_timestamp: int
    topic_id: bytes


def _text(out: bytearray, text: str) -> None:
    raw = text.encode()
    out += _INT16.pack(len(raw))
    out += raw


def offset_key(group: str, topic: str, partition: int) -> bytes:
    out = bytearray(_INT16.pack(OFFSET_COMMIT))
    _text(out, group)
    _text(out, topic)
    out += _INT32.pack(partition)
    return bytes(out)


def offset_value(offset: Offset) -> bytes:
    expires = offset.expire_timestamp >= 0
    version = _EXPIRING_OFFSET_VERSION if expires else _OFFSET_VERSION
    value = OffsetCommitValue(
        offset=offset.offset,
        leader_epoch=offset.leader_epoch,
        metadata=offset.metadata,
        commit_timestamp=offset.commit_timestamp,
        expire_timestamp=offset.expire_timestamp,
        topic_id=offset.topic_id,
    )
    return _INT16.pack(version) + encode(value, version)


def group_key(group: str) -> bytes:
    out = bytearray(_INT16.pack(GROUP_METADATA))
    _text(out, group)
    return bytes(out)


def group_value(value: GroupMetadataValue) -> bytes:
    return _INT16.pack(_GROUP_METADATA_VERSION) + encode(value, _GROUP_METADATA_VERSION)


def record_type(key: bytes) -> int:
    return int(_INT16.unpack_from(key)[0]) if len(key) > 1 else MALFORMED


def read_offset_key(key: bytes) -> OffsetKey:
    (length,) = _INT16.unpack_from(key, 2)
    end = 4 + length
    group = key[4:end].decode()
    (length,) = _INT16.unpack_from(key, end)
    topic = key[end + 2 : end + 2 + length].decode()
    (partition,) = _INT32.unpack_from(key, end + 2 + length)
    return OffsetKey(group, topic, partition)


def read_offset_value(value: bytes) -> Offset:
    (version,) = _INT16.unpack_from(value)
    stored = decode(OffsetCommitValue, version, value, 2)
    return Offset(
        stored.offset,
        stored.leader_epoch,
        stored.metadata,
        stored.commit_timestamp,
        stored.expire_timestamp,
        stored.topic_id,
    )


def read_group_key(key: bytes) -> str:
    return key[4:].decode()


def read_group_value(value: bytes) -> GroupMetadataValue:
    (version,) = _INT16.unpack_from(value)
    return decode(GroupMetadataValue, version, value, 2)
