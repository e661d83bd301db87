"""Frames: how records cross a repartition topic, many in one Kafka record.

A frame holds records of one source partition for one internal partition, and how far that source
partition is: its watermark crosses with its data, in order, in the same transaction (promise 3).
Each record keeps its offset in the source, so that what was seen before a crash is skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from moldau.streams.batch import Batch
from moldau.streams.models import decode_hook, encode_hook


class Frame(NamedTuple):
    """`watermark` is that of the source partition behind the records; `idle`: it is read to its
    end and quiet."""

    source: str
    partition: int
    watermark: int
    idle: bool
    keys: list[Any]
    values: list[Any]
    times: list[int]
    floors: list[int]
    offsets: list[int]

    @property
    def batch(self) -> Batch:
        return Batch(self.keys, self.values, self.times, self.floors, self.offsets, self.partition)


class FrameFormat:
    """MessagePack; the values as their type says, in one piece."""

    def __init__(self, type_: Any) -> None:
        import msgspec

        self._encode = msgspec.msgpack.Encoder(enc_hook=encode_hook).encode
        shape = tuple[str, int, int, bool, list[Any], list[type_], list[int], list[int], list[int]]
        decoder = msgspec.msgpack.Decoder(shape, dec_hook=decode_hook)
        self._decode: Callable[[bytes], tuple[Any, ...]] = decoder.decode

    def encode(self, frame: Frame) -> bytes:
        return self._encode(tuple(frame))

    def decode(self, data: bytes) -> Frame:
        return Frame(*self._decode(data))
