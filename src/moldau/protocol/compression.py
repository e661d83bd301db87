"""The codecs of a record batch: gzip, snappy as Java frames it, LZ4 frames, zstd.

Ids and framing: Apache Kafka, common/record/CompressionType.java and common/compress.
cramjam and zlib are imported on first use, because a broker passes compressed batches
through and a process that never opens one should not pay for loading them.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from struct import Struct

Buffer = bytes | bytearray | memoryview

# What one batch may grow to when it is opened. Apache Kafka has no such limit; ours keeps a
# batch of zeros (1 MB on the wire) from taking a gigabyte.
DECOMPRESSED_LIMIT = 64 * 1024 * 1024

_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER = _XERIAL_MAGIC + (1).to_bytes(4, "big") + (1).to_bytes(4, "big")
_XERIAL_BLOCK = 32 * 1024
_LENGTH = Struct(">I")
_FIRST_GUESS = 64 * 1024
_GROWTH = 16


class Codec(IntEnum):
    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


class CorruptCompression(ValueError):
    """The bytes are not what their codec says."""


class TooLargeDecompressed(ValueError):
    """The bytes would grow beyond the limit: a broken batch, or an attack."""


def decompress(codec: int, data: Buffer, limit: int = DECOMPRESSED_LIMIT) -> Buffer:
    """The plain bytes, at most `limit` of them.

    Raises CorruptCompression or TooLargeDecompressed.
    """
    if codec == Codec.NONE:
        return data
    decoder = _DECODERS.get(codec)
    if decoder is None:
        raise CorruptCompression(f"compression codec {codec} does not exist (0 to 4 do)")
    return decoder(data, limit)


def compress(codec: int, data: Buffer, level: int | None = None) -> bytes:
    """The bytes as a Java producer would frame them; `level` None is Kafka's default."""
    return _ENCODERS[codec](data, level)


def _too_large(codec: str, limit: int) -> TooLargeDecompressed:
    return TooLargeDecompressed(f"{codec} data grows beyond {limit} bytes when it is opened")


def _gunzip(data: Buffer, limit: int) -> bytes:
    import zlib

    out = []
    room = limit
    rest: Buffer = data
    while rest:
        member = zlib.decompressobj(31)
        try:
            plain = member.decompress(rest, room + 1)
        except zlib.error as error:
            raise CorruptCompression(f"gzip data is damaged: {error}") from None
        if len(plain) > room:
            raise _too_large("gzip", limit)
        if not member.eof:
            raise CorruptCompression("gzip data ends in the middle")
        room -= len(plain)
        out.append(plain)
        rest = member.unused_data
    return b"".join(out)


def _unsnappy(data: Buffer, limit: int) -> Buffer:
    if bytes(data[:8]) != _XERIAL_MAGIC:
        return _snappy_block(data, limit)
    view = memoryview(data)
    out = []
    room = limit
    position = len(_XERIAL_HEADER)
    while position < len(view):
        if position + 4 > len(view):
            raise CorruptCompression("snappy data ends in a block length")
        (size,) = _LENGTH.unpack_from(view, position)
        position += 4
        if size > len(view) - position:
            raise CorruptCompression(
                f"a snappy block says {size} bytes where {len(view) - position} are left"
            )
        block = _snappy_block(view[position : position + size], room)
        room -= len(block)
        out.append(block)
        position += size
    return b"".join(out)


def _snappy_block(data: Buffer, limit: int) -> Buffer:
    from cramjam import DecompressionError, snappy

    try:
        size = snappy.decompress_raw_len(data)
        if size > limit:
            raise _too_large("snappy", limit)
        out = bytearray(size)
        snappy.decompress_raw_into(data, out)
    except DecompressionError as error:
        raise CorruptCompression(f"snappy data is damaged: {error}") from None
    return out


def _grow(
    name: str, decode_into: Callable[[Buffer, bytearray], int], data: Buffer, limit: int
) -> Buffer:
    """Decode into ever larger buffers, up to the limit: the formats need not say their size."""
    from cramjam import DecompressionError

    size = min(limit, max(_FIRST_GUESS, 4 * len(data)))
    while True:
        out = bytearray(size)
        try:
            return memoryview(out)[: decode_into(data, out)]
        except DecompressionError as error:
            if size < limit:
                size = min(limit, size * _GROWTH)
                continue
            if "whole buffer" in str(error):
                raise _too_large(name, limit) from None
            raise CorruptCompression(f"{name} data is damaged: {error}") from None


def _unlz4(data: Buffer, limit: int) -> Buffer:
    from cramjam import lz4

    return _grow("lz4", lz4.decompress_into, data, limit)


def _unzstd(data: Buffer, limit: int) -> Buffer:
    from cramjam import zstd

    return _grow("zstd", zstd.decompress_into, data, limit)


def _gzip(data: Buffer, level: int | None) -> bytes:
    import zlib

    encoder = zlib.compressobj(-1 if level is None else level, zlib.DEFLATED, 31)
    return encoder.compress(data) + encoder.flush()


def _snappy(data: Buffer, level: int | None) -> bytes:
    from cramjam import snappy

    view = memoryview(data)
    out = [_XERIAL_HEADER]
    for start in range(0, len(view), _XERIAL_BLOCK):
        block = bytes(snappy.compress_raw(view[start : start + _XERIAL_BLOCK]))
        out += (_LENGTH.pack(len(block)), block)
    return b"".join(out)


def _lz4(data: Buffer, level: int | None) -> bytes:
    from cramjam import lz4

    # Kafka's reader refuses frames whose blocks depend on each other.
    encoder = lz4.Compressor(level=level, content_checksum=False, block_linked=False)
    encoder.compress(data)
    return bytes(encoder.finish())


def _zstd(data: Buffer, level: int | None) -> bytes:
    from cramjam import zstd

    return bytes(zstd.compress(data, level=3 if level is None else level))


_DECODERS: dict[int, Callable[[Buffer, int], Buffer]] = {
    Codec.GZIP: _gunzip,
    Codec.SNAPPY: _unsnappy,
    Codec.LZ4: _unlz4,
    Codec.ZSTD: _unzstd,
}
_ENCODERS: dict[int, Callable[[Buffer, int | None], bytes]] = {
    Codec.NONE: lambda data, _: bytes(data),
    Codec.GZIP: _gzip,
    Codec.SNAPPY: _snappy,
    Codec.LZ4: _lz4,
    Codec.ZSTD: _zstd,
}
