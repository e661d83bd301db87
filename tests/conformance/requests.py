"""The one way to speak of a request: its name, and its fields as dictionaries and lists.

    request("Metadata", topics=[{"name": "t"}])

What is left out has its default in the schema. `said` is the way back: what it prints can be put
into a story.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from sys import modules
from typing import Any

from moldau.protocol.schema import Field, Message, Struct

# What a client means by leaving a field out, where the schema's default says something else.
MEANT: Mapping[str, Mapping[str, Any]] = {
    "Produce": {"acks": -1, "timeout_ms": 30_000},
    "Fetch": {"max_wait_ms": 0, "min_bytes": 1, "max_bytes": 1 << 25},
    "ListOffsets": {"replica_id": -1, "timeout_ms": 30_000},
    "CreateTopics": {"timeout_ms": 30_000},
    "CreatePartitions": {"timeout_ms": 30_000},
    "DeleteTopics": {"timeout_ms": 30_000},
    "DeleteRecords": {"timeout_ms": 30_000},
    "JoinGroup": {
        "session_timeout_ms": 30_000,
        "rebalance_timeout_ms": 5_000,
        "protocol_type": "consumer",
    },
}
MEANT_IN: Mapping[str, Mapping[str, Any]] = {
    "FetchPartition": {"partition_max_bytes": 1 << 25},
    "CreatableTopic": {"num_partitions": 1, "replication_factor": 1},
    "CreatePartitionsTopic": {"assignments": None},
    "DescribeConfigsResource": {"configuration_keys": None},
}
UNKNOWN_ID = b"no such topic id"  # of as many bytes as an id has
_SHOWN = 24  # bytes of a value in a report


@cache
def request_class(name: str) -> type[Message]:
    snake = "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
    found: type[Message] = getattr(
        import_module(f"moldau.protocol.messages.{snake}"), f"{name}Request"
    )
    return found


def answer_class(request: type[Message]) -> type[Message]:
    found: type[Message] = getattr(modules[request.__module__], f"{name_of(request)}Response")
    return found


def name_of(message: Message | type[Message]) -> str:
    """ "Metadata" for its request and its response."""
    cls = message if isinstance(message, type) else type(message)
    return cls.__name__.removesuffix("Request").removesuffix("Response")


def request(name: str, /, **fields: Any) -> Message:
    made = _struct(request_class(name), {**MEANT.get(name, {}), **fields})
    assert isinstance(made, Message)
    return made


def _struct(cls: type[Struct], fields: Mapping[str, Any]) -> Struct:
    known = {f.name: f for f in cls.fields}
    wanted = {**MEANT_IN.get(cls.__name__, {}), **fields}
    assert wanted.keys() <= known.keys(), f"{cls.__name__} has no {wanted.keys() - known.keys()}"
    return cls(**{name: _value(known[name], value) for name, value in wanted.items()})


def _value(field: Field, value: Any) -> Any:
    if field.kind == "struct" and isinstance(value, Mapping):
        return _struct(field.of, value)
    if field.kind == "array" and not isinstance(field.of, str) and isinstance(value, list):
        return [_struct(field.of, v) if isinstance(v, Mapping) else v for v in value]
    return value


def said(message: Message, version: int) -> str:
    """A request as it would be asked again."""
    return f'"{name_of(message)}", {version}, {_fields(message, version, ", ", "=")}'.rstrip(", ")


def _fields(value: Struct, version: int, between: str, equals: str) -> str:
    quote = '"' if equals == ": " else ""
    return between.join(
        f"{quote}{f.name}{quote}{equals}{_said(getattr(value, f.name), version)}"
        for f in type(value).fields
        if f.carried_in(version) and not _is_default(f, getattr(value, f.name))
    )


def _is_default(field: Field, value: Any) -> bool:
    if isinstance(value, int | str | bytes | bool | None):
        return bool(value == field.default)
    return isinstance(value, list | tuple) and not value and field.nullable == (1, 0)


def _said(value: Any, version: int) -> str:
    if isinstance(value, Struct):
        return f"{{{_fields(value, version, ', ', ': ')}}}"
    if isinstance(value, list):
        return f"[{', '.join(_said(item, version) for item in value)}]"
    if isinstance(value, bytes) and len(value) > _SHOWN:
        return f"{value[:_SHOWN]!r}…"
    if isinstance(value, str) and len(value) > 10 * _SHOWN:
        return f"{value[:_SHOWN]!r}…"
    return repr(value)


# --- what stories say often ----------------------------------------------------------------------


def produce(topic: str, records: Any, partition: int = 0, **fields: Any) -> Message:
    """By name: up to version 12."""
    data = [{"index": partition, "records": records}]
    return request("Produce", topic_data=[{"name": topic, "partition_data": data}], **fields)


def init_producer(
    producer_id: Any = -1, producer_epoch: int = -1, transactional_id: str | None = None
) -> Message:
    return request(
        "InitProducerId",
        transactional_id=transactional_id,
        transaction_timeout_ms=1000,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
    )


def fetch(topic: str, offset: int = 0, partition: int = 0, **fields: Any) -> Message:
    """By name: up to version 12. What is meant for the partition is set on it."""
    inner = {"partition": partition, "fetch_offset": offset}
    for name in ("current_leader_epoch", "last_fetched_epoch", "partition_max_bytes"):
        if name in fields:
            inner[name] = fields.pop(name)
    return request("Fetch", topics=[{"topic": topic, "partitions": [inner]}], **fields)


def list_offsets(topic: str, *timestamps: int, **fields: Any) -> Message:
    """One timestamp for each partition, from 0 on."""
    partitions = [{"partition_index": i, "timestamp": t} for i, t in enumerate(timestamps)]
    return request("ListOffsets", topics=[{"name": topic, "partitions": partitions}], **fields)
