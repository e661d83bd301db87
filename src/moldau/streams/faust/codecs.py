"""Serializers by their names in Faust, and what a topic makes of them and its types."""

from __future__ import annotations

from base64 import b64decode, b64encode
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from moldau.streams.faust.records import META, Record, from_blessed
from moldau.streams.faust.refusals import refuse
from moldau.streams.formats.models import encode_hook


class Codec(Protocol):
    def dumps(self, value: Any) -> bytes: ...

    def loads(self, data: bytes) -> Any: ...


def _hook(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_representation()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return encode_hook(value)


class _Json:
    dumps = staticmethod(msgspec.json.Encoder(enc_hook=_hook).encode)
    loads = staticmethod(msgspec.json.Decoder().decode)


class _Raw:
    @staticmethod
    def dumps(value: Any) -> bytes:
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        raise TypeError(
            f"serializer 'raw' writes bytes and str, not {type(value).__name__}: 'json' writes it"
        )

    @staticmethod
    def loads(data: bytes) -> bytes:
        return data


class _Binary:
    """base64."""

    @staticmethod
    def dumps(value: Any) -> bytes:
        return b64encode(_Raw.dumps(value))

    @staticmethod
    def loads(data: bytes) -> bytes:
        return b64decode(data)


_CODECS: dict[str, Codec] = {"json": _Json(), "raw": _Raw(), "binary": _Binary()}


def codec_of(serializer: Any) -> Codec:
    """Of a name, or an object with `dumps` and `loads`. Raises NotAvailable."""
    if hasattr(serializer, "dumps") and hasattr(serializer, "loads"):
        made: Codec = serializer
        return made
    if serializer not in _CODECS:
        raise refuse(
            f"serializer {serializer!r}",
            f"one of {', '.join(_CODECS)}, or an object with dumps(value) and loads(bytes)",
        )
    return _CODECS[serializer]


class Typed:
    """A format of `moldau.streams`: a serializer, and a type made of what it reads."""

    def __init__(self, type_: Any, serializer: Any) -> None:
        self._type = type_
        self._codec = codec_of(serializer)
        self._is_record = isinstance(type_, type) and issubclass(type_, Record)

    def decode(self, data: bytes | None) -> Any:
        if data is None:  # a tombstone
            return None
        value = self._codec.loads(data)
        type_ = self._type
        if self._is_record:
            return value if value is None else type_.from_data(value)
        if type_ is bytes:
            return value.encode() if isinstance(value, str) else value
        if isinstance(value, bytes) and type_ in (str, int, float, Decimal):
            return type_(value.decode())
        if type_ in (int, float, Decimal) and value is not None:
            return type_(value)
        return from_blessed(value) if isinstance(value, dict) and META in value else value

    def encode(self, value: Any) -> bytes:
        if isinstance(value, Record):
            value = value.to_representation()
        elif isinstance(value, (int, float, Decimal)) and isinstance(self._codec, _Raw):
            value = str(value)
        return self._codec.dumps(value)
