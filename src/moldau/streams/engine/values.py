"""Whole values in state and in dead letters: MessagePack, read back as the type they had."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class ValueFormat:
    """Of a type that is not declared come back what MessagePack has: maps, lists and texts."""

    def __init__(self, type_: Any) -> None:
        import msgspec

        self.encode: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
        self.decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder(type_).decode
