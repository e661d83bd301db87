"""Protobuf messages as the verbs see them: their fields by name, with types and values of Python's.

A Timestamp is a datetime (UTC), a Duration a timedelta, a repeated field a list, a map a dict, an
enumeration its number. A field that can tell whether it was set (a message, one that is `optional`
or of a `oneof`) is None where it was not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any, Optional

from moldau.streams.errors import BadRecord

_TYPES = {1: int, 2: int, 3: int, 4: int, 5: float, 6: float, 7: bool, 8: int, 9: str}
_MESSAGE, _BYTES, _REPEATED = 10, 12, 3
_KNOWN: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "google.protobuf.Timestamp": (datetime, lambda one: one.ToDatetime(UTC)),
    "google.protobuf.Duration": (timedelta, lambda one: one.ToTimedelta()),
}


def is_message(type_: Any) -> bool:
    """A class that protoc makes, or a value of one?"""
    return hasattr(type_, "DESCRIPTOR") and hasattr(type_, "SerializeToString")


def types_of(type_: Any) -> dict[str, Any]:
    """Of the fields of such a class."""
    return {name: _type(one) for name, one in type_.DESCRIPTOR.fields_by_name.items()}


def getter(type_: Any, name: str) -> Callable[[Any], Any]:
    """Reads a field."""
    field = type_.DESCRIPTOR.fields_by_name[name]
    get, convert = attrgetter(name), _conversion(field)
    if _entry(field) is not None:
        value = _conversion(_entry(field).fields_by_name["value"])
        return lambda message: {key: value(one) for key, one in get(message).items()}
    if _is_repeated(field):
        return lambda message: list(map(convert, get(message)))
    if _may_be_unset(field):
        return lambda message: convert(get(message)) if message.HasField(name) else None
    return get


def plain(message: Any) -> Any:
    """For JSON: the fields, as they are read by name; or what it is in Python."""
    known = _KNOWN.get(message.DESCRIPTOR.full_name)
    if known is not None:
        return known[1](message)
    return {name: read(message) for name, read in _getters(message.__class__).items()}


@cache
def _getters(type_: Any) -> dict[str, Callable[[Any], Any]]:
    return {name: getter(type_, name) for name in type_.DESCRIPTOR.fields_by_name}


def milliseconds(timestamp: Any) -> int:
    """Of a Timestamp that a function gave as it is. Raises BadRecord for one that was never set:
    it would be read as 1970."""
    if not timestamp.seconds and not timestamp.nanos:
        raise BadRecord("its event time is a Timestamp that was not set")
    return int(timestamp.seconds) * 1000 + int(timestamp.nanos) // 1_000_000


def is_timestamp(value: Any) -> bool:
    return is_message(value) and value.DESCRIPTOR.full_name == "google.protobuf.Timestamp"


def _type(field: Any) -> Any:
    entry = _entry(field)
    if entry is not None:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        return dict[_type(key), _type_of_one(value)]  # type: ignore[misc]
    one = _type_of_one(field)
    if _is_repeated(field):
        return list[one]  # type: ignore[valid-type]
    return Optional[one] if _may_be_unset(field) else one  # noqa: UP045


def _type_of_one(field: Any) -> Any:
    if field.cpp_type == _MESSAGE:
        known = _KNOWN.get(field.message_type.full_name)
        return _class_of(field.message_type) if known is None else known[0]
    return bytes if field.type == _BYTES else _TYPES[field.cpp_type]


def _class_of(descriptor: Any) -> Any:
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(descriptor)


def _conversion(field: Any) -> Callable[[Any], Any]:
    if field.cpp_type == _MESSAGE and field.message_type.full_name in _KNOWN:
        return _KNOWN[field.message_type.full_name][1]
    return _same


def _same(value: Any) -> Any:
    return value


def _entry(field: Any) -> Any:
    """The message of a map's entries; None: it is no map."""
    is_map = field.cpp_type == _MESSAGE and field.message_type.GetOptions().map_entry
    return field.message_type if is_map else None


def _is_repeated(field: Any) -> bool:
    told = getattr(field, "is_repeated", None)  # since Protobuf 6, whose `label` is to go
    return field.label == _REPEATED if told is None else bool(told)


def _may_be_unset(field: Any) -> bool:
    """And is then nothing: no default of proto2, either."""
    return bool(field.has_presence) and not field.has_default_value
