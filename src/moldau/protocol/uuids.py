"""Kafka's uuids (topics, directories, clusters): 16 bytes, written as 22 url-safe characters."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Callable

ZERO = bytes(16)
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


def to_text(uuid: bytes) -> str:
    return b2a_base64(uuid, newline=False).translate(_TO_URL)[:22].decode()


def from_text(text: str) -> bytes:
    """The 16 bytes of a uuid. Raises ValueError when the text is not one."""
    try:
        uuid = a2b_base64(text.encode("ascii").translate(_FROM_URL) + b"==")
    except (Error, UnicodeEncodeError) as error:
        raise ValueError(f"{text!r} is not a uuid of 22 url-safe characters: {error}") from None
    if len(uuid) != 16:
        raise ValueError(f"{text!r} is not a uuid: it holds {len(uuid)} bytes, not 16")
    return uuid


def draw(randbytes: Callable[[int], bytes]) -> bytes:
    """A random uuid (RFC 9562, version 4). Kafka draws again when the text would begin with a
    dash: it would look like an option on a command line."""
    while True:
        raw = bytearray(randbytes(16))
        raw[6] = raw[6] & 0x0F | 0x40
        raw[8] = raw[8] & 0x3F | 0x80
        uuid = bytes(raw)
        if not to_text(uuid).startswith("-"):
            return uuid
