"""Values in frames, in state and in dead letters: MessagePack, read back as the type they had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional

import msgspec

from moldau.streams import fields, types
from moldau.streams.engine import coding
from moldau.streams.engine.keys import all_typed
from moldau.streams.engine.told import Told
from moldau.streams.formats.models import decode_hook, encode_hook
from moldau.streams.types import UNDECLARED

_PLAIN = frozenset({str, int, bytes, type(None)})


class ValueFormat:
    """Of a type that is not declared come back numbers, texts and times, in maps and lists."""

    def __init__(self, type_: Any) -> None:
        self.encode: Callable[[Any], bytes] = coding.encode
        self.decode: Callable[[bytes], Any] = coding.decode
        if types.is_mixed(type_):
            told = Told(fields.alternatives(type_))
            self.encode, self.decode = told.encode, told.decode
        elif type_ not in UNDECLARED:
            self.encode = msgspec.msgpack.Encoder(enc_hook=encode_hook).encode
            self.decode = msgspec.msgpack.Decoder(type_, dec_hook=decode_hook).decode


class PairFormat:
    """A pair of values, either of which may be None, or None. `is_named`: with a name before it."""

    def __init__(self, left: Any, right: Any, *, is_named: bool) -> None:
        self._formats = [ValueFormat(left), ValueFormat(right)]
        self._is_named = is_named

    def encode(self, parts: Any) -> bytes:
        name, pair = parts if self._is_named else (b"", parts)
        each = zip(self._formats, pair or (), strict=False)
        written = [None if one is None else format_.encode(one) for format_, one in each]
        return coding.encode([name, written])

    def decode(self, data: bytes) -> Any:
        name, written = coding.decode(data)
        each = zip(self._formats, written, strict=False)
        pair = tuple(None if one is None else format_.decode(one) for format_, one in each) or None
        return (name, pair) if self._is_named else pair


class ColumnsFormat:
    """Keys, values, and columns of numbers beside them, in one piece. A value may be None."""

    def __init__(self, type_: Any, *beside: Any) -> None:
        """`beside`: the types of what else is in it, in order."""
        self._is_mixed = types.is_mixed(type_)
        self._encode_values: Callable[[list[Any]], bytes] | None = None
        self._decode_values: Callable[[bytes], list[Any]] = coding.decode
        values: Any = bytes
        if self._is_mixed:
            told = Told(fields.alternatives(type_))
            self._encode_values, self._decode_values = told.encode_all, told.decode_all
            values = list[Any] | bytes
        elif type_ in UNDECLARED:
            self._encode_values = coding.encode
        else:
            values = list[Optional[type_]]  # noqa: UP045
        shape: Any = (list[Any] | bytes, values, *beside)
        self._encode = msgspec.msgpack.Encoder(enc_hook=encode_hook).encode
        decoder = msgspec.msgpack.Decoder(tuple[shape], dec_hook=decode_hook)
        self._decode: Callable[[bytes], tuple[Any, ...]] = decoder.decode

    def encode(self, keys: Sequence[Any], values: Sequence[Any], *beside: Any) -> bytes:
        plain = _PLAIN.issuperset(map(type, keys))
        write = self._encode_values
        return self._encode(
            (
                keys if plain else coding.encode(list(all_typed(keys))),
                values if write is None else write(list(values)),
                *beside,
            )
        )

    def decode(self, data: bytes) -> tuple[Any, ...]:
        keys, values, *beside = self._decode(data)
        if type(keys) is bytes:
            keys = coding.decode(keys)
        if type(values) is bytes:
            values = self._decode_values(values)
        elif self._is_mixed and values:
            raise Told.untold()
        return (all_typed(keys), values, *beside)
