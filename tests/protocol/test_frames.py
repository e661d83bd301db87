"""FrameCutter: whatever the pieces, the frames come out whole and in order."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moldau.protocol.frames import BadFrame, FrameCutter

LIMIT = 1 << 21


def framed(frames: list[bytes]) -> bytes:
    return b"".join(pack(">i", len(f)) + f for f in frames)


def feed(cutter: FrameCutter, data: bytes) -> list[bytes]:
    """As the body does it: into the cutter's own room where it has one."""
    out: list[bytes] = []
    while data:
        room = cutter.room()
        if room is None:
            out += [bytes(f) for f in cutter.feed(data)]
            break
        count = min(len(room), len(data))
        room[:count] = data[:count]
        room.release()
        frame = cutter.filled(count)
        data = data[count:]
        if frame is not None:
            out.append(bytes(frame))
    return out


@given(
    st.lists(st.binary(max_size=60), max_size=12),
    st.lists(st.integers(1, 50), min_size=1, max_size=20),
)
def test_any_cutting_of_the_stream_gives_the_same_frames(
    frames: list[bytes], sizes: list[int]
) -> None:
    data = framed(frames)
    cutter = FrameCutter(LIMIT)
    out: list[bytes] = []
    i = 0
    while data:
        size = sizes[i % len(sizes)]
        out += feed(cutter, data[:size])
        data = data[size:]
        i += 1
    assert out == frames


def test_a_large_frame_grows_with_what_arrives() -> None:
    large = bytes(range(256)) * 4096
    cutter = FrameCutter(LIMIT)
    data = framed([large, b"next"])
    out = feed(cutter, data[:1000])
    room = cutter.room()
    assert room is not None
    assert len(room) < len(large), "an announced length alone must not cost its memory"
    room.release()
    for i in range(1000, len(data), 70_000):
        out += feed(cutter, data[i : i + 70_000])
    assert out == [large, b"next"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (pack(">i", -1), "-1 bytes"),
        (pack(">i", LIMIT + 1), str(LIMIT)),
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "TLS"),
    ],
)
def test_what_is_no_frame_is_refused_and_named(data: bytes, says: str) -> None:
    with pytest.raises(BadFrame, match=says):
        FrameCutter(LIMIT).feed(data)
