"""Keys and values as kafka-dump-log shows them: by a decoder class, or as records of Kafka's own
topics.

Apache Kafka: DumpLogSegments.MessageParser and its classes; tools-api/…/Decoder.java and its
classes; server-common/…/serialization/AbstractApiMessageSerde.java;
coordinator-common/…/CoordinatorRecordSerde.java.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from functools import cache
from struct import Struct as Layout
from typing import Any

from moldau.protocol.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolSubscription,
)
from moldau.protocol.schema import Message
from moldau.tools.coordinator_records import (
    Kinds,
    UnknownType,
    coordinator_kinds,
    group_kinds,
    messages_of,
    read_record,
)
from moldau.tools.deserializers import byte_array
from moldau.tools.java_messages import JavaError, read_message, read_uvarint
from moldau.tools.java_numbers import as_short
from moldau.tools.java_text import utf8
from moldau.tools.message_json import as_json, dumps

_PACKAGE = "org.apache.kafka.tools.api."
_UNSUPPORTED = "org.apache.kafka.common.errors.UnsupportedVersionException"
_NO_VALUE = (
    'Cannot invoke "java.nio.ByteBuffer.remaining()" because the return value of '
    '"org.apache.kafka.common.record.internal.Record.value()" is null'
)
Shown = tuple[str | None, str | None]


class NoDecoder(ValueError):
    """There is no such class, or it is no decoder."""


# --- decoder classes


class ClassDecoder:
    """Two classes of Kafka's org.apache.kafka.tools.api. Raises NoDecoder."""

    def __init__(self, key_class: str, value_class: str) -> None:
        self._value = _decoder_class(value_class)
        self._key = _decoder_class(key_class)

    def show(self, _offset: int, key: bytes | None, value: bytes | None) -> Shown:
        shown_key = None if key is None else self._key(key)
        return shown_key, None if value is None else self._value(value)


def _decoder_class(name: str) -> Callable[[bytes], str]:
    decoder = _DECODERS.get(name.removeprefix(_PACKAGE)) if name.startswith(_PACKAGE) else None
    if decoder is None:
        raise NoDecoder(
            f"There is no decoder {name} here: a Java class cannot run; name one of {_PACKAGE}: "
            f"{', '.join(_DECODERS)}"
        )
    return decoder


def _number(layout: Layout) -> Callable[[bytes], str]:
    def decode(data: bytes) -> str:
        if len(data) < layout.size:
            raise ValueError(f"{len(data)} bytes are no number of {layout.size} bytes")
        return str(layout.unpack_from(data)[0])

    return decode


_DECODERS = {
    "StringDecoder": utf8,
    "LongDecoder": _number(Layout(">q")),
    "IntegerDecoder": _number(Layout(">i")),
    "DefaultDecoder": byte_array,
}


# --- records of coordinators


class CoordinatorDecoder:
    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds

    def show(self, offset: int, key: bytes | None, value: bytes | None) -> Shown:
        """Raises ValueError for a record without a key."""
        if key is None:
            raise ValueError(
                f"Failed to decode message at offset {offset} using the specified decoder "
                "(message had a missing key)"
            )
        try:
            said = read_record(self._kinds, key, value)
        except UnknownType as unknown:
            return f"Unknown record type {unknown.kind} at offset {offset}, skipping.", None
        except JavaError as error:
            return f"Error at offset {offset}, skipping. {error}", None
        shown_key = dumps({"type": str(said.kind), "data": said.key})
        if said.value is None:
            return shown_key, "<DELETE>"
        _open_members(said.value)
        return shown_key, dumps({"version": str(said.version), "data": said.value})


def _open_members(value: dict[str, Any]) -> None:
    """Shows what the consumers of a classic group say to each other."""
    if value.get("protocolType") == "consumer":
        for member in value["members"]:
            _open(member, "subscription", ConsumerProtocolSubscription)
            _open(member, "assignment", ConsumerProtocolAssignment)


def _open(member: dict[str, Any], name: str, cls: type[Message]) -> None:
    """What cannot be read stays as it is."""
    data = a2b_base64(member[name])
    version = int.from_bytes(data[:2], "big", signed=True)
    try:
        member[name] = as_json(read_message(cls, version, data, 2)[0], version)
    except JavaError:
        return


# --- records of the metadata log, and of tiered storage


class MetadataDecoder:
    def show(self, offset: int, _key: bytes | None, value: bytes | None) -> Shown:
        kinds = _by_type("metadata_log")
        try:
            message, version = _read_framed(kinds, value or b"")
        except JavaError as error:
            return None, f"Error at {offset}, skipping. {error}"
        said = {"type": record_type(message), "version": version, "data": as_json(message, version)}
        return None, dumps(said)


def record_type(message: Message) -> str:
    """TopicRecord is TOPIC_RECORD."""
    name = type(message).__name__
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


@cache
def _by_type(module: str) -> dict[int, type[Message]]:
    return {cls.api_key: cls for cls in messages_of(module).values()}


def _read_framed(kinds: Mapping[int, type[Message]], data: bytes) -> tuple[Message, int]:
    """A message behind the numbers of its frame, its type and its version. Raises JavaError."""
    frame, position = _framing(data, 0, "frame version")
    if frame == 0:
        raise JavaError(
            "Could not deserialize metadata record with frame version 0. Note that upgrades from "
            "the preview release of KRaft in 2.8 to newer versions are not supported."
        )
    if frame != 1:
        raise JavaError(
            "Could not deserialize metadata record due to unknown frame version "
            f"{frame}(only frame version 1 is supported)"
        )
    kind, position = _framing(data, position, "type")
    version, position = _framing(data, position, "version")
    if kind not in kinds:
        raise JavaError(f"{_UNSUPPORTED}: Unknown metadata id {kind}")
    try:
        message, position = read_message(kinds[kind], version, data, position, to_end=True)
    except JavaError:
        raise JavaError(f"Failed to deserialize record with type {kind}") from None
    if position < len(data):
        raise JavaError(f"Found {len(data) - position} byte(s) of garbage after {kind}")
    return message, version


def _framing(data: bytes, position: int, name: str) -> tuple[int, int]:
    try:
        value, position = read_uvarint(data, position)
    except JavaError:
        raise JavaError(f"Error while reading {name}") from None
    if value > 0x7FFF:
        raise JavaError(f"Value for {name} was too large.")
    return as_short(value), position


class RemoteLogDecoder:
    def show(self, offset: int, _key: bytes | None, value: bytes | None) -> Shown:
        from moldau.tools.remote_log_text import remote_log_text

        try:
            if value is None:
                raise JavaError(_NO_VALUE)
            message, _ = _read_framed(_by_type("remote_log_metadata"), value)
            return None, remote_log_text(message)
        except JavaError as error:
            return None, f"Error at offset {offset}, skipping. {error}"


def topic_decoder(name: str) -> MetadataDecoder | RemoteLogDecoder | CoordinatorDecoder:
    """The decoder of one of Kafka's own topics, by its option."""
    if name == "cluster-metadata":
        return MetadataDecoder()
    if name == "remote-log-metadata":
        return RemoteLogDecoder()
    if name == "offsets":
        return CoordinatorDecoder(group_kinds())
    module = {"transaction-log": "transaction_log", "share-group-state": "share_group_state"}[name]
    return CoordinatorDecoder(coordinator_kinds(module))
