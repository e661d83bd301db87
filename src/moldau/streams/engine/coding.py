"""Keys and values of state as bytes: MessagePack, with the types that it lacks as extensions.

Equal values give equal bytes, so a key is found again.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from moldau.streams.aggregates import ExactFloat

_DECIMAL, _EXACT, _TUPLE, _DATETIME, _LONG = 1, 2, 3, 4, 5


def _plain(value: Any) -> Any:
    """What MessagePack would forget the type of."""
    if isinstance(value, Decimal):
        return msgspec.msgpack.Ext(_DECIMAL, str(value).encode())
    if isinstance(value, ExactFloat):
        return msgspec.msgpack.Ext(_EXACT, _encoder.encode(list(value.parts)))
    if isinstance(value, tuple):
        return msgspec.msgpack.Ext(_TUPLE, encode(list(value)))
    if isinstance(value, datetime):
        return msgspec.msgpack.Ext(_DATETIME, value.isoformat().encode())
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        return msgspec.msgpack.Ext(_LONG, str(value).encode())
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items()}
    return value


def _rich(code: int, data: memoryview) -> Any:
    raw = bytes(data)
    if code == _DECIMAL:
        return Decimal(raw.decode())
    if code == _EXACT:
        return ExactFloat(tuple(_decoder.decode(raw)))
    if code == _TUPLE:
        return tuple(_decoder.decode(raw))
    if code == _DATETIME:
        return datetime.fromisoformat(raw.decode())
    if code == _LONG:
        return int(raw)
    raise ValueError(f"state holds an extension {code} that this release does not know")


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(ext_hook=_rich)


def encode(value: Any) -> bytes:
    return _encoder.encode(_plain(value))


def decode(data: bytes) -> Any:
    return _decoder.decode(data)
