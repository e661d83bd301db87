"""Metadata records as bytes: the frame around each record of `__cluster_metadata`.

A record's value is three unsigned varints (frame version 1, record type, record version) and the
record itself; keys are null. Source: AbstractApiMessageSerde and MetadataVersion of Apache Kafka.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from moldau.protocol.codec import Buffer, decode_from, encode
from moldau.protocol.messages import metadata_log as m
from moldau.protocol.primitives import Malformed, read_uvarint, uvarint
from moldau.protocol.schema import Message

FRAME_VERSION: Final = 1
METADATA_VERSION: Final = 30
"""The feature level of `metadata.version` 4.3-IV0, the newest that Apache Kafka 4.3.1 knows."""
OLDEST_METADATA_VERSION: Final = 7
"""That of 3.3-IV3, the oldest that it knows: a cluster that came from an older Kafka stays at its
level until somebody raises it, and its records are written as that level asks."""
METADATA_VERSION_FEATURE: Final = "metadata.version"

_KNOWN: Final[dict[int, type[Message]]] = {
    cls.api_key: cls
    for cls in vars(m).values()
    if isinstance(cls, type) and issubclass(cls, Message) and cls.api_key >= 0
}
# From which metadata.version on which version of a record is written. Records that are not named
# here are written with version 0.
_WRITTEN: Final[dict[type[Message], tuple[tuple[int, int], ...]]] = {
    m.PartitionRecord: ((23, 2), (17, 1)),
    m.PartitionChangeRecord: ((23, 2), (17, 1)),
    m.RegisterBrokerRecord: ((30, 4), (17, 3), (8, 2), (7, 1)),
}


class UnknownRecord(NamedTuple):
    """A record of a type that this release does not know: kept, never interpreted."""

    type: int
    version: int
    body: bytes


Record: TypeAlias = Message | UnknownRecord


def written_version(record: Message, level: int) -> int:
    """The version that Apache Kafka writes for such a record at a level of metadata.version."""
    if isinstance(record, m.BrokerRegistrationChangeRecord):
        return _change_version(record)
    found = (version for since, version in _WRITTEN.get(type(record), ()) if since <= level)
    return next(found, 0)


def level_for(records: Iterable[Record], features: Mapping[str, int]) -> int:
    """The level at which these records are written: the one that they begin, or that they find."""
    for record in records:
        if isinstance(record, m.FeatureLevelRecord) and record.name == METADATA_VERSION_FEATURE:
            return record.feature_level
    return features.get(METADATA_VERSION_FEATURE, METADATA_VERSION)


def _change_version(record: m.BrokerRegistrationChangeRecord) -> int:
    """The lowest version that carries what changes."""
    if record.cordoned_log_dirs is not None:
        return 3
    if record.log_dirs:
        return 2
    return 1 if record.in_controlled_shutdown else 0


def encode_record(record: Record, level: int = METADATA_VERSION) -> bytes:
    if isinstance(record, UnknownRecord):
        version, body = record.version, record.body
        kind = record.type
    else:
        version = written_version(record, level)
        kind, body = record.api_key, encode(record, version)
    return uvarint(FRAME_VERSION) + uvarint(kind) + uvarint(version) + body


def decode_record(value: Buffer) -> Record:
    """Raises Malformed when the frame or the record is not what this release can read."""
    view = memoryview(value)
    try:
        frame, position = read_uvarint(view, 0)
        kind, position = read_uvarint(view, position)
        version, position = read_uvarint(view, position)
    except IndexError:
        raise Malformed(f"a metadata record of {len(view)} bytes ends within its frame") from None
    if frame != FRAME_VERSION:
        raise Malformed(f"a metadata record has frame version {frame}; only 1 can be read")
    cls = _KNOWN.get(kind)
    if cls is None:
        return UnknownRecord(kind, version, bytes(view[position:]))
    if version > cls.versions[1]:
        raise Malformed(
            f"{cls.__name__} has version {version}; this release reads up to {cls.versions[1]}: "
            "the folder was written by a newer Kafka"
        )
    record, end = decode_from(cls, version, view, position)
    if end != len(view):
        raise Malformed(f"{cls.__name__} is followed by {len(view) - end} bytes that mean nothing")
    return record
