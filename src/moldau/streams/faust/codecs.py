"""Serializers by their names in Faust, and what a topic makes of them and its types."""

from __future__ import annotations

from base64 import b64decode, b64encode
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from moldau.streams.faust.blessed import META, from_blessed
from moldau.streams.faust.calls import Answer, Asked, call_of
from moldau.streams.faust.keeping import pack, unpack
from moldau.streams.faust.records import Record
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


class Json:
    dumps = staticmethod(msgspec.json.Encoder(enc_hook=_hook).encode)
    loads = staticmethod(msgspec.json.Decoder().decode)


class Raw:
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


class Binary:
    """base64."""

    @staticmethod
    def dumps(value: Any) -> bytes:
        return b64encode(Raw.dumps(value))

    @staticmethod
    def loads(data: bytes) -> bytes:
        return b64decode(data)


class Packed:
    """What tables keep values as."""

    dumps = staticmethod(pack)
    loads = staticmethod(unpack)


class Chain:
    """One behind the other: `json|binary`, or `codec | codec`."""

    def __init__(self, *codecs: Codec) -> None:
        self._codecs = codecs

    def dumps(self, value: Any) -> bytes:
        for one in self._codecs:
            value = one.dumps(value)
        return bytes(value)

    def loads(self, data: bytes) -> Any:
        value: Any = data
        for one in reversed(self._codecs):
            value = one.loads(value)
        return value

    def __or__(self, other: Codec) -> Chain:
        return Chain(*self._codecs, other)


JSON = Json()
_CODECS: dict[str, Codec] = {"json": JSON, "raw": Raw(), "binary": Binary()}


def register(name: str, codec: Codec) -> None:
    """From now on that is what the name means."""
    _CODECS[name] = codec


def codec_of(serializer: Any) -> Codec:
    """Of a name, or an object with `dumps` and `loads`. Raises NotAvailable."""
    if hasattr(serializer, "dumps") and hasattr(serializer, "loads"):
        made: Codec = serializer
        return made
    names = str(serializer).split("|")
    for name in names:
        if name not in _CODECS:
            raise refuse(
                f"serializer {name!r}",
                f"one of {', '.join(_CODECS)}, or an object with dumps(value) and loads(bytes)",
            )
    return _CODECS[names[0]] if len(names) == 1 else Chain(*(_CODECS[name] for name in names))


class Typed:
    """A format of `moldau.streams`: a serializer, and a type made of what it reads."""

    def __init__(self, type_: Any, serializer: Any) -> None:
        self._type = type_
        self._codec = codec_of(serializer)
        self._is_record = isinstance(type_, type) and issubclass(type_, Record)

    def decode(self, data: bytes | None) -> Any:
        if data is None:  # a tombstone
            return None
        call = call_of(data)
        if call is not None:
            if isinstance(call, Asked):
                call.value = self._made(call.value)
            return call
        return self._made(self._codec.loads(data))

    def _made(self, value: Any) -> Any:
        type_ = self._type
        if self._is_record:
            return value if value is None else type_.from_data(value)
        if type_ is bytes or isinstance(self._codec, Raw):
            value = value.encode() if isinstance(value, str) else value
        if isinstance(value, bytes) and type_ in (str, int, float, Decimal):
            return type_(value.decode())
        if type_ in (int, float, Decimal) and value is not None:
            return type_(value)
        return from_blessed(value) if isinstance(value, dict) and META in value else value

    def encode(self, value: Any) -> bytes:
        if isinstance(value, (Asked, Answer)):
            return JSON.dumps(value)
        if isinstance(value, Record):
            value = value.to_representation()
        elif isinstance(value, (int, float, Decimal)) and isinstance(self._codec, Raw):
            value = str(value)
        return self._codec.dumps(value)
