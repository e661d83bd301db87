"""Which format a topic has: by its name, by the type of its values, or as it was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moldau.streams.errors import DefinitionError
from moldau.streams.formats.avro import Avro
from moldau.streams.formats.basic import Format, Json, MessagePack, Raw, Schema, Text
from moldau.streams.formats.protobuf import Protobuf

_NAMED: dict[str, Callable[[Any], Format]] = {"json": Json, "msgpack": MessagePack}


def format_of(type_: Any, named: str | Format | Schema | None, topic: str) -> Format:
    """What a topic of that type is written as. Raises DefinitionError."""
    if named is not None and not isinstance(named, str):
        made: Format = named.of(type_, topic) if hasattr(named, "of") else named
        return made
    if named == "raw" or (named is None and type_ is bytes):
        return Raw()
    if named == "text" or (named is None and type_ is str):
        return Text()
    if named == "protobuf" or (named is None and hasattr(type_, "FromString")):
        return Protobuf().of(type_, topic)
    if named == "avro":
        return Avro().of(type_, topic)
    name = named or "json"
    if name not in _NAMED:
        raise DefinitionError(
            f"format={named!r} is not one of json, msgpack, raw, text, avro, protobuf"
        )
    return _NAMED[name](type_)
