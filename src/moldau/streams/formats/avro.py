"""Avro, with a schema that is given or made from the type (`avro_schema.py`); with a registry, in
its wire format."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from io import BytesIO
from typing import Any
from uuid import UUID

from moldau.streams.errors import BadRecord, DefinitionError
from moldau.streams.formats.avro_schema import schema_of
from moldau.streams.formats.basic import Format
from moldau.streams.formats.models import decode_hook, encode_hook
from moldau.streams.formats.registry import HEADER, Registry, header, id_of

_UNDECLARED = (Any, dict, dict[str, Any])


@dataclasses.dataclass(frozen=True)
class Avro:
    """`schema`: as JSON text or what that is in Python; None: made from the topic's type.
    `registry`: its address; None: bytes without a header. `subject`: None: `TOPIC-value`.
    `register`=False: the schema must be there.

    With a schema that is given, what others wrote is read as it says (its defaults, its aliases).
    """

    schema: Any = None
    registry: str | Registry | None = None
    subject: str | None = None
    register: bool = True

    def of(self, type_: Any, topic: str) -> Format:
        """Raises DefinitionError."""
        fastavro = _imported()
        try:
            given = json.loads(self.schema) if isinstance(self.schema, str) else self.schema
        except ValueError as error:
            raise DefinitionError(
                f"topic {topic!r}: this Avro schema is no JSON: {error}"
            ) from None
        if given is None and self.registry is not None and type_ in _UNDECLARED:
            schema = None  # it is only read
        else:
            schema = schema_of(type_, topic) if given is None else given
        is_given = given is not None
        if self.registry is None:
            return _Plain(fastavro, schema, type_, topic)
        registry = Registry(self.registry) if isinstance(self.registry, str) else self.registry
        subject = self.subject or f"{topic}-value"
        id = partial(registry.id, subject, kind="AVRO", register=self.register)
        return _Registered(fastavro, schema, type_, topic, registry, id, is_given)


class _Plain:
    def __init__(self, fastavro: Any, schema: Any, type_: Any, topic: str) -> None:
        self._fastavro = fastavro
        self._topic = topic
        self.text = json.dumps(schema)
        self._schema = None if schema is None else _parsed(fastavro, schema)
        self._plain = _plainer(self.text)
        self._convert = _converter(type_)

    def encode(self, value: Any) -> bytes:
        if self._schema is None:
            raise TypeError(
                f"topic {self._topic!r} has no type and no Avro schema to write it with: "
                f"moldau.Avro(schema=..., registry=...)"
            )
        out = BytesIO()
        self._fastavro.schemaless_writer(out, self._schema, self._plain(value))
        return out.getvalue()

    def decode(self, data: bytes) -> Any:
        return self._read(data, 0, self._schema, None)

    def _read(self, data: bytes, begin: int, writer: Any, reader: Any) -> Any:
        source = BytesIO(data)
        source.seek(begin)
        value = self._fastavro.schemaless_reader(source, writer, reader)
        if source.tell() < len(data):
            raise BadRecord(
                f"behind its value are {len(data) - source.tell()} bytes: it was written with "
                f"another Avro schema, or in another format"
            )
        return self._convert(value)


class _Registered(_Plain):
    """Read with the schema that the writer had, and as the one that was given says."""

    def __init__(
        self,
        fastavro: Any,
        schema: Any,
        type_: Any,
        topic: str,
        registry: Registry,
        id: Callable[[str], int],
        is_given: bool,
    ) -> None:
        super().__init__(fastavro, schema, type_, topic)
        self._registry = registry
        self._id = id
        self._reader = self._schema if is_given else None
        self._header: bytes | None = None
        self._writers: dict[int, Any] = {}

    def encode(self, value: Any) -> bytes:
        data = super().encode(value)
        if self._header is None:
            self._header = header(self._id(self.text))
        return self._header + data

    def decode(self, data: bytes) -> Any:
        id = id_of(data)
        writer = self._writers.get(id)
        if writer is None:
            writer = self._writers[id] = self._writer(id)
        return self._read(data, HEADER, writer, self._reader)

    def _writer(self, id: int) -> Any:
        found = self._registry.schema(id)
        named: dict[str, Any] = {}
        for one in found.references:
            self._fastavro.parse_schema(json.loads(one), named_schemas=named)
        return self._fastavro.parse_schema(json.loads(found.text), named_schemas=named)


def _parsed(fastavro: Any, schema: Any) -> Any:
    """Raises DefinitionError."""
    try:
        return fastavro.parse_schema(schema)
    except (fastavro.schema.SchemaParseException, LookupError, TypeError, ValueError) as error:
        raise DefinitionError(f"this Avro schema cannot be read: {error}") from None


def _imported() -> Any:
    try:
        import fastavro
    except ImportError:
        raise DefinitionError("format 'avro' needs fastavro: pip install 'moldau[avro]'") from None
    return fastavro


def _plainer(schema: str) -> Callable[[Any], Any]:
    """From values to what fastavro writes. A Decimal stays one only where the schema has them;
    times without a zone are UTC (fastavro takes them for this machine's)."""
    import msgspec

    kept: tuple[type, ...] = (datetime, date, time, bytes, UUID)
    if '"decimal"' in schema:
        kept += (Decimal,)

    def plain(value: Any) -> Any:
        return msgspec.to_builtins(value, builtin_types=kept, enc_hook=encode_hook)

    return (lambda value: _in_utc(plain(value))) if '"timestamp-' in schema else plain


def _in_utc(value: Any) -> Any:
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if isinstance(value, dict):
        return {key: _in_utc(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_in_utc(one) for one in value]
    return value


def _converter(type_: Any) -> Callable[[Any], Any]:
    if type_ in _UNDECLARED:
        return lambda value: value
    import msgspec

    return lambda value: msgspec.convert(value, type_, dec_hook=decode_hook)
