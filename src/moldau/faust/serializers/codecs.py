"""Serializers of one's own: `codecs.register("msgpack", codec)`."""

from __future__ import annotations

from typing import Any

from moldau.streams.faust.codecs import Binary, Chain
from moldau.streams.faust.codecs import Codec as Coding
from moldau.streams.faust.codecs import codec_of as get_codec
from moldau.streams.faust.codecs import register as register


class Codec(Chain):
    """Subclasses write `_dumps(value) -> bytes` and `_loads(bytes) -> value`."""

    def __init__(self, *children: Any, **_: Any) -> None:
        super().__init__(_Own(self), *children)

    def _dumps(self, obj: Any) -> bytes:
        raise NotImplementedError

    def _loads(self, s: bytes) -> Any:
        raise NotImplementedError


class _Own:
    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def dumps(self, value: Any) -> bytes:
        return self._codec._dumps(value)

    def loads(self, data: bytes) -> Any:
        return self._codec._loads(data)


def binary() -> Coding:
    """base64."""
    return Binary()


def dumps(codec: Any, value: Any) -> bytes:
    return get_codec(codec).dumps(value)


def loads(codec: Any, data: bytes) -> Any:
    return get_codec(codec).loads(data)
