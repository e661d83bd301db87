"""Avro, with a schema that is given or made from the type; with a registry, in its wire format.

A type's Decimal is a string of its digits, as in JSON: Avro's own needs a scale, which a type does
not say. Times are timestamp-micros.
"""

from __future__ import annotations

import dataclasses
import json
import types as python_types
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any, Union, get_args, get_origin
from uuid import UUID

from moldau.streams import types
from moldau.streams.errors import DefinitionError
from moldau.streams.formats.basic import Format
from moldau.streams.formats.registry import HEADER, Registry, header, id_of

_PLAIN: dict[Any, Any] = {
    str: "string",
    int: "long",
    float: "double",
    bool: "boolean",
    bytes: "bytes",
    Decimal: "string",
    type(None): "null",
    datetime: {"type": "long", "logicalType": "timestamp-micros"},
    date: {"type": "int", "logicalType": "date"},
    UUID: {"type": "string", "logicalType": "uuid"},
}


@dataclasses.dataclass(frozen=True)
class Avro:
    """`schema`: as JSON text or what that is in Python; None: made from the topic's type.
    `registry`: its address; None: bytes without a header. `subject`: None: `TOPIC-value`."""

    schema: Any = None
    registry: str | Registry | None = None
    subject: str | None = None

    def of(self, type_: Any, topic: str) -> Format:
        """Raises DefinitionError."""
        schema = json.loads(self.schema) if isinstance(self.schema, str) else self.schema
        schema = schema_of(type_, topic) if schema is None else schema
        if self.registry is None:
            return _Plain(schema, type_)
        registry = Registry(self.registry) if isinstance(self.registry, str) else self.registry
        return _Registered(schema, type_, registry, self.subject or f"{topic}-value")


def schema_of(type_: Any, topic: str) -> Any:
    """Raises DefinitionError for what Avro has no word for."""
    return _schema(type_, topic, set())


def _schema(type_: Any, where: str, known: set[str]) -> Any:
    if type_ in _PLAIN:
        return _PLAIN[type_]
    origin, arguments = get_origin(type_), get_args(type_)
    if origin in (Union, python_types.UnionType):
        nulls_first = sorted(arguments, key=lambda one: one is not type(None))
        return [_schema(one, where, known) for one in nulls_first]
    if origin in (list, tuple) and arguments:
        return {"type": "array", "items": _schema(arguments[0], where, known)}
    if origin is dict and arguments[:1] == (str,):
        return {"type": "map", "values": _schema(arguments[1], where, known)}
    found = types.declared(type_)
    if found is None:
        raise DefinitionError(
            f"topic {where!r}: Avro has no schema for {type_!r}; give one: "
            f"format=moldau.Avro(schema=...)"
        )
    if type_.__name__ in known:
        return type_.__name__
    known.add(type_.__name__)
    fields = [{"name": name, "type": _schema(one, where, known)} for name, one in found.items()]
    return {"type": "record", "name": type_.__name__, "fields": fields}


class _Plain:
    def __init__(self, schema: Any, type_: Any) -> None:
        self._fastavro = _imported()
        self.text = json.dumps(schema)
        try:
            self._schema = self._fastavro.parse_schema(schema)
        except self._fastavro.schema.SchemaParseException as error:
            raise DefinitionError(f"this Avro schema cannot be read: {error}") from None
        self._plain = _plainer(self.text)
        self._convert = _converter(type_)

    def encode(self, value: Any) -> bytes:
        out = BytesIO()
        self._fastavro.schemaless_writer(out, self._schema, self._plain(value))
        return out.getvalue()

    def decode(self, data: bytes) -> Any:
        return self._read(data, 0, self._schema)

    def _read(self, data: bytes, begin: int, schema: Any) -> Any:
        source = BytesIO(data)
        source.seek(begin)
        return self._convert(self._fastavro.schemaless_reader(source, schema, None))


class _Registered(_Plain):
    """Read with the schema that the writer had."""

    def __init__(self, schema: Any, type_: Any, registry: Registry, subject: str) -> None:
        super().__init__(schema, type_)
        self._registry = registry
        self._subject = subject
        self._header: bytes | None = None
        self._schemas: dict[int, Any] = {}

    def encode(self, value: Any) -> bytes:
        data = super().encode(value)
        if self._header is None:
            self._header = header(self._registry.register(self._subject, self.text, "AVRO"))
        return self._header + data

    def decode(self, data: bytes) -> Any:
        id = id_of(data)
        schema = self._schemas.get(id)
        if schema is None:
            schema = self._fastavro.parse_schema(json.loads(self._registry.schema(id)))
            self._schemas[id] = schema
        return self._read(data, HEADER, schema)


def _imported() -> Any:
    try:
        import fastavro
    except ImportError:
        raise DefinitionError("format 'avro' needs fastavro: pip install 'moldau[avro]'") from None
    return fastavro


def _plainer(schema: str) -> Callable[[Any], Any]:
    """From values to what fastavro writes. A Decimal stays one only where the schema has them."""
    import msgspec

    from moldau.streams.formats.models import encode_hook

    kept: tuple[type, ...] = (datetime, date, bytes, UUID)
    if '"decimal"' in schema:
        kept += (Decimal,)

    def plain(value: Any) -> Any:
        return msgspec.to_builtins(value, builtin_types=kept, enc_hook=encode_hook)

    return plain


def _converter(type_: Any) -> Callable[[Any], Any]:
    if type_ is Any or type_ is dict:
        return lambda value: value
    import msgspec

    from moldau.streams.formats.models import decode_hook

    return lambda value: msgspec.convert(value, type_, dec_hook=decode_hook)
