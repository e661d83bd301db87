"""kio, which is generated from Kafka's own JSON, judges what it has; it needs no Java.

It reads what we write, field by field, and writes the same bytes; we read them back. What kio has
not (NOT_IN_KIO) is judged by Apache Kafka's own classes alone, in test_oracle_apache.
"""

from __future__ import annotations

import dataclasses
import datetime
import importlib
import io
import re
from typing import Any

import pytest
from hypothesis import given
from kio.serial import entity_reader, entity_writer

from moldau.protocol.codec import decode, encode
from moldau.protocol.schema import Message, Struct
from tests.protocol.generated import JUDGED, differences, messages_and_versions, values

# Records of Kafka's internal topics are no messages of its clients, and kio has only those.
NOT_IN_KIO = {
    "consumer_group_records",
    "consumer_offsets",
    "metadata_log",
    "remote_log_metadata",
    "share_group_records",
    "share_group_state",
    "streams_group_records",
    "transaction_log",
}


def module_of(cls: type[Message]) -> str:
    return cls.__module__.rpartition(".")[2]


def kio_class(cls: type[Message], version: int) -> Any | None:
    """kio's class for a message and version, or None."""
    name = cls.__name__
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    base, _, kind = snake.rpartition("_")
    folder, file = {
        "header": (snake, "header"),
        "request": (base, "request"),
        "response": (base, "response"),
    }.get(kind, (snake, "data"))
    try:
        return getattr(importlib.import_module(f"kio.schema.{folder}.v{version}.{file}"), name)
    except ImportError:
        return None


# Known without kio's modules: a test run that takes none of these need not load them.
CASES = [
    pytest.param(cls, version, id=f"{cls.__name__}-{version}")
    for cls, version in messages_and_versions()
    if module_of(cls) not in NOT_IN_KIO
]


@pytest.mark.parametrize(("cls", "version"), CASES)
@pytest.mark.slow
def test_values(cls: type[Message], version: int) -> None:
    theirs = kio_class(cls, version)
    assert theirs is not None
    read, write = entity_reader(theirs), entity_writer(theirs)

    @JUDGED
    @given(values(cls, version, modest=True))
    def judged(message: Message) -> None:
        ours = encode(message, version)
        said, size = read(ours, 0)
        assert size == len(ours)
        assert not differences(carried(message, version), plain(said))
        out = io.BytesIO()
        write(out, said)
        assert out.getvalue() == ours
        assert not differences(message, decode(cls, version, out.getvalue()))

    judged()


@pytest.mark.slow
def test_what_kio_lacks_is_known() -> None:
    lacks = {
        module_of(cls)
        for cls, version in messages_and_versions()
        if kio_class(cls, version) is None
    }
    assert lacks == NOT_IN_KIO


def carried(value: Any, version: int) -> Any:
    """A message as a list of its fields' values in the order of the schema."""
    if isinstance(value, Struct):
        fields = [f for f in type(value).fields if f.carried_in(version)]
        return [carried(getattr(value, f.name), version) for f in fields]
    if isinstance(value, list):
        return [carried(item, version) for item in value]
    return bytes(value) if isinstance(value, memoryview) else value


def plain(value: Any) -> Any:
    """kio's entity in the same form, its times and ids as the numbers and bytes on the wire."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return value
    said = []
    for field in dataclasses.fields(value):
        item, kind = getattr(value, field.name), field.metadata.get("kafka_type")
        if isinstance(item, tuple):
            said.append([_plain(one, kind) for one in item])
        else:
            said.append(_plain(item, kind))
    return said


def _plain(value: Any, kind: str | None) -> Any:
    if kind == "uuid":
        return bytes(16) if value is None else value.bytes
    if isinstance(value, datetime.timedelta):
        return value // datetime.timedelta(milliseconds=1)
    if isinstance(value, datetime.datetime):
        epoch = datetime.datetime.fromtimestamp(0, tz=datetime.UTC)
        return (value - epoch) // datetime.timedelta(milliseconds=1)
    if kind == "error_code":
        return int(value)
    return plain(value)
