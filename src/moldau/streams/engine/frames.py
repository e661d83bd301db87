"""Frames: how records cross a repartition topic, many in one Kafka record.

A frame holds records of one source partition for one internal partition, and how far that source
partition is: its watermark crosses with its data, in order, in the same transaction (promise 3).
Each record keeps its offset in the source, so that what was seen before a crash is skipped.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from moldau.streams.batch import Batch
from moldau.streams.engine.values import ColumnsFormat


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

    def batch(self, source: int) -> Batch:
        return Batch(self.keys, self.values, self.times, self.floors, self.offsets, source)


class FrameFormat:
    def __init__(self, type_: Any) -> None:
        numbers = list[int]
        self._columns = ColumnsFormat(type_, str, int, int, bool, numbers, numbers, numbers)

    def encode(self, frame: Frame) -> bytes:
        source, partition, watermark, idle, keys, values, times, floors, offsets = frame
        return self._columns.encode(
            keys, values, source, partition, watermark, idle, times, floors, offsets
        )

    def decode(self, data: bytes) -> Frame:
        keys, values, source, partition, watermark, idle, *rest = self._columns.decode(data)
        return Frame(source, partition, watermark, idle, keys, values, *rest)
