"""An Avro schema from a type.

Fields are called what they are called in JSON. A field with a default has it in the schema too, so
that readers and writers may differ by it. A Decimal is a string of its digits, as in JSON: Avro's
own needs a scale, which a type does not say. Times are timestamp-micros.
"""

from __future__ import annotations

import dataclasses
import re
import types as python_types
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, is_typeddict
from uuid import UUID

from moldau.streams import types
from moldau.streams.errors import DefinitionError

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
    time: {"type": "long", "logicalType": "time-micros"},
    UUID: {"type": "string", "logicalType": "uuid"},
}
_MISSING: Any = object()
_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHOWN = (type(None), bool, int, float, str)  # defaults that a schema can say


class Field(NamedTuple):
    """`name`: in what is written."""

    name: str
    type: Any
    default: Any


def schema_of(type_: Any, topic: str) -> Any:
    """Raises DefinitionError for what Avro has no word for."""
    return _Schemas(topic).of(type_)


class _Schemas:
    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._known: dict[str, Any] = {}

    def of(self, type_: Any) -> Any:
        type_ = types.unwrapped(type_)
        origin, arguments = get_origin(type_), get_args(type_)
        if origin is None and isinstance(type_, type) and type_ in _PLAIN:
            return _PLAIN[type_]
        if origin in (Union, python_types.UnionType):
            return self._union([one for one in arguments if one is not type(None)], arguments)
        if origin is Literal:
            return self._values(type_, list(arguments), None)
        if isinstance(type_, type) and issubclass(type_, Enum):
            return self._values(type_, [one.value for one in type_], type_.__name__)
        if isinstance(origin, type) and arguments:
            if issubclass(origin, Mapping) and arguments[0] is str:
                return {"type": "map", "values": self.of(arguments[1])}
            items = {one for one in arguments if one is not ...}
            if issubclass(origin, (Sequence, set, frozenset)) and len(items) == 1:
                return {"type": "array", "items": self.of(arguments[0])}
        return self._record(type_)

    def _union(self, kinds: list[Any], arguments: tuple[Any, ...]) -> Any:
        made: list[Any] = ["null"] if len(kinds) < len(arguments) else []
        for one in kinds:
            schema = self.of(one)
            if schema not in made:
                made.append(schema)
        names = [_kind(one) for one in made]
        records = [one for one in kinds if _tag(one) is None and types.declared(one) is not None]
        if len(set(names)) < len(names) or (len(kinds) > 1 and len(records) > 1):
            shown = ", ".join(getattr(one, "__name__", str(one)) for one in kinds)
            raise self._refused(f"a union of {shown}, which cannot be told apart when it is read")
        return made

    def _values(self, type_: Any, values: list[Any], name: str | None) -> Any:
        """Of an enumeration."""
        if all(type(one) is int for one in values):
            return "long"
        if not values or not all(isinstance(one, str) for one in values):
            raise self._refused(repr(type_))
        if name is None or not all(_SYMBOL.fullmatch(one) for one in values):
            return "string"
        if self._is_known(name, type_):
            return name
        return {"type": "enum", "name": name, "symbols": values}

    def _record(self, type_: Any) -> Any:
        if not isinstance(type_, type) or types.declared(type_) is None or hasattr(type_, "_make"):
            raise self._refused(repr(type_))
        name = type_.__name__
        if self._is_known(name, type_):
            return name
        fields = [self._field(one) for one in _fields(type_, self._refused)]
        tag = _tag(type_)
        if tag is not None:
            symbols = {"type": "enum", "name": f"{name}_{tag[0]}", "symbols": [tag[1]]}
            fields.insert(0, {"name": tag[0], "type": symbols})
        return {"type": "record", "name": name, "fields": fields}

    def _field(self, field: Field) -> dict[str, Any]:
        schema = self.of(field.type)
        if field.default is _MISSING:
            return {"name": field.name, "type": schema}
        if isinstance(schema, list) and field.default is not None:
            if len(schema) > 2 or schema[0] != "null":  # of which of them the default is?
                return {"name": field.name, "type": schema}
            schema = schema[::-1]  # a default is of the first
        return {"name": field.name, "type": schema, "default": field.default}

    def _is_known(self, name: str, type_: Any) -> bool:
        """Was it told of already? Raises DefinitionError where another has its name."""
        if name not in self._known:
            self._known[name] = type_
            return False
        if self._known[name] is not type_:
            raise self._refused(f"two types that are named {name}")
        return True

    def _refused(self, what: str) -> DefinitionError:
        return DefinitionError(
            f"topic {self._topic!r}: Avro has no schema for {what}; give one: "
            f"format=moldau.Avro(schema=...)"
        )


def _kind(schema: Any) -> str:
    """Of which a union may have one."""
    if isinstance(schema, str):
        return schema
    return str(schema.get("name", schema["type"]))


def _tag(type_: Any) -> tuple[str, Any] | None:
    """The field, and its value, by which msgspec tells a Struct from others."""
    config = getattr(type_, "__struct_config__", None)
    if config is None or not isinstance(config.tag, str) or not _SYMBOL.fullmatch(config.tag):
        return None
    return config.tag_field, config.tag


def _fields(type_: Any, refused: Any) -> Iterator[Field]:
    hints = types.declared(type_) or {}
    if is_typeddict(type_):
        if type_.__optional_keys__:
            raise refused(f"{type_.__name__}, of which keys may be missing")
        for name, hint in hints.items():
            yield Field(name, hint, _MISSING)
    elif hasattr(type_, "__struct_fields__"):
        import msgspec

        for one in msgspec.structs.fields(type_):
            default = _default(one.default, one.default_factory, msgspec.NODEFAULT)
            yield Field(one.encode_name, one.type, default)
    elif dataclasses.is_dataclass(type_):
        for its in dataclasses.fields(type_):
            default = _default(its.default, its.default_factory, dataclasses.MISSING)
            yield Field(its.name, hints[its.name], default)
    else:
        yield from _of_model(type_, hints)


def _of_model(type_: Any, hints: Mapping[str, Any]) -> Iterator[Field]:
    """Of pydantic."""
    for name, hint in hints.items():
        info = type_.model_fields[name]
        default = _MISSING
        if not info.is_required():
            default = _shown(info.default if info.default_factory is None else _MISSING)
        yield Field(info.serialization_alias or info.alias or name, hint, default)


def _default(default: Any, factory: Any, none: Any) -> Any:
    if default is not none:
        return _shown(default)
    return _shown(factory()) if factory in (list, dict) else _MISSING


def _shown(default: Any) -> Any:
    """As a schema says it, or _MISSING."""
    value = default.value if isinstance(default, Enum) else default
    value = str(value) if isinstance(value, Decimal) else value
    return value if value in ([], {}) or isinstance(value, _SHOWN) else _MISSING
