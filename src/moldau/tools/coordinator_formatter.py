"""Records of Kafka's own topics as the console consumer shows them: one JSON object behind the
other, with nothing between.

Apache Kafka: org.apache.kafka.tools.consumer.CoordinatorRecordMessageFormatter, 4.3.1.
"""

from __future__ import annotations

from collections.abc import Container
from typing import BinaryIO

from moldau.tools.coordinator_records import (
    Kinds,
    UnknownType,
    coordinator_kinds,
    group_kinds,
    read_record,
)
from moldau.tools.formatters import Record
from moldau.tools.java_messages import JavaError
from moldau.tools.message_json import dumps

_OFFSETS = (0, 1)
_GROUP = (2,)
_SHARE_GROUP = range(10, 16)


class CoordinatorFormatter:
    """Shows records of some types; those of other types print nothing, but must be readable."""

    def __init__(self, kinds: Kinds, shown: Container[int]) -> None:
        self._kinds = kinds
        self._shown = shown

    def write(self, record: Record, out: BinaryIO) -> None:
        if record.key is None:
            return
        try:
            said = read_record(self._kinds, record.key, record.value)
        except UnknownType:
            return
        except JavaError as error:
            raise ValueError(
                f"Could not read record at offset {record.offset} due to: {error}"
            ) from None
        if said.kind not in self._shown:
            return
        value = None if said.value is None else {"version": said.version, "data": said.value}
        key = {"type": said.kind, "data": said.key}
        out.write(dumps({"key": key, "value": value}).encode())


def coordinator_formatter(name: str) -> CoordinatorFormatter | None:
    """By the first word of its class's name; None for a class that is none of them."""
    if name == "TransactionLog":
        kinds = coordinator_kinds("transaction_log")
        return CoordinatorFormatter(kinds, kinds)
    shown = {"Offsets": _OFFSETS, "GroupMetadata": _GROUP, "ShareGroup": _SHARE_GROUP}.get(name)
    return None if shown is None else CoordinatorFormatter(group_kinds(), shown)
