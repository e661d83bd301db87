"""Whole values in state and in dead letters: MessagePack, read back as the type they had."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moldau.streams.models import decode_hook, encode_hook


class ValueFormat:
    """Of a type that is not declared come back what MessagePack has: maps, lists and texts."""

    def __init__(self, type_: Any) -> None:
        import msgspec

        self.encode: Callable[[Any], bytes] = msgspec.msgpack.Encoder(enc_hook=encode_hook).encode
        decoder = msgspec.msgpack.Decoder(type_, dec_hook=decode_hook)
        self.decode: Callable[[bytes], Any] = decoder.decode
