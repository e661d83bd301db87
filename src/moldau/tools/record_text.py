"""Records as text: a template with kcat's letters, JSON that `moldau produce --input json` takes
back, and the types of keys and values."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from moldau.tools.cli_frame import Failure
from moldau.tools.formatters import Record

Text = Callable[[bytes], str]
# A JSON value for bytes: text, or {"base64": …} for what is none.
Json = str | dict[str, str] | None
_JAVA = "org.apache.kafka.common.serialization.{}Deserializer"
_KINDS = {
    "short": "Short",
    "int": "Integer",
    "long": "Long",
    "float": "Float",
    "double": "Double",
    "uuid": "UUID",
    "bool": "Boolean",
}
TYPES = ("text", "hex", "base64", *_KINDS)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\"}
LETTERS = (
    "%%t topic, %%p partition, %%o offset, %%k key, %%v value, %%h headers, %%T timestamp in ms, "
    "%%d date, %%K and %%V sizes in bytes, \\n \\t"
)


class Place(NamedTuple):
    """A record and where it came from."""

    topic: str
    record: Record


def reader_of(kind: str) -> Text:
    """How bytes of one of TYPES are shown; it raises ValueError for what is not of the type."""
    if kind == "text":
        return lambda data: data.decode("utf-8", "backslashreplace")
    if kind == "hex":
        return lambda data: data.hex()
    if kind == "base64":
        return lambda data: base64.b64encode(data).decode()
    from moldau.tools.deserializers import find

    read = find(_JAVA.format(_KINDS[kind]), {}, False)
    assert read is not None, f"TYPES names {kind}, which Kafka has no deserializer for"
    return read


def shown(data: bytes | None, read: Text, absent: str = "") -> str:
    return absent if data is None else read(data)


# --- templates


def template(text: str, key: Text, value: Text) -> Callable[[Place], str]:
    """`'%t[%p]@%o %k %v\\n'`. Raises Failure for a letter that means nothing."""
    parts: dict[str, Callable[[Place], str]] = {
        "%": lambda _: "%",
        "t": lambda place: place.topic,
        "p": lambda place: str(place.record.partition),
        "o": lambda place: str(place.record.offset),
        "k": lambda place: shown(place.record.key, key),
        "v": lambda place: shown(place.record.value, value),
        "s": lambda place: shown(place.record.value, value),
        "h": lambda place: headers(place.record),
        "T": lambda place: str(place.record.timestamp),
        "d": lambda place: date(place.record.timestamp),
        "K": lambda place: str(_size(place.record.key)),
        "V": lambda place: str(_size(place.record.value)),
        "S": lambda place: str(_size(place.record.value)),
    }
    pieces: list[str | Callable[[Place], str]] = []
    for sign, letter, plain in re.findall(r"([%\\])(.?)|([^%\\]+)", text, re.DOTALL):
        known = parts.get(letter) if sign == "%" else _ESCAPES.get(letter)
        if sign and known is None:
            raise Failure(f"--format: {sign + letter} means nothing; there are {_letters()}.")
        pieces.append(known if known is not None else plain)
    return lambda place: "".join(
        piece if isinstance(piece, str) else piece(place) for piece in pieces
    )


def _letters() -> str:
    return LETTERS.replace("%%", "%")


def headers(record: Record) -> str:
    """`a=1,b=2`."""
    text = reader_of("text")
    return ",".join(f"{name}={shown(value, text)}" for name, value in record.headers)


def date(timestamp: int) -> str:
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(timestamp / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _size(data: bytes | None) -> int:
    return -1 if data is None else len(data)


# --- JSON


def to_json(place: Place, key: Text | None = None, value: Text | None = None) -> dict[str, Any]:
    """Without a type what is no text becomes {"base64": …}, so that nothing is lost."""
    record = place.record
    return {
        "topic": place.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "headers": [[name, _json(data)] for name, data in record.headers],
        "key": _field(record.key, key),
        "value": _field(record.value, value),
    }


def json_lines(key: Text | None, value: Text | None) -> Callable[[Place], str]:
    import json

    return lambda place: json.dumps(to_json(place, key, value), ensure_ascii=False) + "\n"


def _field(data: bytes | None, read: Text | None) -> Json:
    return _json(data) if data is None or read is None else read(data)


def _json(data: bytes | None) -> Json:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def from_json(value: object) -> bytes | None:
    """Bytes of a JSON value; an object or a list that is none of ours is kept as JSON. Raises
    ValueError."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and set(value) == {"base64"}:
        try:
            return base64.b64decode(value["base64"], validate=True)
        except (binascii.Error, TypeError) as error:
            raise ValueError(f"base64 is wrong: {error}") from None
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
