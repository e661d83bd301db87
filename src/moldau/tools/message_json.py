"""Messages as Kafka's JsonConverters write them, and JSON as Jackson prints it.

Apache Kafka: generator/…/JsonConverterGenerator.java; Jackson: core/io/JsonStringEncoder.java.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from typing import Any

from moldau.protocol.schema import Field, Struct
from moldau.protocol.uuids import to_text

_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def as_json(struct: Struct, version: int) -> dict[str, Any]:
    """camelCase, uuids and bytes as text, tagged fields only if not at their default."""
    return {
        camel(field.name): _value(field, getattr(struct, field.name), version)
        for field in type(struct).fields
        if field.carried_in(version)
        and not (field.tagged_in(version) and _is_default(field, getattr(struct, field.name)))
    }


def _is_default(field: Field, value: Any) -> bool:
    default = ([] if field.kind == "array" else field.of()) if field.starts_anew else field.default
    return bool(value == default)


def _value(field: Field, value: Any, version: int) -> Any:
    if value is None:
        return None
    if field.kind == "array":
        element = Field(field.of) if isinstance(field.of, str) else Field("struct", of=field.of)
        return [_value(element, item, version) for item in value]
    if field.kind == "struct":
        return as_json(value, version)
    if field.kind == "uuid":
        return to_text(value)
    if field.kind == "bytes":
        return b2a_base64(bytes(value), newline=False).decode()
    return value


def camel(name: str) -> str:
    """A field as Java names it."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def dumps(value: Any) -> str:
    """Jackson's compact form: nothing but quotes, backslashes and control characters is escaped."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_text(k)}:{dumps(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _text(value: str) -> str:
    return f'"{_ESCAPED.sub(_escape, value)}"'


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return _SHORT.get(character) or f"\\u{ord(character):04X}"


def _double(value: float) -> str:
    """Numbers that are none stand in quotes."""
    from moldau.tools.java_numbers import double

    text = double(value)
    return text if text.lstrip("-")[:1].isdigit() else f'"{text}"'
