"""Large answers about the cluster, kept encoded as long as the cluster is the same: of 10,000
partitions one Metadata costs 60 ms to make, and every client asks for the same.
"""

from __future__ import annotations

from collections.abc import Hashable
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moldau.broker.request import Parts
    from moldau.cluster.image import ClusterImage

# What is smaller is made as quickly as it is found; each is a copy in memory.
LARGE = 16 * 1024
MOST = 8
_CORRELATION = Struct(">i")
_AT = 4  # behind the length of the frame


class Answers:
    """Of one image; another one forgets them all."""

    def __init__(self) -> None:
        self._image: ClusterImage | None = None
        self._frames: dict[Hashable, bytes] = {}

    def find(self, image: ClusterImage, question: Hashable, correlation_id: int) -> Parts | None:
        """The frame of the answer, with that correlation id."""
        kept = self._frames.get(question) if image is self._image else None
        if kept is None:
            return None
        frame = bytearray(kept)
        _CORRELATION.pack_into(frame, _AT, correlation_id)
        return [frame]

    def keep(self, image: ClusterImage, question: Hashable, parts: Parts) -> None:
        """When it is large; the oldest goes where there are too many."""
        if image is not self._image:
            self._image = image
            self._frames.clear()
        if len(parts) == 1 and len(parts[0]) >= LARGE:
            if len(self._frames) >= MOST:
                del self._frames[next(iter(self._frames))]
            self._frames[question] = bytes(parts[0])
