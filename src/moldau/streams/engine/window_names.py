"""Rows of open windows by name: those of a window lie together, in the order of their keys.

So a window that is not in memory is read as a range, and what leaves it comes in an order that
depends neither on the records nor on what was in memory. Texts, numbers and bytes are in the order
that they have in Python; other keys in one that is always the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from moldau.streams.engine.coding import encode
from moldau.streams.engine.keys import typed_in
from moldau.streams.errors import StreamsError

Place = tuple[int, Any]
"""Where a window begins, in ms since 1970, and a key."""

_WIDTH = 8
_MIDDLE = 1 << 63  # numbers below it are negative
_TEXT, _NUMBER, _BYTES, _OTHER = b"s", b"i", b"b", b"z"
_PLAIN = ({str}, {int}, {bytes})


def of_start(start: int) -> bytes:
    """How all rows of the window begin that begins there."""
    return (start + _MIDDLE).to_bytes(_WIDTH, "big")


def start_in(name: bytes) -> int:
    return int.from_bytes(name[:_WIDTH], "big") - _MIDDLE


def of_key(key: Any) -> bytes:
    name: bytes
    kind = type(key)
    if kind is str:
        name = _TEXT + key.encode()
    elif kind is int and -_MIDDLE <= key < _MIDDLE:
        name = _NUMBER + of_start(key)
    elif kind is bytes:
        name = _BYTES + key
    else:
        name = _OTHER + encode(key)
    return name


def of_place(place: Place) -> bytes:
    start, key = place
    return of_start(start) + of_key(key)


def place_in(name: bytes) -> Place:
    """Raises StreamsError."""
    return start_in(name), key_in(name[_WIDTH:])


def key_in(name: bytes) -> Any:
    """Raises StreamsError."""
    read = _READERS.get(name[:1])
    if read is None:
        raise StreamsError(
            f"state holds a row {name!r} that this release does not know: reset the program "
            f"(moldau streams reset)"
        )
    return read(name[1:])


_READERS: dict[bytes, Callable[[bytes], Any]] = {
    _TEXT: bytes.decode,
    _NUMBER: start_in,
    _BYTES: bytes,
    _OTHER: typed_in,
}


def in_order(keys: Iterable[Any]) -> list[Any]:
    """As their names are."""
    keys = list(keys)
    if set(map(type, keys)) in _PLAIN:
        keys.sort()
        if not keys or type(keys[0]) is not int or -_MIDDLE <= keys[0] <= keys[-1] < _MIDDLE:
            return keys
    return sorted(keys, key=of_key)
