"""Values in frames, in state and in dead letters: MessagePack, read back as the type they had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional

import msgspec

from moldau.streams.engine import coding
from moldau.streams.engine.keys import all_typed
from moldau.streams.formats.models import decode_hook, encode_hook

UNDECLARED = (Any, dict, list)
_PLAIN = frozenset({str, int, bytes, type(None)})


class ValueFormat:
    """Of a type that is not declared come back numbers, texts and times, in maps and lists."""

    def __init__(self, type_: Any) -> None:
        self.encode: Callable[[Any], bytes] = coding.encode
        self.decode: Callable[[bytes], Any] = coding.decode
        if type_ not in UNDECLARED:
            self.encode = msgspec.msgpack.Encoder(enc_hook=encode_hook).encode
            self.decode = msgspec.msgpack.Decoder(type_, dec_hook=decode_hook).decode


class ColumnsFormat:
    """Keys, values, and columns of numbers beside them, in one piece. A value may be None."""

    def __init__(self, type_: Any, *beside: Any) -> None:
        """`beside`: the types of what else is in it, in order."""
        self._is_declared = type_ not in UNDECLARED
        values: Any = list[Optional[type_]] if self._is_declared else bytes  # noqa: UP045
        shape: Any = (list[Any] | bytes, values, *beside)
        self._encode = msgspec.msgpack.Encoder(enc_hook=encode_hook).encode
        decoder = msgspec.msgpack.Decoder(tuple[shape], dec_hook=decode_hook)
        self._decode: Callable[[bytes], tuple[Any, ...]] = decoder.decode

    def encode(self, keys: Sequence[Any], values: Sequence[Any], *beside: Any) -> bytes:
        plain = _PLAIN.issuperset(map(type, keys))
        return self._encode(
            (
                keys if plain else coding.encode(list(all_typed(keys))),
                values if self._is_declared else coding.encode(list(values)),
                *beside,
            )
        )

    def decode(self, data: bytes) -> tuple[Any, ...]:
        keys, values, *beside = self._decode(data)
        if type(keys) is bytes:
            keys = coding.decode(keys)
        if type(values) is bytes:
            values = coding.decode(values)
        return (all_typed(keys), values, *beside)
