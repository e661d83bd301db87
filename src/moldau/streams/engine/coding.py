"""Keys and values of state as bytes: MessagePack, with the types that it lacks as extensions.

Equal values give equal bytes, so a key is found again. Of a type that is not among those below, as
a struct or an enumeration, the fields or the value are kept: `kept` says what comes back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec

from moldau.streams.engine.typed_keys import TypedKey
from moldau.streams.exact_float import ExactFloat
from moldau.streams.formats.models import encode_hook

_DECIMAL, _EXACT, _TUPLE, _DATETIME, _LONG = 1, 2, 3, 4, 5
_SET, _FROZEN_SET, _MAP, _DATE, _TIME, _SPAN, _UUID, _NAN = 6, 7, 8, 9, 10, 11, 12, 13
_US = timedelta(microseconds=1)

# What comes back as it was, and holds nothing else.
KEPT = frozenset(
    {str, int, float, bool, bytes, type(None), Decimal, datetime, date, time, timedelta, UUID}
)
_AS_IT_IS = frozenset({str, bool, bytes, type(None)})


def _plain(value: Any) -> Any:
    """What MessagePack would forget the type of, as an extension."""
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    plain = _PLAIN.get(kind)
    if plain is None:
        plain = next((made for type_, made in _PLAIN.items() if isinstance(value, type_)), _same)
    return plain(value)


def _same(value: Any) -> Any:
    return value


def _extension(code: int, written: Callable[[Any], bytes]) -> Callable[[Any], Any]:
    return lambda value: msgspec.msgpack.Ext(code, written(value))


def _integer(value: int) -> Any:
    short = -(1 << 63) <= value < 1 << 64
    return value if short else msgspec.msgpack.Ext(_LONG, str(value).encode())


def _float(value: float) -> Any:
    """NaN is one value, whatever its bits are, and comes back as one object: so it is found again
    by who looks for what is the same or equal."""
    return value if value == value else msgspec.msgpack.Ext(_NAN, b"")


def _list(value: list[Any]) -> list[Any]:
    return [_plain(one) for one in value]


def _dict(value: dict[Any, Any]) -> Any:
    if all(type(key) is str for key in value):
        return {key: _plain(one) for key, one in value.items()}
    pairs = sorted((encode(key), encode(one)) for key, one in value.items())
    return msgspec.msgpack.Ext(_MAP, _encoder.encode(pairs))


def _elements(value: Any) -> bytes:
    return _encoder.encode(sorted(map(encode, value)))


def _parts_of(value: ExactFloat) -> list[Any]:
    """And behind them what it counts, where there is any."""
    return [*value.parts, list(value.others)] if any(value.others) else list(value.parts)


def _exact(kept: list[Any]) -> ExactFloat:
    if kept and isinstance(kept[-1], list):
        *parts, others = kept
        return ExactFloat(tuple(parts), tuple(others))
    return ExactFloat(tuple(kept))


def _iso(value: Any) -> bytes:
    return str(value.isoformat()).encode()


# By type; of what is none of these but is of one, the first one counts.
_PLAIN: dict[type, Callable[[Any], Any]] = {
    Enum: lambda value: _plain(value.value),
    int: _integer,
    float: _float,
    list: _list,
    dict: _dict,
    tuple: _extension(_TUPLE, lambda value: encode(list(value))),
    Decimal: _extension(_DECIMAL, lambda value: str(value).encode()),
    datetime: _extension(_DATETIME, _iso),
    ExactFloat: _extension(_EXACT, lambda value: _encoder.encode(_parts_of(value))),
    set: _extension(_SET, _elements),
    frozenset: _extension(_FROZEN_SET, _elements),
    date: _extension(_DATE, _iso),
    time: _extension(_TIME, _iso),
    timedelta: _extension(_SPAN, lambda value: str(value // _US).encode()),
    UUID: _extension(_UUID, lambda value: bytes(value.bytes)),
    TypedKey: lambda key: msgspec.Raw(key.name),
}

_RICH: dict[int, Callable[[bytes], Any]] = {
    _DECIMAL: lambda raw: Decimal(raw.decode()),
    _EXACT: lambda raw: _exact(_decoder.decode(raw)),
    _TUPLE: lambda raw: tuple(_decoder.decode(raw)),
    _DATETIME: lambda raw: datetime.fromisoformat(raw.decode()),
    _LONG: int,
    _SET: lambda raw: set(map(decode, _decoder.decode(raw))),
    _FROZEN_SET: lambda raw: frozenset(map(decode, _decoder.decode(raw))),
    _MAP: lambda raw: {decode(key): decode(one) for key, one in _decoder.decode(raw)},
    _DATE: lambda raw: date.fromisoformat(raw.decode()),
    _TIME: lambda raw: time.fromisoformat(raw.decode()),
    _SPAN: lambda raw: int(raw) * _US,
    _UUID: lambda raw: UUID(bytes=raw),
    _NAN: lambda _: math.nan,
}


def _rich(code: int, data: memoryview) -> Any:
    if code not in _RICH:
        raise ValueError(f"state holds an extension {code} that this release does not know")
    return _RICH[code](bytes(data))


_encoder: msgspec.msgpack.Encoder = msgspec.msgpack.Encoder(
    order="deterministic", enc_hook=encode_hook
)
_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(ext_hook=_rich)


def encode(value: Any) -> bytes:
    return _encoder.encode(_plain(value))


def decode(data: bytes) -> Any:
    return _decoder.decode(data)


def kept(value: Any) -> Any:
    """What comes back of it, after a restart or in another task."""
    if type(value) in KEPT and value == value:
        return value
    return decode(encode(value))
