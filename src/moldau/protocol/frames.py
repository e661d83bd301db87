"""Cuts a stream of bytes into frames: a length of four bytes, then so many bytes."""

from __future__ import annotations

from struct import Struct

_LENGTH = Struct(">i")
_FIRST_ROOM = 256 * 1024


class BadFrame(ValueError):
    """The peer does not speak Kafka, or wants to send more than is allowed."""


class FrameCutter:
    """Bytes in, frames out. A frame that is larger than what arrived with it is collected in a
    buffer of its own, into which the body can receive directly (`room`)."""

    __slots__ = ("_filled", "_large", "_length", "_tail", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._tail = b""
        self._large: bytearray | None = None
        self._length = 0
        self._filled = 0

    def room(self) -> memoryview | None:
        """Where the next bytes of the frame under way belong, or None when any buffer will do."""
        large = self._large
        if large is None:
            return None
        if self._filled == len(large):
            # The buffer grows with what arrived: an announced length alone costs no memory.
            large.extend(bytes(min(self._length - len(large), len(large))))
        return memoryview(large)[self._filled :]

    def filled(self, count: int) -> bytes | bytearray | None:
        """`count` bytes were received into `room()`. The frame, if that completed it."""
        assert self._large is not None
        self._filled += count
        if self._filled < self._length:
            return None
        frame, self._large = self._large, None
        return frame

    def feed(self, data: bytes | memoryview) -> list[bytes | bytearray]:
        """The frames that are complete with `data`. Raises BadFrame."""
        if self._tail:
            data = self._tail + data
            self._tail = b""
        position, end = 0, len(data)
        if end >= 4 and _LENGTH.unpack_from(data)[0] == end - 4 <= self.limit:
            return [bytes(data[4:])]  # just one, which is usual
        frames: list[bytes | bytearray] = []
        while end - position >= 4:
            (length,) = _LENGTH.unpack_from(data, position)
            if not 0 <= length <= self.limit:
                raise BadFrame(self._why(length, bytes(data[position : position + 4])))
            start = position + 4
            position = start + length
            if position > end:
                self._begin_large(length, data[start:])
                return frames
            frames.append(bytes(data[start:position]))
        self._tail = bytes(data[position:])
        return frames

    def _begin_large(self, length: int, data: bytes | memoryview) -> None:
        self._length = length
        self._filled = len(data)
        self._large = bytearray(min(length, max(_FIRST_ROOM, self._filled)))
        self._large[: self._filled] = data

    def _why(self, length: int, head: bytes) -> str:
        if head in (b"GET ", b"POST", b"HEAD", b"PUT "):
            return f"it speaks HTTP ({head.decode().strip()}), and this port speaks Kafka"
        if head[0] == 0x16 and head[1] == 3:
            return "it speaks TLS, and this listener is PLAINTEXT"
        return (
            f"it announces a request of {length} bytes; "
            f"the limit is {self.limit} (socket.request.max.bytes)"
        )
