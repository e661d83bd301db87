"""What the records of Kafka's own topics say: keys that begin with their type, values that begin
with their version.

Apache Kafka: coordinator-common/…/runtime/CoordinatorRecordSerde.java and its classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from moldau.protocol.schema import Message
from moldau.tools.java_messages import JavaError, read_message
from moldau.tools.message_json import as_json

Kinds = Mapping[int, tuple[type[Message], type[Message]]]


class UnknownType(ValueError):
    """The key is of a type that nobody knows."""

    def __init__(self, kind: int) -> None:
        super().__init__(kind)
        self.kind = kind


class Said(NamedTuple):
    """A record as JSON. Without a value (a tombstone) `version` and `value` are None."""

    kind: int
    key: dict[str, Any]
    version: int | None
    value: dict[str, Any] | None


@cache
def messages_of(*modules: str) -> dict[str, type[Message]]:
    """The messages that some modules of `protocol.messages` define, by their names."""
    return {
        name: value
        for module in modules
        for name, value in vars(import_module(f"moldau.protocol.messages.{module}")).items()
        if isinstance(value, type) and issubclass(value, Message) and value is not Message
    }


def coordinator_kinds(*modules: str) -> Kinds:
    """The keys and values of the records of a coordinator, by their type."""
    classes = messages_of(*modules)
    return {
        cls.api_key: (cls, classes[f"{name.removesuffix('Key')}Value"])
        for name, cls in classes.items()
        if name.endswith("Key")
    }


def group_kinds() -> Kinds:
    """The records of `__consumer_offsets`."""
    return coordinator_kinds(
        "consumer_offsets",
        "consumer_group_records",
        "share_group_records",
        "streams_group_records",
    )


def read_record(kinds: Kinds, key: bytes, value: bytes | None) -> Said:
    """Raises UnknownType, and JavaError for what cannot be read."""
    kind = _int16(key, "key")
    if kind not in kinds:
        raise UnknownType(kind)
    key_class, value_class = kinds[kind]
    said_key = as_json(_read(key_class, key, kind, "key"), 0)
    if value is None:
        return Said(kind, said_key, None, None)
    version = _int16(value, "value")
    if not value_class.versions[0] <= version <= value_class.versions[1]:
        raise JavaError(f"Found an unknown record version {version} for {kind} type")
    said_value = as_json(_read(value_class, value, version, "value"), version)
    return Said(kind, said_key, version, said_value)


def _int16(data: bytes, name: str) -> int:
    if len(data) < 2:
        raise JavaError(f"Could not read version from {name}'s buffer.")
    return int.from_bytes(data[:2], "big", signed=True)


def _read(cls: type[Message], data: bytes, version: int, name: str) -> Message:
    """A key's version is 0, but it is called by its type."""
    try:
        return read_message(cls, 0 if name == "key" else version, data, 2)[0]
    except JavaError as error:
        raise JavaError(
            f"Could not read record with version {version} from {name}'s buffer due to: {error}."
        ) from None
