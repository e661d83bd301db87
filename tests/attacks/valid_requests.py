"""Requests that are right, for every API and version that is served: what the mutations begin with.

Values are drawn by the schema; names are mostly those of topics and groups that exist, so that a
mutant gets past the first check as often as not.
"""

from __future__ import annotations

from importlib import import_module
from random import Random
from typing import Any

from moldau.broker.served import SERVED
from moldau.protocol.records import Record, build
from moldau.protocol.schema import Field, Message, Struct
from tests.attacks.raw import NOW

TOPICS = ("red", "green", "compacted", "gzipped", "no-such-topic", "", "bad name", "__x", "x" * 249)
GROUPS = ("group", "other", "")
CONFIGS = ("retention.ms", "cleanup.policy", "compression.type", "max.message.bytes", "nonsense")
# Small most of the time: these are counts, indexes, versions and enums.
_NUMBERS = (-2, -1, -1, 0, 0, 0, 1, 1, 2, 3, 5, 30, 1000, 6000, 1 << 20, (1 << 31) - 1, -(1 << 31))
_WIDTH = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
# A wait that ends: requests on one connection are answered in their order.
_WAITS = {
    "max_wait_ms": 5,
    "session_timeout_ms": 6000,
    "rebalance_timeout_ms": 20,
    # So that a run does not fill the memory with partitions.
    "num_partitions": 3,
    "count": 5,
}


def request_class(api_key: int) -> type[Message]:
    name = SERVED[api_key][0]
    snake = "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
    module = import_module(f"moldau.protocol.messages.{snake}")
    found: type[Message] = getattr(module, f"{name}Request")
    return found


class Drawer:
    """Draws messages. `topic_ids` are ids of topics that exist."""

    def __init__(self, rng: Random, topic_ids: list[bytes]) -> None:
        self.rng = rng
        self.topic_ids = topic_ids

    def message(self, cls: type[Message], version: int) -> Message:
        drawn = self.struct(cls, version)
        assert isinstance(drawn, cls)
        return drawn

    def struct(self, cls: type[Struct], version: int) -> Struct:
        values = {
            field.name: self._field(field, version)
            for field in cls.fields
            if field.carried_in(version)
        }
        return cls(**values)

    def _field(self, field: Field, version: int) -> Any:
        if field.nullable_in(version) and self.rng.random() < 0.2:
            return None
        if field.name in _WAITS:
            return _WAITS[field.name]
        if field.kind == "struct":
            return self.struct(field.of, version)
        if field.kind == "array":
            return [self._element(field, version) for _ in range(self.rng.choice((0, 1, 1, 2)))]
        return self._value(field.kind, field.name)

    def _element(self, field: Field, version: int) -> Any:
        if isinstance(field.of, str):
            return self._value(field.of, field.name)
        return self.struct(field.of, version)

    def _value(self, kind: str, name: str) -> Any:
        rng = self.rng
        if kind in _WIDTH:
            half = 1 << (_WIDTH[kind] - 1)
            return max(-half, min(half - 1, rng.choice(_NUMBERS)))
        if kind.startswith("uint"):
            return rng.randrange(1 << 15)
        if kind == "uuid":
            return rng.choice(self.topic_ids) if rng.random() < 0.7 else rng.randbytes(16)
        if kind == "string":
            return self._string(name)
        if kind == "bytes":
            return rng.randbytes(rng.choice((0, 1, 40)))
        if kind == "records":
            return self._records()
        return {"bool": rng.random() < 0.5, "float64": rng.random()}[kind]

    def _string(self, name: str) -> str:
        if "group" in name or name == "key":
            return self.rng.choice(GROUPS)
        if name == "transactional_id":
            return self.rng.choice(("", "transaction"))
        if "value" in name:
            return self.rng.choice(("compact", "gzip", "1000000", "-1", "delete,compact", "é"))
        return self.rng.choice(TOPICS + CONFIGS) if self.rng.random() < 0.3 else "red"

    def _records(self) -> bytes:
        rng = self.rng
        producer, epoch, sequence = rng.choice(((-1, -1, -1), (1, 0, 0)))
        records = [
            Record(0, NOW, rng.choice((None, b"k")), rng.choice((None, b"v", bytes(300))))
            for _ in range(rng.choice((1, 1, 5)))
        ]
        return build(
            records,
            codec=rng.randrange(5),
            producer_id=producer,
            producer_epoch=epoch,
            base_sequence=sequence,
        )
