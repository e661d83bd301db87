"""What can be done to the bytes of a good request."""

from __future__ import annotations

from random import Random

_EDGES = (b"\0", b"\x7f", b"\x80", b"\xff")
_LENGTHS = (0, 1, -1, -2, 2, 127, 128, 255, 32767, -32768, 65535, (1 << 31) - 1, -(1 << 31))


def mutate(rng: Random, payload: bytes, header: int) -> bytes:
    """One to three changes behind the first `header` bytes, which say what the request is; now and
    then in those as well."""
    data = bytearray(payload)
    first = 0 if rng.random() < 0.05 else header
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        rng.choice(_WAYS)(rng, data, min(first, len(data)))
    return bytes(data)


def _flip(rng: Random, data: bytearray, first: int) -> None:
    if len(data) > first:
        data[rng.randrange(first, len(data))] ^= 1 << rng.randrange(8)


def _cut(rng: Random, data: bytearray, first: int) -> None:
    del data[rng.randint(first, len(data)) :]


def _insert(rng: Random, data: bytearray, first: int) -> None:
    at = rng.randint(first, len(data))
    data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 8, 100)))


def _remove(rng: Random, data: bytearray, first: int) -> None:
    at = rng.randint(first, len(data))
    del data[at : at + rng.choice((1, 2, 4, 8))]


def _lie(rng: Random, data: bytearray, first: int) -> None:
    """A number of 1, 2, 4 or 8 bytes becomes one of those that are wrong as a length."""
    width = rng.choice((1, 2, 4, 8))
    if len(data) - first >= width:
        at = rng.randint(first, len(data) - width)
        value = rng.choice(_LENGTHS) & ((1 << 8 * width) - 1)
        data[at : at + width] = value.to_bytes(width, "big")


def _edge(rng: Random, data: bytearray, first: int) -> None:
    if len(data) > first:
        at = rng.randrange(first, len(data))
        data[at : at + 1] = rng.choice(_EDGES) * rng.choice((1, 1, 5, 10))


def _swap(rng: Random, data: bytearray, first: int) -> None:
    """Two pieces change places."""
    width = rng.choice((1, 2, 4, 8, 16))
    if len(data) - first >= 2 * width:
        one = rng.randint(first, len(data) - 2 * width)
        two = rng.randint(one + width, len(data) - width)
        piece = bytes(data[one : one + width])
        data[one : one + width] = data[two : two + width]
        data[two : two + width] = piece


def _repeat(rng: Random, data: bytearray, first: int) -> None:
    at = rng.randint(first, len(data))
    data[at:at] = data[at : at + rng.choice((2, 8, 32, 200))] * rng.choice((1, 2, 50))


_WAYS = (_flip, _flip, _cut, _insert, _remove, _lie, _lie, _edge, _swap, _repeat)
